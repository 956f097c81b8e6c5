"""The seam between runs and the database that their record is in."""

import asyncio
from typing import Any, Protocol
from uuid import UUID

from codeactions.domain.run import AnsweredRun, FinishedRun, Run


class RunRecorder(Protocol):
    """Writes the rows of runs. postgres/recording/recorder.py implements it."""

    def begin(self, run: Run, *, durable: bool = False) -> "asyncio.Future[Any]":
        """Write a run's row as `started`; with `durable` the future is done when it is on disk.

        The future fails with `Error` when the row cannot be written. Then the run must be stopped.
        """

    async def answer(self, answered: AnsweredRun) -> bool:
        """Write the answer of a run that goes on, durably. Return False if its row is terminal already.

        Raises `Error` (busy) when the database stays away. Then nothing may be answered for the run.
        """

    async def finish(self, finished: FinishedRun) -> bool:
        """Write a run's end, durably. Return False if its row is terminal already, since the run was taken for lost.

        Raises `Error` (busy) when the database stays away. Then nothing may be answered for the run.
        """

    def abandon(self, run_id: UUID) -> None:
        """Forget a run that has no end to write."""
