"""Runs: asked for, and read afterwards with their logs, by those who may."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from codeactions.domain.access import Action, require
from codeactions.domain.caller import Caller
from codeactions.domain.code import Code
from codeactions.domain.errors import Error, ErrorCode, not_found
from codeactions.domain.log import StoredLog
from codeactions.domain.page import Page
from codeactions.domain.run import Call, FinishedRun, Run, RunStatus
from codeactions.execution.recorded_runs import RecordedRuns
from codeactions.postgres.codelogs import LogStore
from codeactions.postgres.codelogs import missing as missing_log
from codeactions.postgres.coderuns import ListedRun, RunStore
from codeactions.postgres.coderuns import missing as missing_run
from codeactions.postgres.codes import CodesWithProtection, missing

_Item = TypeVar("_Item")


class RunService:
    """Every method raises `Error` (not_found, forbidden) as the caller's role in the code's project demands."""

    def __init__(self, recorded: RecordedRuns, guarded: CodesWithProtection, runs: RunStore, logs: LogStore) -> None:
        self._recorded = recorded
        self._guarded = guarded
        self._runs = runs
        self._logs = logs

    async def code(self, caller: Caller, code_id: UUID) -> Code:
        """The code that the caller may run."""
        code = (await self._guarded.get(code_id)).code
        require(caller, Action.RUN, code.project_uuid, missing(code_id))
        return code

    async def run(self, caller: Caller, code: Code, call: Call) -> FinishedRun:
        """Run a code of either type. Raises `Error` as `RecordedRuns.run` does."""
        require(caller, Action.RUN, code.project_uuid, missing(code.id))
        return await self._recorded.run(code, call)

    async def get(self, caller: Caller, run_id: UUID) -> Run:
        """Read a run."""
        run = await self._runs.get(run_id)
        await self._require(caller, run.code_id, missing_run(run_id))
        return run

    async def page(
        self,
        caller: Caller,
        code_id: UUID,
        *,
        status: RunStatus | None,
        after: datetime | None,
        before: datetime | None,
        page: int,
    ) -> Page[ListedRun]:
        """The runs of a code, newest first; none where the caller may not know of the code."""

        async def read() -> Page[ListedRun]:
            return await self._runs.page(code_id, status=status, after=after, before=before, page=page)

        return await self._if_visible(caller, code_id, read, page)

    async def log(self, caller: Caller, log_id: UUID) -> StoredLog:
        """Read one line."""
        line = await self._logs.get(log_id)
        await self._require(caller, line.code_id, missing_log(log_id))
        return line

    async def logs_of_run(self, caller: Caller, run_id: UUID, page: int) -> Page[StoredLog]:
        """The lines of a run in order; none where the caller may not know of it."""
        found = await self._logs.page_of_run(run_id, page)
        # All lines of a run are of one code. Of a page past the end there is nothing to learn but the total.
        first = found.data or (await self._logs.page_of_run(run_id, 1)).data
        if not first:
            return found
        return await self._if_visible(caller, first[0].code_id, lambda: _ready(found), page)

    async def logs_of_code(self, caller: Caller, code_id: UUID, page: int) -> Page[StoredLog]:
        """The lines of all runs of a code, newest first; none where the caller may not know of it."""
        return await self._if_visible(caller, code_id, lambda: self._logs.page_of_code(code_id, page), page)

    async def _require(self, caller: Caller, code_id: UUID, told: str) -> None:
        """Check that the caller may read what is the code's; otherwise it is as if it were not there."""
        if not caller.everywhere and not await self._is_visible(caller, code_id):
            raise not_found(told)

    async def _if_visible(
        self, caller: Caller, code_id: UUID, read: Callable[[], Awaitable[Page[_Item]]], page: int
    ) -> Page[_Item]:
        if caller.everywhere or await self._is_visible(caller, code_id):
            return await read()
        return Page([], 0, page)

    async def _is_visible(self, caller: Caller, code_id: UUID) -> bool:
        """Whether there is such a code (without the foreign key it may be gone before its runs), and a role for it."""
        try:
            code = (await self._guarded.get(code_id)).code
        except Error as error:
            if error.code is ErrorCode.NOT_FOUND:
                return False
            raise
        return caller.role_in(code.project_uuid) is not None


async def _ready(page: Page[_Item]) -> Page[_Item]:
    return page
