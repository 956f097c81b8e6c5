"""Runs of codes with their record, whose end is written before the answer goes out."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Container
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from codeactions.domain.code import DEFAULT_TIMEZONE, Code
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.ids import new_id
from codeactions.domain.job import Admission, Job, OutputLimits
from codeactions.domain.masker import Masker
from codeactions.domain.record import MASKED_HEADERS, finish_run, start_run
from codeactions.domain.run import Call, ErrorType, FinishedRun, Outcome, Run, RunError
from codeactions.execution.builds import Prepared, SourceRefused
from codeactions.execution.executor import Execution, Executor
from codeactions.execution.run_masking import finish_masked, masked_call, masker_for

_SETTLING_SECONDS = 10.0  # for the records of runs that were ended
_LOST = RunError(ErrorType.LOST, "another server recorded the run as lost while it ran")


class RunRecorder(Protocol):
    """Writes the rows of runs. postgres/recording/recorder.py implements it."""

    def begin(self, run: Run) -> "asyncio.Future[None]":
        """Write a run's row as `started`.

        The future fails with `Error` when the row cannot be written. Then the run must be stopped.
        """

    async def finish(self, finished: FinishedRun) -> bool:
        """Write a run's end, durably. Return False if its row is terminal already, since the run was taken for lost.

        Raises `Error` (busy) when the database stays away. Then nothing may be answered for the run.
        """

    def abandon(self, run_id: UUID) -> None:
        """Forget a run that has no end to write."""


class Preparer(Protocol):
    """Makes of a source what its runs need. execution/builds.py implements it."""

    async def prepare(self, language: str, source: str) -> Prepared:
        """Return the source or the artifact that a job gets. Raises `SourceRefused` and `Error` (busy)."""


class RecordedRuns:
    """Runs codes on an executor and records each run.

    instance: the number under which this server's unfinished runs are found should it die. timezone: of codes that have
    none of their own. on_end: called with every run that is over.
    """

    def __init__(
        self,
        executor: Executor,
        recorder: RunRecorder,
        *,
        builds: Preparer,
        node: str,
        instance: int,
        limits: OutputLimits | None = None,
        admission: Admission | None = None,
        timezone: str = DEFAULT_TIMEZONE,
        masked_headers: Container[str] = MASKED_HEADERS,
        masked_params: Container[str] = frozenset(),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_run_id: Callable[[], UUID] = new_id,
        on_end: Callable[[Code, Outcome], None] = lambda code, outcome: None,
    ) -> None:
        self._executor = executor
        self._recorder = recorder
        self._builds = builds
        self._node = node
        self._instance = instance
        self._limits = limits or OutputLimits()
        self._admission = admission or Admission()
        self._timezone = timezone
        self._masked_headers = masked_headers
        self._masked_params = masked_params
        self._now = now
        self._new_run_id = new_run_id
        self._on_end = on_end
        self._running: dict[UUID, Execution] = {}
        self._tasks: set[asyncio.Task[FinishedRun]] = set()
        self._closing = False

    def __repr__(self) -> str:
        return f"<RecordedRuns of {self._node}: {len(self._running)} running>"

    @property
    def running(self) -> int:
        """The number of runs that have a slot right now."""
        return len(self._running)

    async def run(self, code: Code, call: Call) -> FinishedRun:
        """Run a code once and record it. The run goes on should the caller be cancelled or hang up.

        Raises `Error`: busy (no runtime for the language, no slot in time, or the record cannot be written, in which
        case the run does not count), not_found (the code was deleted meanwhile).
        """
        if self._closing:
            raise Error(ErrorCode.BUSY, "the server is stopping")
        task = asyncio.create_task(self._run(code, call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def close(self, grace: float) -> None:
        """Take no more runs, give those in flight `grace` seconds, then end them as `cancelled` and record it.

        Runs that still wait for a slot or a build then never begin.
        """
        self._closing = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        self._executor.close()
        for execution in list(self._running.values()):
            execution.cancel(RunError(ErrorType.CANCELLED, "the server stopped"))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_SETTLING_SECONDS)

    async def _run(self, code: Code, call: Call) -> FinishedRun:
        asked = time.perf_counter()
        run_id = self._new_run_id()
        try:
            prepared = await self._builds.prepare(code.language or "", code.source or "")
        except SourceRefused as refused:
            run = self._start(code, call, run_id, asked)
            return await self._record(code, run, self._recorder.begin(run), Outcome(error=refused.error), None)
        job = Job(
            id=run_id,
            language=code.language or "",
            source=prepared.source,
            artifact=prepared.artifact,
            call=call,
            timeout=code.seconds,
            timezone=code.timezone or self._timezone,
            output=self._limits,
            admission=self._admission,
        )
        masker = await masker_for(job.values)
        told = await masked_call(call, masker)
        execution = await self._executor.start(job)
        try:
            run = self._start(code, told, run_id, asked, prepared.artifact)
            begun = self._recorder.begin(run)
        except BaseException:  # a run that cannot even be written down must not go on
            execution.cancel()
            raise
        begun.add_done_callback(lambda done: _cancel_if_failed(done, execution))
        self._running[run_id] = execution
        try:
            outcome = await execution.outcome()
        finally:
            del self._running[run_id]
        return await self._record(code, run, begun, outcome, masker)

    def _start(self, code: Code, call: Call, run_id: UUID, asked: float, artifact: str | None = None) -> Run:
        return start_run(
            code,
            call,
            id=run_id,
            at=self._now(),
            node=self._node,
            instance=self._instance,
            queue_ms=(time.perf_counter() - asked) * 1000,
            artifact=artifact,
            masked_headers=self._masked_headers,
            masked_params=self._masked_params,
        )

    async def _record(
        self, code: Code, run: Run, begun: "asyncio.Future[None]", outcome: Outcome, masker: Masker | None
    ) -> FinishedRun:
        try:
            await begun
        except BaseException:  # there is no row to finish, whatever the reason
            self._recorder.abandon(run.id)
            raise
        ended = self._now()
        finished = await finish_masked(run, outcome, ended, masker, with_result=getattr(code, "mask_result", True))
        if not await self._recorder.finish(finished):
            finished = finish_run(run, Outcome(error=_LOST), ended)
        self._on_end(code, finished.outcome)
        return finished


def _cancel_if_failed(begun: "asyncio.Future[None]", execution: Execution) -> None:
    """End a run whose beginning cannot be written: what it does could not be told."""
    with contextlib.suppress(asyncio.CancelledError):
        if begun.exception() is not None:
            execution.cancel(RunError(ErrorType.INTERNAL, "the run could not be recorded"))
