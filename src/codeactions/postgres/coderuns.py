"""The table `coderuns`: read here, written in batches by the recorder through `start_many` and `finish_many`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from codeactions.domain.page import PAGE_SIZE, Page
from codeactions.domain.run import AnsweredRun, FinishedRun, Run, RunStatus, run_not_found
from codeactions.domain.text import storable
from codeactions.postgres import queries
from codeactions.postgres.database import Connection, Statements
from codeactions.postgres.linkedruns import LinkedRuns

# Bodies and results of one page: twenty of each may be 10 MB and more. `get` returns everything. Parameters and headers
# are never cut: the HTTP side bounds them to 64 KiB a call.
PAGE_BYTES = 8 * 1024 * 1024
BEGINNING = 1000  # characters that a cut field keeps; a multiple of 4, so that base64 stays readable
_SQL = queries.load("coderuns")
# The first key of this product's advisory locks ("code" in ASCII); the second is a server's instance number.
_LOCK_SPACE = 0x636F6465


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRun(Run):
    """A run in a list. `cut` names the fields of which only the beginning is here, since they did not fit."""

    cut: tuple[str, ...] = ()


async def start_many(connection: Connection, runs: Sequence[Run]) -> None:
    """Insert the rows of runs that start, in one statement. Ids that exist already are left alone.

    Raises the driver's errors; then no row is inserted.
    """
    if len(runs) == 1:
        await connection.execute(_SQL["start_one"], _start_values(runs[0]))
        return
    await connection.execute(
        _SQL["start_many"],
        {
            "id": [run.id for run in runs],
            "code_id": [run.code_id for run in runs],
            "extra": [json.dumps(run.extra) for run in runs],
            "params": [json.dumps(run.params) for run in runs],
            "body": [run.body for run in runs],
            "headers": [json.dumps(run.headers) for run in runs],
            "at": [run.created_at for run in runs],
        },
    )


async def answer_many(connection: Connection, answered: Sequence[AnsweredRun]) -> set[UUID]:
    """Put answers into the rows of runs that go on, in one statement. Return the ids of those that it found started.

    Raises the driver's errors; then no row is changed.
    """
    cursor = await connection.execute(
        _SQL["answer_many"],
        {
            "id": [one.run.id for one in answered],
            "result": [one.run.result for one in answered],
            "extra": [json.dumps(one.added) for one in answered],
            "at": [one.run.updated_at for one in answered],
        },
    )
    return {row["id"] for row in await cursor.fetchall()}


async def finish_many(connection: Connection, ended: Sequence[FinishedRun]) -> set[UUID]:
    """Finish runs and store their logs, in one statement. Return the ids of the runs that it finished.

    A run whose id is missing has no row, or a row that is terminal already. Raises the driver's errors.
    """
    if len(ended) == 1 and not ended[0].outcome.logs:
        cursor = await connection.execute(_SQL["finish_one"], _end_values(ended[0]))
        return {row["id"] for row in await cursor.fetchall()}
    logs = [(one.run.id, place, line) for one in ended for place, line in enumerate(one.outcome.logs)]
    cursor = await connection.execute(
        _SQL["finish_many"],
        {
            "id": [one.run.id for one in ended],
            "status": [one.outcome.status.value for one in ended],
            "result": [one.run.result for one in ended],
            "extra": [json.dumps(one.added) for one in ended],
            "at": [one.run.updated_at for one in ended],
            "log_run_id": [run_id for run_id, _, _ in logs],
            "log_type": [line.level for _, _, line in logs],
            "log_content": [storable(line.content) for _, _, line in logs],
            "log_position": [place for _, place, _ in logs],
            "log_at": [line.at for _, _, line in logs],
        },
    )
    return {row["id"] for row in await cursor.fetchall()}


def _start_values(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "code_id": run.code_id,
        "extra": Jsonb(run.extra),
        "params": Jsonb(run.params),
        "body": run.body,
        "headers": Jsonb(run.headers),
        "at": run.created_at,
    }


def _end_values(finished: FinishedRun) -> dict[str, Any]:
    run = finished.run
    return {
        "id": run.id,
        "status": finished.outcome.status.value,
        "result": run.result,
        "extra": Jsonb(finished.added),
        "at": run.updated_at,
    }


async def statuses(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, tuple[str, dict[str, Any]]]:
    """Read status and `extra` of the runs that have a row. Raises the driver's errors."""
    cursor = await connection.execute(_SQL["statuses"], {"ids": list(ids)})
    return {row["id"]: (row["status"], row["extra"]) for row in await cursor.fetchall()}


