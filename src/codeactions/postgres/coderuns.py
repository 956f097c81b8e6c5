"""The table `coderuns`: read here, written in batches by the recorder through `start_many` and `finish_many`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from codeactions.domain.log import LogLine
from codeactions.domain.page import PAGE_SIZE, Page
from codeactions.domain.run import Run, RunStatus, run_not_found
from codeactions.domain.text import storable
from codeactions.postgres import queries
from codeactions.postgres.database import Statements

# Bodies and results of one page: twenty of each may be 10 MB and more. `get` gives everything. Parameters and headers
# have bounds of their own where they come in, 64 KiB a call, and stay whole.
PAGE_BYTES = 8 * 1024 * 1024
BEGINNING = 1000  # characters that are left of what is cut; a multiple of 4, so that base64 stays readable
_SQL = queries.load("coderuns")
# The first key of this product's advisory locks ("code" in ASCII); the second is a server's instance number.
_LOCK_SPACE = 0x636F6465


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRun(Run):
    """A run in a list. `cut` names the fields that did not fit: of those there is only the beginning."""

    cut: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """A run that begins: its row, status `started`."""

    id: UUID
    code_id: UUID
    extra: dict[str, Any]
    params: dict[str, Any]
    body: str
    headers: dict[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """A run that ended: what changes in its row (`extra` is added to what is there), and its log."""

    id: UUID
    status: RunStatus
    result: str | None
    extra: dict[str, Any]
    logs: Sequence[LogLine]
    at: datetime


async def start_many(connection: psycopg.AsyncConnection[DictRow], starts: Sequence[RunStart]) -> None:
    """Insert the rows of runs that begin, in one statement. Ids that exist already are left alone.

    Raises the driver's errors; then none is inserted.
    """
    if len(starts) == 1:
        await connection.execute(_SQL["start_one"], _start_values(starts[0]))
        return
    await connection.execute(
        _SQL["start_many"],
        {
            "id": [start.id for start in starts],
            "code_id": [start.code_id for start in starts],
            "extra": [json.dumps(start.extra) for start in starts],
            "params": [json.dumps(start.params) for start in starts],
            "body": [start.body for start in starts],
            "headers": [json.dumps(start.headers) for start in starts],
            "at": [start.at for start in starts],
        },
    )


async def finish_many(connection: psycopg.AsyncConnection[DictRow], ends: Sequence[RunEnd]) -> set[UUID]:
    """Finish runs and store their logs, in one statement. Returns the ids that were finished by it.

    An id that is missing in the answer has no row, or one that is terminal already. Raises the driver's errors.
    """
    if len(ends) == 1 and not ends[0].logs:
        cursor = await connection.execute(_SQL["finish_one"], _end_values(ends[0]))
        return {row["id"] for row in await cursor.fetchall()}
    logs = [(end.id, place, line) for end in ends for place, line in enumerate(end.logs)]
    cursor = await connection.execute(
        _SQL["finish_many"],
        {
            "id": [end.id for end in ends],
            "status": [end.status.value for end in ends],
            "result": [end.result for end in ends],
            "extra": [json.dumps(end.extra) for end in ends],
            "at": [end.at for end in ends],
            "log_run_id": [run_id for run_id, _, _ in logs],
            "log_type": [line.level for _, _, line in logs],
            "log_content": [storable(line.content) for _, _, line in logs],
            "log_position": [place for _, place, _ in logs],
            "log_at": [line.at for _, _, line in logs],
        },
    )
    return {row["id"] for row in await cursor.fetchall()}


def _start_values(start: RunStart) -> dict[str, Any]:
    return {
        "id": start.id,
        "code_id": start.code_id,
        "extra": Jsonb(start.extra),
        "params": Jsonb(start.params),
        "body": start.body,
        "headers": Jsonb(start.headers),
        "at": start.at,
    }


def _end_values(end: RunEnd) -> dict[str, Any]:
    return {
        "id": end.id,
        "status": end.status.value,
        "result": end.result,
        "extra": Jsonb(end.extra),
        "at": end.at,
    }


async def statuses(
    connection: psycopg.AsyncConnection[DictRow], ids: Sequence[UUID]
) -> dict[UUID, tuple[str, dict[str, Any]]]:
    """Status and `extra` of those runs that have a row. Raises the driver's errors."""
    cursor = await connection.execute(_SQL["statuses"], {"ids": list(ids)})
    return {row["id"]: (row["status"], row["extra"]) for row in await cursor.fetchall()}


class RunStore:
    """Runs in PostgreSQL, to be read. Every method raises `Error` (busy) while the database is away."""

    def __init__(self, database: Statements) -> None:
        self._database = database

    async def get(self, run_id: UUID) -> Run:
        """Read a run. Raises `Error` (not_found)."""
        row = await self._database.fetch_one(_SQL["get"], {"id": run_id})
        if row is None:
            raise run_not_found(run_id)
        return _run(row)

    async def page(
        self,
        code_id: UUID,
        *,
        status: RunStatus | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
        page: int = 1,
    ) -> Page[ListedRun]:
        """The runs of a code, newest first; created after and before the given times.

        Together their bodies and results have at most `PAGE_BYTES` bytes: those that do not fit are cut.
        """
        values = {"code_id": code_id, "status": status, "after": after, "before": before}
        total = await self._database.fetch_one(_SQL["count"], values)
        bounds = {"limit": PAGE_SIZE, "offset": (page - 1) * PAGE_SIZE, "bytes": PAGE_BYTES, "beginning": BEGINNING}
        rows = await self._database.fetch(_SQL["page"], {**values, **bounds})
        return Page([_listed(row) for row in rows], total["total"] if total else 0, page)


class InstanceLocks:
    """Which servers are alive, told by advisory locks that end with their holder's connection (or its life)."""

    def __init__(self, connection: psycopg.AsyncConnection[DictRow]) -> None:
        self._connection = connection

    async def hold(self, instance: int) -> bool:
        """Take an instance's lock on this connection; False when somebody holds it, so that it is alive."""
        cursor = await self._connection.execute(_SQL["try_lock_instance"], {"space": _LOCK_SPACE, "instance": instance})
        row = await cursor.fetchone()
        return bool(row and row["locked"])

    async def release(self, instance: int) -> None:
        """Give a lock back."""
        await self._connection.execute(_SQL["unlock_instance"], {"space": _LOCK_SPACE, "instance": instance})

    async def unfinished(self) -> set[int]:
        """The instances that runs in state `started` belong to."""
        cursor = await self._connection.execute(_SQL["started_instances"])
        return {row["instance"] for row in await cursor.fetchall()}

    async def lose(self, instance: int, at: datetime) -> int:
        """Finish every started run of a dead instance as lost; returns how many."""
        cursor = await self._connection.execute(_SQL["lose_instance"], {"instance": instance, "at": at})
        return len(await cursor.fetchall())

    async def lose_forgotten(self, instance: int, known: Sequence[UUID], before: datetime, at: datetime) -> int:
        """Finish the started runs of a living instance that are older than `before` and that it does not know."""
        values = {"instance": instance, "known": list(known), "before": before, "at": at}
        cursor = await self._connection.execute(_SQL["lose_forgotten"], values)
        return len(await cursor.fetchall())


def _run(row: DictRow) -> Run:
    return Run(**{**row, "status": RunStatus(row["status"])})


def _listed(row: DictRow) -> ListedRun:
    return ListedRun(**{**row, "status": RunStatus(row["status"]), "cut": tuple(row["cut"])})
