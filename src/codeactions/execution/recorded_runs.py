"""Runs of codes with their record, whose end is written before the answer goes out."""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Container
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from codeactions.domain.code import DEFAULT_TIMEZONE, Code
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.ids import new_id
from codeactions.domain.job import Admission, Job, OutputLimits
from codeactions.domain.record import MASKED_HEADERS, finish_run, start_run
from codeactions.domain.run import AnsweredRun, Call, ErrorType, FinishedRun, Outcome, Run, RunError
from codeactions.domain.run_values import RunValues
from codeactions.execution.builds import Prepared, SourceRefused
from codeactions.execution.executor import Execution, Executor
from codeactions.execution.open_run import OpenRun
from codeactions.execution.run_masking import RunMasking, masker_for
from codeactions.execution.run_recorder import RunRecorder

_SETTLING_SECONDS = 10.0  # for the records of runs that were ended
_LOST = RunError(ErrorType.LOST, "another server recorded the run as lost while it ran")
_NOT_RECORDED = RunError(ErrorType.INTERNAL, "the run could not be recorded")
_MOST_EARLY = 4096  # codes that are known to answer while their runs go on


class Preparer(Protocol):
    """Makes of a source what its runs need. execution/builds.py implements it."""

    async def prepare(self, language: str, source: str) -> Prepared:
        """Return the source or the artifact that a job gets. Raises `SourceRefused` and `Error` (busy)."""


class ValuesOfCode(Protocol):
    """Knows the secrets and variables of codes. services/run_values.py implements it."""

    async def of(self, code: Code) -> RunValues:
        """Return what a run of a code is given.

        Raises `Error`: internal when a secret cannot be decrypted, busy while the database is away. Then nothing runs.
        """


