"""The record of runs: begun while a run's sandbox is at work, finished before its answer goes out.

A begin is committed without waiting for the disk; the end that follows it waits, and takes the begin along. Where an
answer goes out while its run goes on, the begin has to be on disk before, and what waits for the disk takes it along.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from codeactions.domain.run import AnsweredRun, FinishedRun, Run
from codeactions.postgres import coderuns
from codeactions.postgres.database import Connection
from codeactions.postgres.recording.batcher import Batcher

_Durable = Run | AnsweredRun | FinishedRun


class Recorder:
    """Writes runs; `execution.run_recorder.RunRecorder` says what it promises.

    Knows which of this server's runs are not finished in the database yet (`open_runs`).
    """

    def __init__(self, url: str, *, patience: float = 10.0) -> None:
        """patience: seconds that a row may wait for a database that is away."""
        self._starts: Batcher[Run, bool] = Batcher(
            url, _write_starts, name="run starts", durable=False, patience=patience, size=_start_size
        )
        # Two lanes: while one commit waits for the disk the next one is on its way, and the database joins them.
        self._ends: Batcher[_Durable, bool] = Batcher(
            url, _write_durable, name="run ends", lanes=2, patience=patience, size=_size
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

    def begin(self, run: Run, *, durable: bool = False) -> "asyncio.Future[Any]":
        """Write a run's row as `started`. The future fails with `Error` when it cannot be."""
        self.open_runs.add(run.id)
        return self._ends.submit(run) if durable else self._starts.submit(run)

    async def answer(self, answered: AnsweredRun) -> bool:
        """Write the answer of a run that goes on, durably. Return False if its row is terminal already.

        Raises `Error` (busy) when the database stayed away.
        """
        return await self._ends.submit(answered)

    async def finish(self, finished: FinishedRun) -> bool:
        """Write a run's end, durably. Return False if its row is terminal already.

        Raises `Error` (busy) when the database stayed away. The run is then written down as lost later.
        """
        try:
            return await self._ends.submit(finished)
        finally:
            self.open_runs.discard(finished.run.id)

    def abandon(self, run_id: UUID) -> None:
        """Forget a run that has no end to write."""
        self.open_runs.discard(run_id)


async def _write_starts(connection: Connection, runs: Sequence[Run]) -> list[bool]:
    await coderuns.start_many(connection, runs)
    return [True] * len(runs)


async def _write_durable(connection: Connection, items: Sequence[_Durable]) -> list[bool]:
    """Write what has to be on disk. The rows of a run come in their order: its next one waits for the last."""
    ended = [item for item in items if isinstance(item, FinishedRun)]
    if len(ended) == len(items):
        return await _write_ends(connection, ended)
    begun = [item for item in items if isinstance(item, Run)]
    answered = [item for item in items if isinstance(item, AnsweredRun)]
    written = await _write_starts(connection, begun) if begun else []
    written += await _write_answers(connection, answered) if answered else []
    written += await _write_ends(connection, ended) if ended else []
    of_item = dict(zip(map(id, [*begun, *answered, *ended]), written, strict=True))
    return [of_item[id(item)] for item in items]


async def _write_answers(connection: Connection, answered: Sequence[AnsweredRun]) -> list[bool]:
    there = await coderuns.answer_many(connection, answered)
    missing = [one for one in answered if one.run.id not in there]
    if missing:  # unless they are terminal, the database crashed and lost the begin
        await coderuns.start_many(connection, [one.started for one in missing])
        there |= await coderuns.answer_many(connection, missing)
    return [one.run.id in there for one in answered]


async def _write_ends(connection: Connection, ended: Sequence[FinishedRun]) -> list[bool]:
    done = await coderuns.finish_many(connection, ended)
    if len(done) < len(ended):
        done |= await _repair(connection, [finished for finished in ended if finished.run.id not in done])
    return [finished.run.id in done for finished in ended]


async def _repair(connection: Connection, ended: list[FinishedRun]) -> set[UUID]:
    """Write ends that found no open row: the database crashed and lost the begin, or this very end was written before.

    The second happens when a connection broke after its commit: the row then holds the end's own status.
    """
    found = await coderuns.statuses(connection, [finished.run.id for finished in ended])
    done = {finished.run.id for finished in ended if _holds(found.get(finished.run.id), finished)}
    missing = [finished for finished in ended if finished.run.id not in found]
    if missing:
        await coderuns.start_many(connection, [finished.started for finished in missing])
        done |= await coderuns.finish_many(connection, missing)
    return done


def _holds(row: tuple[str, dict[str, Any]] | None, finished: FinishedRun) -> bool:
    status, added = finished.run.status, finished.added
    return row is not None and row[0] == status and row[1].get("duration_ms") == added.get("duration_ms")


def _start_size(run: Run) -> int:
    return len(run.body or "")


def _size(item: _Durable) -> int:
    if isinstance(item, Run):
        return _start_size(item)
    logs = item.outcome.logs if isinstance(item, FinishedRun) else []
    return len(item.run.result or "") + sum(len(line.content) for line in logs)
