"""Plain fakes of what `RecordedRuns` works with, each as its protocol says; and a bench with all of them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from harness import turns

from codeactions.domain.code import Code
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.job import Job, OutputLimits
from codeactions.domain.log import LogLine
from codeactions.domain.run import Answer, AnsweredRun, AnswerHead, Call, FinishedRun, Outcome, Run, RunError
from codeactions.domain.run_values import NO_VALUES, RunValues
from codeactions.execution.builds import Prepared, SourceRefused
from codeactions.execution.executor import CANCELLED, AnswerCut, EarlyAnswer, Usage
from codeactions.execution.recorded_runs import RecordedRuns

NOW = datetime(2026, 11, 23, tzinfo=UTC)
RUN = UUID(int=7)
CODE = Code(
    id=UUID(int=1), name="n", type="flow", source="grüße", language="python", url=None, project_uuid="p",
    timeout=60, created_at=NOW, updated_at=NOW,
)  # fmt: skip


class FakeExecution:
    """Ends when the test or a cancellation says so."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.begun: asyncio.Future[EarlyAnswer] = asyncio.get_running_loop().create_future()
        self.end: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    async def events(self) -> AsyncIterator[LogLine]:
        """Tell nothing."""
        return
        yield LogLine("info", "", NOW)

    async def early_answer(self) -> EarlyAnswer | None:
        """Wait for the end, or for the answer that the test begins."""
        await asyncio.wait({self.begun, self.end}, return_when=asyncio.FIRST_COMPLETED)
        return self.begun.result() if self.begun.done() else None

    async def outcome(self) -> Outcome:
        """Wait for the end."""
        return await asyncio.shield(self.end)

    async def usage(self) -> Usage:
        """Wait for the end."""
        await self.outcome()
        return Usage()

    def cancel(self, error: RunError = CANCELLED) -> None:
        """End it."""
        if not self.end.done():
            self.end.set_result(Outcome(error=error))

    def answer(self, body: bytes = b"done") -> None:
        """End it with an answer."""
        self.end.set_result(Outcome(answer=Answer(body), duration_ms=1.5))


class FakeAnswer:
    """An answer that the test gives: its pieces, and whether it is whole while the run goes on."""

    def __init__(self, body: bytes | None = None) -> None:
        self.head = AnswerHead(201, "text/plain", ())
        self.body = body
        self.pieces: asyncio.Queue[bytes | type[AnswerCut] | None] = asyncio.Queue()
        self.whole: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the pieces, until there is None, or `AnswerCut`."""
        while (piece := await self.pieces.get()) is not None:
            if not isinstance(piece, bytes):
                raise piece
            yield piece

    async def answered(self) -> Answer | None:
        """Wait until the test says so."""
        return await asyncio.shield(self.whole)


class FakeExecutor:
    """Starts everything, as long as it is open and `gate` is."""

    def __init__(self) -> None:
        self.started: list[FakeExecution] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0
        self.closed = False
        self.changed = asyncio.Event()  # a signal for tests: something was started or waits

    async def start(self, job: Job) -> FakeExecution:
        """Wait at the gate, then start."""
        self.waiting += 1
        self.changed.set()
        try:
            await self.gate.wait()
        finally:
            self.waiting -= 1
        if self.closed:
            raise Error(ErrorCode.BUSY, "the server is stopping")
        self.started.append(FakeExecution(job))
        self.changed.set()
        return self.started[-1]

    def close(self) -> None:
        """Start nothing more."""
        self.closed = True


class FakeRecorder:
    """Keeps what it is given, or fails as the test says."""

    def __init__(self) -> None:
        self.begun: list[Run] = []
        self.durable: list[bool] = []
        self.answered: list[AnsweredRun] = []
        self.finished: list[FinishedRun] = []
        self.abandoned: list[UUID] = []
        self.refuses_begin: Error | None = None
        self.refuses_answer: Error | None = None
        self.refuses_finish: Error | None = None
        self.taken_for_lost = False

    def begin(self, run: Run, *, durable: bool = False) -> "asyncio.Future[None]":
        """Write at once."""
        self.begun.append(run)
        self.durable.append(durable)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.refuses_begin:
            done.set_exception(self.refuses_begin)
        else:
            done.set_result(None)
        return done

    async def answer(self, answered: AnsweredRun) -> bool:
        """Write at once."""
        if self.refuses_answer:
            raise self.refuses_answer
        self.answered.append(answered)
        return not self.taken_for_lost

    async def finish(self, finished: FinishedRun) -> bool:
        """Write at once."""
        if self.refuses_finish:
            raise self.refuses_finish
        self.finished.append(finished)
        return not self.taken_for_lost

    def abandon(self, run_id: UUID) -> None:
        """Keep the id."""
        self.abandoned.append(run_id)


class FakeBuilds:
    """Has nothing to build, or refuses."""

    def __init__(self, refusal: RunError | None = None, prepared: Prepared | None = None) -> None:
        self._refusal = refusal
        self._prepared = prepared

    async def prepare(self, language: str, source: str) -> Prepared:
        """Return the source as it is."""
        if self._refusal:
            raise SourceRefused(self._refusal)
        return self._prepared or Prepared(source=source)


class FakeValues:
    """Gives every code the same values, or refuses."""

    def __init__(self, values: RunValues = NO_VALUES, refusal: Error | None = None) -> None:
        self._values = values
        self._refusal = refusal

    async def of(self, code: Code) -> RunValues:
        """Return the values."""
        if self._refusal:
            raise self._refusal
        return self._values


class Bench:
    """A `RecordedRuns` among fakes, with a run under way."""

    def __init__(self, answer: FakeAnswer) -> None:
        self.answer = answer
        self.executor = FakeExecutor()
        self.recorder = FakeRecorder()
        self.ended: list[Outcome] = []
        self.runs = RecordedRuns(
            self.executor,
            self.recorder,
            builds=FakeBuilds(),
            values=FakeValues(),
            node="n",
            instance=3,
            limits=OutputLimits(result_bytes=10),
            now=lambda: NOW,
            new_run_id=lambda: RUN,
            on_end=lambda _, outcome: self.ended.append(outcome),
        )

    async def begin(self) -> Any:
        """Run a code until it has begun to answer, and return what its caller gets."""
        task = asyncio.create_task(self.runs.run(CODE, Call()))
        await turns()
        self.execution.begun.set_result(self.answer)
        return await asyncio.wait_for(task, 10)

    @property
    def execution(self) -> FakeExecution:
        return self.executor.started[-1]

    def end(self, outcome: Outcome) -> None:
        """Let the execution end; its answer with it, if it has not been whole before."""
        if not self.execution.end.done():
            self.execution.end.set_result(outcome)
        if not self.answer.whole.done():
            self.answer.whole.set_result(None)

    async def over(self) -> None:
        await self.runs.close(10)
        assert self.runs.running == 0
