"""Runs: start them, and read them with their logs, as the caller's role allows."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from codeactions.domain.access import Action, require
from codeactions.domain.caller import Caller
from codeactions.domain.code import Code, code_not_found
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.ids import AnyId
from codeactions.domain.log import StoredLog, log_not_found
from codeactions.domain.page import PAGE_SIZE, Page
from codeactions.domain.run import AnsweredRun, FinishedRun, Run, RunStatus, run_not_found
from codeactions.limits.call_meter import CallMeter
from codeactions.postgres.codelogs import LogStore
from codeactions.postgres.coderuns import ListedRun, RunStore
from codeactions.services.call_request import CallRequest, build_call
from codeactions.services.collaborators import CodesById, Ids, Keys, ReadBody, Runs

_Item = TypeVar("_Item")
# The query parameters of /run itself, which the code does not get to see.
_OWN_PARAMETERS = frozenset(("wait",))


class RunService:
    """Every method raises `Error` (not_found, forbidden) as the caller's role in the code's project demands."""

    def __init__(self, runs: Runs, codes: CodesById, keys: Keys, store: RunStore, logs: LogStore, ids: Ids) -> None:
        """runs: runs codes. keys: knows the keys that no code may see. store, logs: hold what there is to read."""
        self._ids = ids
        self._runs = runs
        self._codes = codes
        self._keys = keys
        self._store = store
        self._logs = logs

    async def call(
        self, caller: Caller, code_id: AnyId, request: CallRequest, read_body: ReadBody, meter: CallMeter
    ) -> FinishedRun | AnsweredRun:
        """Run a code of either type. A run that failed is returned as well; one with work after its answer goes on.

        Raises `Error`: not_found, forbidden, rate_limited; what `read_body` raises; invalid and too_large for the query
        and the headers; busy.
        """
        try:
            code = await self._runnable(caller, code_id)
        except Error:  # a caller that may not run a code takes nothing from the code's limit
            await meter.take_for(caller)
            raise
        await meter.take_for(caller, code=str(code.id))
        body = await read_body()
        call = build_call(request, body, keys=self._keys, public=False, without=_OWN_PARAMETERS)
        return await self._runs.run_to_answer(code, call)

    async def _runnable(self, caller: Caller, code_id: AnyId) -> Code:
        found = await self._ids.code(code_id)
        if found is None:
            raise code_not_found(code_id)
        code = (await self._codes.get(found)).code
        require(caller, Action.RUN, code.project_uuid, code_not_found(code_id))
        return code

    async def get(self, caller: Caller, run_id: AnyId) -> Run:
        """Read a run."""
        found = await self._ids.run(run_id)
        if found is None:
            raise run_not_found(run_id)
        run = await self._store.get(found)
        if run.code_id is None and await self._ids.in_links():
            run = replace(run, code_id=await self._store.code_of_linked(found))
        await self._require(caller, run.code_id, run_not_found(run_id))
        return run

    async def page(
        self,
        caller: Caller,
        code_id: AnyId,
        *,
        status: RunStatus | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
        page: int,
        size: int = PAGE_SIZE,
    ) -> Page[ListedRun]:
        """Return the runs of a code, newest first; none if the caller may not know of the code. size: of a page."""
        found = await self._ids.code(code_id)
        if found is None:
            return Page([], 0, page)

        async def read() -> Page[ListedRun]:
            linked = await self._ids.in_links()
            return await self._store.page(
                found, status=status, after=after, before=before, page=page, size=size, linked=linked
            )

        return await self._if_visible(caller, found, read, page)

    async def page_of_project(
        self,
        caller: Caller,
        project_uuid: str,
        *,
        status: RunStatus | None,
        after: datetime | None,
        before: datetime | None,
        page: int,
    ) -> Page[ListedRun]:
        """Return the runs of all codes of a project, newest first; none if the caller may not know of the project."""
        if caller.role_in(project_uuid) is None:
            return Page([], 0, page)
        linked = await self._ids.in_links()
        return await self._store.page_of_project(
            project_uuid, status=status, after=after, before=before, page=page, linked=linked
        )

    async def log(self, caller: Caller, log_id: UUID) -> StoredLog:
        """Read one line."""
        line = await self._logs.get(log_id)
        await self._require(caller, line.code_id, log_not_found(log_id))
        return line

    async def logs_of_run(
        self, caller: Caller, run_id: AnyId, page: int, code_id: AnyId | None = None
    ) -> Page[StoredLog]:
        """Return the lines of a run in order; none if the caller may not know of it, or it is not of the given code."""
        run = await self._ids.run(run_id)
        code = None if code_id is None else await self._ids.code(code_id)
        if run is None or (code_id is not None and code is None):
            return Page([], 0, page)
        found = await self._logs.page_of_run(run, page)
        # All lines of a run are of one code. A page past the end tells nothing but the total.
        first = found.data or (await self._logs.page_of_run(run, 1)).data
        if not first:
            return found
        if code not in (None, first[0].code_id):
            return Page([], 0, page)
        return await self._if_visible(caller, first[0].code_id, lambda: _ready(found), page)

    async def logs_of_code(self, caller: Caller, code_id: AnyId, page: int) -> Page[StoredLog]:
        """Return the lines of all runs of a code, newest first; none if the caller may not know of it."""
        found = await self._ids.code(code_id)
        if found is None:
            return Page([], 0, page)
        return await self._if_visible(caller, found, lambda: self._logs.page_of_code(found, page), page)

    async def logs_of_project(self, caller: Caller, project_uuid: str, page: int) -> Page[StoredLog]:
        """Return the lines of all runs of a project's codes, newest first; none if the caller may not know of it."""
        if caller.role_in(project_uuid) is None:
            return Page([], 0, page)
        return await self._logs.page_of_project(project_uuid, page)

    async def _require(self, caller: Caller, code_id: UUID | None, not_there: Error) -> None:
        """Check that the caller may read what belongs to a code. Raises `not_there`."""
        if not caller.everywhere and (code_id is None or not await self._is_visible(caller, code_id)):
            raise not_there

    async def _if_visible(
        self, caller: Caller, code_id: UUID, read: Callable[[], Awaitable[Page[_Item]]], page: int
    ) -> Page[_Item]:
        if caller.everywhere or await self._is_visible(caller, code_id):
            return await read()
        return Page([], 0, page)

    async def _is_visible(self, caller: Caller, code_id: UUID) -> bool:
        """Return whether the code exists (without the foreign key it may be gone before its runs) and is readable."""
        try:
            code = (await self._codes.get(code_id)).code
        except Error as error:
            if error.code is ErrorCode.NOT_FOUND:
                return False
            raise
        return caller.role_in(code.project_uuid) is not None


async def _ready(page: Page[_Item]) -> Page[_Item]:
    return page
