"""The record of runs: begun while a run's sandbox is at work, finished before its answer goes out.

A begin is committed without waiting for the disk; the end that follows it waits, and takes the begin along.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import DictRow

from codeactions.postgres import coderuns
from codeactions.postgres.coderuns import RunEnd, RunStart
from codeactions.postgres.database import translated
from codeactions.postgres.recording.batcher import Batcher

_Connection = psycopg.AsyncConnection[DictRow]


@dataclass(frozen=True, slots=True)
class _Finish:
    start: RunStart
    end: RunEnd


class Recorder:
    """Writes runs. Knows which of this server's runs are not finished in the database yet (`open_runs`)."""

    def __init__(self, url: str, *, patience: float = 10.0) -> None:
        self._starts: Batcher[RunStart, None] = Batcher(
            url, _write_starts, name="run starts", durable=False, patience=patience, size=_start_size
        )
        # Two lanes: while one commit waits for the disk the next one is on its way, and the database joins them.
        self._ends: Batcher[_Finish, bool] = Batcher(
            url, _write_ends, name="run ends", lanes=2, patience=patience, size=_end_size
        )
        self.open_runs: set[UUID] = set()

    async def start(self) -> None:
        """Connect and begin to work."""
        await self._starts.start()
        await self._ends.start()

    async def stop(self) -> None:
        """Stop; call it when no run is open any more."""
        await self._starts.stop()
        await self._ends.stop()

    def begin(self, start: RunStart) -> "asyncio.Future[None]":
        """Write a run's row as `started`. The future fails when it cannot be: then the run must be stopped."""
        self.open_runs.add(start.id)
        return self._starts.submit(start)

    async def finish(self, start: RunStart, end: RunEnd) -> bool:
        """Write a run's end, durably. False: its row is terminal already, since it was taken for lost.

        Raises `Error` (busy) when the database stayed away; then nothing may be answered for the run, and it is
        written down as lost later.
        """
        try:
            with translated():
                return await self._ends.submit(_Finish(start, end))
        finally:
            self.open_runs.discard(start.id)

    def abandon(self, run_id: UUID) -> None:
        """Forget a run that has no end to write."""
        self.open_runs.discard(run_id)


async def _write_starts(connection: _Connection, starts: Sequence[RunStart]) -> list[None]:
    await coderuns.start_many(connection, starts)
    return [None] * len(starts)


async def _write_ends(connection: _Connection, finishes: Sequence[_Finish]) -> list[bool]:
    done = await coderuns.finish_many(connection, [finish.end for finish in finishes])
    if len(done) < len(finishes):
        done |= await _mend(connection, [finish for finish in finishes if finish.end.id not in done])
    return [finish.end.id in done for finish in finishes]


async def _mend(connection: _Connection, finishes: list[_Finish]) -> set[UUID]:
    """Ends that found no open row: the database crashed and lost the begin, or this very end was written before.

    The second happens when a connection broke after its commit: the row then holds the end's own status.
    """
    found = await coderuns.statuses(connection, [finish.end.id for finish in finishes])
    done = {finish.end.id for finish in finishes if _holds(found.get(finish.end.id), finish.end)}
    missing = [finish for finish in finishes if finish.end.id not in found]
    if missing:
        await coderuns.start_many(connection, [finish.start for finish in missing])
        done |= await coderuns.finish_many(connection, [finish.end for finish in missing])
    return done


def _holds(row: tuple[str, dict[str, Any]] | None, end: RunEnd) -> bool:
    return row is not None and row[0] == end.status and row[1].get("duration_ms") == end.extra.get("duration_ms")


def _start_size(start: RunStart) -> int:
    return len(start.body)


def _end_size(finish: _Finish) -> int:
    return len(finish.end.result or "") + sum(len(line.content) for line in finish.end.logs)