class RunStore:
    """Reads runs. Every method raises `Error` (busy) while the database is away."""

    def __init__(self, database: Statements) -> None:
        self._database = database
        self._linked = LinkedRuns(database)

    async def get(self, run_id: UUID) -> Run:
        """Read a run. Raises `Error` (not_found)."""
        row = await self._database.fetch_one(_SQL["get"], {"id": run_id})
        if row is None:
            raise run_not_found(run_id)
        return Run(**row)

    async def code_of_linked(self, run_id: UUID) -> UUID | None:
        """Return the code that a run without a code's id means by its old id; None if it means none."""
        return await self._linked.code_of(run_id)

    async def page(
        self,
        code_id: UUID,
        *,
        status: RunStatus | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
        page: int = 1,
        size: int = PAGE_SIZE,
        linked: bool = False,
    ) -> Page[ListedRun]:
        """Read a page of a code's runs, newest first; created after and before the given times. size: of a page.

        linked: whether runs may name their code by an old id alone. Together their bodies and results have at most
        `PAGE_BYTES` bytes: those that do not fit are cut.
        """
        values = {"code_id": code_id, "project_uuid": None, "status": status, "after": after, "before": before}
        return await self._page("page", "count", values, page, size, linked=linked)

    async def page_of_project(
        self,
        project_uuid: str,
        *,
        status: RunStatus | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
        page: int = 1,
        linked: bool = False,
    ) -> Page[ListedRun]:
        """Read a page of the runs of all codes of a project, as `page` does of one code."""
        values = {"code_id": None, "project_uuid": project_uuid, "status": status, "after": after, "before": before}
        counting = "count_of_project" if status is None else "count_of_project_with_status"
        return await self._page("page_of_project", counting, values, page, PAGE_SIZE, linked=linked)

    async def _page(
        self, statement: str, counting: str, values: dict[str, Any], page: int, size: int, *, linked: bool
    ) -> Page[ListedRun]:
        counted = await self._database.fetch_one(_SQL[counting], values)
        total = counted["total"] if counted else 0
        more = await self._linked.count(values) if linked else 0
        values |= {"limit": size, "offset": (page - 1) * size, "reach": page * size}
        found = await (self._linked.page(values) if more else self._database.fetch(_SQL[statement], values))
        codes = {row["id"]: row["code_id"] for row in found}
        bounds = {"ids": list(codes), "bytes": PAGE_BYTES, "beginning": BEGINNING}
        rows = await self._database.fetch(_SQL["of_ids"], bounds)
        return Page([_listed({**row, "code_id": codes[row["id"]]}) for row in rows], total + more, page)


class InstanceLocks:
    """Advisory locks that tell which servers are alive: a lock ends with its holder's connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def hold(self, instance: int) -> bool:
        """Take an instance's lock on this connection. Return False if another session holds it: that server lives."""
        cursor = await self._connection.execute(_SQL["try_lock_instance"], {"space": _LOCK_SPACE, "instance": instance})
        row = await cursor.fetchone()
        return bool(row and row["locked"])

    async def release(self, instance: int) -> None:
        """Give a lock back."""
        await self._connection.execute(_SQL["unlock_instance"], {"space": _LOCK_SPACE, "instance": instance})

    async def unfinished(self) -> set[int]:
        """Return the instances that runs in state `started` belong to."""
        cursor = await self._connection.execute(_SQL["started_instances"])
        return {row["instance"] for row in await cursor.fetchall()}

    async def lose(self, instance: int, at: datetime) -> int:
        """Finish every started run of a dead instance as lost. Return their number."""
        cursor = await self._connection.execute(_SQL["lose_instance"], {"instance": instance, "at": at})
        return len(await cursor.fetchall())

    async def lose_forgotten(self, instance: int, known: Sequence[UUID], before: datetime, at: datetime) -> int:
        """Finish as lost the started runs of a living instance that are older than `before` and not in `known`."""
        values = {"instance": instance, "known": list(known), "before": before, "at": at}
        cursor = await self._connection.execute(_SQL["lose_forgotten"], values)
        return len(await cursor.fetchall())


def _listed(row: DictRow) -> ListedRun:
    return ListedRun(**{**row, "cut": tuple(row["cut"])})
