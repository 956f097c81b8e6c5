"""A run whose answer goes out while the run goes on, and what has to be on record before each part of it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any, cast

from codeactions.domain.run import Answer, AnsweredRun, AnswerHead, ErrorType, FinishedRun, Outcome, Run, RunError
from codeactions.execution.executor import AnswerCut, EarlyAnswer, Execution

CLIENT_LEFT = RunError(ErrorType.CANCELLED, "the client left before the answer was whole")


class OpenRun:
    """A run that has begun to answer and goes on. Its row is on disk.

    run: its row as it is there. An answer that came as one is in that row already. Of an answer in pieces either
    `chunks` or `collect` has to be called, or else `leave`. most: bytes that an answer in pieces may have; None for
    any number. A longer one fails the run, even if its last piece came before the limit was noticed.
    """

    def __init__(self, run: Run, execution: Execution, early: EarlyAnswer, most: int | None = None) -> None:
        self.run = run
        self.execution = execution
        self._early = early
        self._most = most
        self._sent = 0
        self._is_whole = False
        self._left: RunError | None = None
        self._on_record: asyncio.Future[AnsweredRun | FinishedRun] = asyncio.get_running_loop().create_future()
        # An error that no reader asks for is told by the log of what was to be written.
        self._on_record.add_done_callback(lambda done: done.cancelled() or done.exception())

    def __repr__(self) -> str:
        return f"<OpenRun {self.run.id}: {self._sent} bytes sent, {'whole' if self._is_whole else 'open'}>"

    @property
    def head(self) -> AnswerHead:
        """The status, content type and headers, which are sent before the body."""
        return self._early.head

    @property
    def body(self) -> bytes | None:
        """The body of an answer that came as one; None of one in pieces."""
        return self._early.body

    @property
    def is_in_pieces(self) -> bool:
        """Whether the body comes in pieces."""
        return self._early.body is None

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Give the body in pieces, to be sent as they come.

        The end comes when the whole answer is on record. Raises `AnswerCut` when the run failed before its answer was
        whole, and `Error` (busy) when its record cannot be written: then what was sent must not look finished.
        """
        # Typed so, since it is a generator, which an executor need not say.
        async with aclosing(cast("Any", self._early.chunks())) as pieces:
            async for piece in pieces:
                self._sent += len(piece)
                yield piece
        on_record = await self.on_record()
        if isinstance(on_record, FinishedRun) and on_record.outcome.error is not None:
            raise AnswerCut

    async def collect(self) -> AnsweredRun | FinishedRun:
        """Wait for the whole answer, and return the run's record. Raises `Error`."""
        if self.is_in_pieces:
            with suppress(AnswerCut):  # the record tells the reason
                async for piece in self._early.chunks():
                    self._sent += len(piece)
                    if (error := self._too_long(self._sent)) is not None:
                        self.execution.cancel(error)
        return await self.on_record()

    def _too_long(self, size: int | None) -> RunError | None:
        if self._most is None or size is None or size <= self._most:
            return None
        return RunError(ErrorType.OUTPUT_LIMIT, f"the result has more than {self._most} bytes")

    async def answered(self) -> Answer | None:
        """Wait for the whole answer of a run that then goes on; None if it ends with its answer, or before."""
        answer = await self._early.answered()
        if answer is not None and (error := self._too_long(answer.size)) is not None:
            self.execution.cancel(error)
            return None
        self._is_whole = answer is not None
        return answer

    async def on_record(self) -> AnsweredRun | FinishedRun:
        """Wait until the whole answer, or the run's end, is on record. Raises `Error` (busy) if it cannot be."""
        return await asyncio.shield(self._on_record)

    def leave(self, reason: RunError = CLIENT_LEFT) -> None:
        """End the run, since its answer is not taken any more. Work after a whole answer goes on."""
        if not self._is_whole:
            self._left = reason
            self.execution.cancel(reason)

    def as_sent(self, outcome: Outcome) -> Outcome:
        """Return the outcome: with no more of the answer than went out if its reader left, failed if it is too long."""
        answer = outcome.answer
        if answer is None or answer.size is None:
            return outcome
        if outcome.error is None:
            outcome.error = self._too_long(answer.size)
        elif outcome.error is self._left:
            outcome.answer = replace(answer, body=answer.body[: self._sent], size=self._sent)
        return outcome

    def put_on_record(self, recorded: AnsweredRun | FinishedRun) -> None:
        """Take note of what is on record now; the first counts."""
        if not self._on_record.done():
            self._on_record.set_result(recorded)

    def fail(self, error: BaseException) -> None:
        """Take note that it cannot be put on record."""
        if not self._on_record.done():
            self._on_record.set_exception(error)