class RecordedRuns:
    """Runs codes on an executor and records each run.

    recorder: writes the rows, as postgres/recording/recorder.py does. values: the secrets and variables that runs are
    given. instance: the number under which this server's unfinished runs are found should it die. timezone: of codes
    that have none of their own. masked_headers, masked_params: names whose values are not recorded, headers in lower
    case. on_end: called with every run that is over.
    """

    def __init__(
        self,
        executor: Executor,
        recorder: RunRecorder,
        *,
        builds: Preparer,
        values: ValuesOfCode,
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
        self._values = values
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
        self._tasks: set[asyncio.Task[Any]] = set()
        # Codes whose last run answered before its end: the rows of their runs are on disk before the first byte comes.
        self._early: OrderedDict[UUID, None] = OrderedDict()
        self._closing = False

    def __repr__(self) -> str:
        return f"<RecordedRuns of {self._node}: {len(self._running)} running>"

    @property
    def running(self) -> int:
        """The number of runs that have a slot right now."""
        return len(self._running)

    async def run(self, code: Code, call: Call, *, most: int | None = None) -> FinishedRun | OpenRun:
        """Run a code once and record it. The run goes on should the caller be cancelled or hang up.

        most: of the bytes of an answer in pieces, as `OpenRun` has it.
        Returns when the run is over, or has begun an answer that goes out while it goes on. Raises `Error`: busy (no
        runtime for the language, no slot in time, or the record cannot be written, in which case the run does not
        count), not_found (the code was deleted meanwhile).
        """
        if self._closing:
            raise Error(ErrorCode.BUSY, "the server is stopping")
        task = asyncio.create_task(self._run(code, call, most))
        self._keep(task)
        return await asyncio.shield(task)

    async def run_to_answer(self, code: Code, call: Call) -> FinishedRun | AnsweredRun:
        """Run a code as `run` does, and wait for its whole answer; one over the limit ends the run."""
        ran = await self.run(code, call, most=self._limits.result_bytes)
        return await ran.collect() if isinstance(ran, OpenRun) else ran

    async def close(self, grace: float) -> None:
        """Take no more runs, give those in flight `grace` seconds, then end them as `cancelled` and record it.

        Runs that still wait for a slot or a build then never begin.
        """
        self._closing = True
        await self._settle(grace)
        self._executor.close()
        for execution in list(self._running.values()):
            execution.cancel(RunError(ErrorType.CANCELLED, "the server stopped"))
        await self._settle(_SETTLING_SECONDS)

    async def _run(self, code: Code, call: Call, most: int | None) -> FinishedRun | OpenRun:
        asked = time.perf_counter()
        run_id = self._new_run_id()
        values = await self._values.of(code)
        masking = RunMasking(await masker_for(values), with_result=code.mask_result)
        try:
            prepared = await self._builds.prepare(code.language or "", code.source or "")
        except SourceRefused as refused:
            run = self._start(code, await masking.call(call), run_id, asked)
            return await self._record(code, run, self._recorder.begin(run), Outcome(error=refused.error), masking)
        job = Job(
            id=run_id,
            language=code.language or "",
            source=prepared.source,
            artifact=prepared.artifact,
            call=call,
            values=values,
            timeout=code.seconds,
            timezone=code.timezone or self._timezone,
            output=self._limits,
            admission=self._admission,
        )
        execution = await self._executor.start(job)
        try:
            # Only now: the sandbox is at work meanwhile.
            run = self._start(code, await masking.call(call), run_id, asked, prepared.artifact)
            on_disk = code.id in self._early
            begun = self._recorder.begin(run, durable=on_disk)
        except BaseException:  # a run that cannot even be written down must not go on
            execution.cancel()
            raise
        begun.add_done_callback(lambda done: _cancel_if_failed(done, execution))
        self._running[run_id] = execution
        try:
            early = await execution.early_answer()
            outcome = await execution.outcome() if early is None else None
        except BaseException:  # cancelled, by a loop that ends: nothing waits for it any more
            del self._running[run_id]
            raise
        if early is not None:
            opened = OpenRun(run, execution, early, most)
            return await self._open(code, opened, begun, masking, on_disk=on_disk)
        assert outcome is not None, "an execution without an early answer has ended"
        del self._running[run_id]
        self._early.pop(code.id, None)
        return await self._record(code, run, begun, outcome, masking)

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
        self, code: Code, run: Run, begun: "asyncio.Future[Any]", outcome: Outcome, masking: RunMasking
    ) -> FinishedRun:
        try:
            await begun
            ended = self._now()
            finished = await masking.finish_run(run, outcome, ended)
        except BaseException:  # there is no row to finish, or no end to write, whatever the reason
            self._recorder.abandon(run.id)
            raise
        if not await self._recorder.finish(finished):
            finished = finish_run(run, Outcome(error=_LOST), ended)
        self._on_end(code, finished.outcome)
        return finished

    async def _open(
        self, code: Code, opened: OpenRun, begun: "asyncio.Future[Any]", masking: RunMasking, *, on_disk: bool
    ) -> FinishedRun | OpenRun:
        """Have on disk what has to be there before anything goes out. The rest of the run is seen to in the background.

        on_disk: whether `begun` tells that the row is on disk. Raises `Error` (busy).
        """
        self._early[code.id] = None
        self._early.move_to_end(code.id)
        if len(self._early) > _MOST_EARLY:
            self._early.popitem(last=False)
        try:
            await begun
            if opened.is_in_pieces and not on_disk:
                await self._recorder.answer(AnsweredRun(opened.run, opened.run, {}))
        except BaseException:  # whatever the reason, nothing may go out, so the run has no purpose
            opened.execution.cancel(_NOT_RECORDED)
            raise
        finally:
            self._keep(asyncio.create_task(self._see_through(code, opened, begun, masking)))
        if opened.is_in_pieces:
            return opened
        recorded = await opened.on_record()
        if isinstance(recorded, FinishedRun):
            return recorded
        opened.run = recorded.run
        return opened

    async def _see_through(
        self, code: Code, opened: OpenRun, begun: "asyncio.Future[Any]", masking: RunMasking
    ) -> None:
        """Record the answer of a run that goes on after it, and the run's end."""
        execution, run = opened.execution, opened.run
        try:
            try:
                answer = await opened.answered()
                if answer is not None:
                    await self._write_answer(opened, await masking.answer_run(run, answer, self._now()))
                outcome = await execution.outcome()
            except BaseException:  # whatever the reason, there is no end to write: the run is taken for lost
                execution.cancel(_NOT_RECORDED)
                self._recorder.abandon(run.id)
                raise
            finally:
                del self._running[run.id]
            opened.put_on_record(await self._record(code, run, begun, opened.as_sent(outcome), masking))
        except Error as error:
            opened.fail(error)
        except BaseException as error:
            opened.fail(error)
            raise

    async def _write_answer(self, opened: OpenRun, answered: AnsweredRun) -> None:
        try:
            if await self._recorder.answer(answered):
                opened.put_on_record(answered)
            else:
                opened.execution.cancel(_LOST)
        except Error as error:  # work whose answer cannot be told must not go on
            opened.execution.cancel(_NOT_RECORDED)
            opened.fail(error)

    def _keep(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self, seconds: float) -> None:
        """Wait until no run is left, for so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._tasks:
                    await asyncio.wait(self._tasks)


def _cancel_if_failed(begun: "asyncio.Future[Any]", execution: Execution) -> None:
    """End a run whose beginning cannot be written: what it does could not be told."""
    with contextlib.suppress(asyncio.CancelledError):
        if begun.exception() is not None:
            execution.cancel(_NOT_RECORDED)
