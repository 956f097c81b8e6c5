"""Runs a code: a slot, the record's beginning, the sandbox, the record's end, and only then the answer."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from codeactions.domain.code import Code
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.ids import new_id
from codeactions.domain.record import MASKED_HEADERS, end_extra, pairs_to_object, start_extra
from codeactions.domain.run import Call, ErrorType, Outcome, Run, RunError, RunStatus
from codeactions.domain.text import bytes_to_text
from codeactions.execution.builds import Builds, Prepared, SourceRefused
from codeactions.execution.sandbox_run import OutputLimits, SandboxRun
from codeactions.postgres.coderuns import RunEnd, RunStart
from codeactions.postgres.database import translated
from codeactions.postgres.recording.recorder import Recorder
from codeactions.sandbox.server.pool import SandboxPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """How long and how many callers may wait for a slot. Waiting is never counted as running."""

    most_waiting: int = 256
    wait_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that is over and on record."""

    run: Run
    outcome: Outcome


class Executor:
    """Runs codes on this node.

    builds: what makes of a code what its runs need.
    instance: the number under which this server's unfinished runs are found should it die.
    """

    def __init__(
        self,
        pool: SandboxPool,
        recorder: Recorder,
        *,
        builds: Builds,
        node: str,
        instance: int,
        limits: OutputLimits | None = None,
        admission: Admission | None = None,
        masked_headers: frozenset[str] = MASKED_HEADERS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_run_id: Callable[[], UUID] = new_id,
        on_end: Callable[[Code, Outcome], None] = lambda code, outcome: None,
    ) -> None:
        self._pool = pool
        self._recorder = recorder
        self._builds = builds
        self._node = node
        self._instance = instance
        self._limits = limits or OutputLimits()
        self._admission = admission or Admission()
        self._masked_headers = masked_headers
        self._now = now
        self._new_run_id = new_run_id
        self._on_end = on_end
        self._running: dict[UUID, SandboxRun] = {}
        self._tasks: set[asyncio.Task[Finished]] = set()
        self._closing = False
        self._ended = False  # the runs in flight were ended, so that none may begin any more

    def __repr__(self) -> str:
        return f"<Executor {self._node}: {len(self._running)} running>"

    @property
    def running(self) -> int:
        """Runs in a sandbox right now."""
        return len(self._running)

    async def run(self, code: Code, call: Call) -> Finished:
        """Run a code once and record it. The run goes on should the caller be cancelled or hang up.

        Raises `Error`: busy (no runtime for the language, no slot in time, or the record cannot be written, in which
        case the run does not count), not_found (the code was deleted meanwhile).
        """
        if self._closing:
            raise _stopping()
        task = asyncio.create_task(self._run(code, call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def close(self, grace: float) -> None:
        """Take no more runs, give those in flight `grace` seconds, then end them as `cancelled` and record it.

        Those that still wait for a slot or a build then never begin.
        """
        self._closing = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        self._ended = True
        for run in list(self._running.values()):
            run.end(RunError(ErrorType.CANCELLED, "the server stopped"))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=10.0)

    async def _run(self, code: Code, call: Call) -> Finished:
        asked = time.perf_counter()
        try:
            prepared = await self._builds.prepare(code)
        except SourceRefused as refused:
            start = self._start_row(code, call, None, (time.perf_counter() - asked) * 1000)
            return await self._record(code, start, self._recorder.begin(start), Outcome(error=refused.error))
        try:
            sandbox = await self._pool.acquire(
                prepared.zygote, self._admission.wait_seconds, self._admission.most_waiting, prepared.program
            )
        finally:
            prepared.close()
        if self._ended:
            sandbox.discard()
            raise _stopping()
        try:
            start = self._start_row(code, call, prepared.artifact, (time.perf_counter() - asked) * 1000)
        except BaseException:  # nobody else would ever end the sandbox, and its slot would be lost
            sandbox.discard()
            raise
        run = SandboxRun(sandbox, self._limits, self._now, prepared.explain)
        begun = self._recorder.begin(start)
        begun.add_done_callback(lambda done: _end_if_failed(done, run))
        self._running[start.id] = run
        try:
            outcome = await run.outcome(_job(start.id, prepared, call), call.body, code.timeout)
        finally:
            del self._running[start.id]
        return await self._record(code, start, begun, outcome)

    def _start_row(self, code: Code, call: Call, artifact: str | None, queue_ms: float) -> RunStart:
        body, encoding = bytes_to_text(call.body)
        extra = start_extra(
            code,
            call,
            node=self._node,
            instance=self._instance,
            queue_ms=queue_ms,
            body_encoding=encoding,
            artifact=artifact,
        )
        return RunStart(
            id=self._new_run_id(),
            code_id=code.id,
            extra=extra,
            params=pairs_to_object(call.params),
            body=body,
            headers=pairs_to_object(call.headers, self._masked_headers),
            at=self._now(),
        )

    async def _record(self, code: Code, start: RunStart, begun: "asyncio.Future[None]", outcome: Outcome) -> Finished:
        try:
            with translated():
                await begun
        except BaseException:  # there is no row to finish, whatever the reason
            self._recorder.abandon(start.id)
            raise
        result, extra = end_extra(outcome)
        end = RunEnd(id=start.id, status=outcome.status, result=result, extra=extra, logs=outcome.logs, at=self._now())
        if not await self._recorder.finish(start, end):
            outcome = Outcome(error=RunError(ErrorType.LOST, "the run was taken for lost while it ran"))
            result, extra = end_extra(outcome)
        self._on_end(code, outcome)
        return Finished(_as_run(start, end, result, extra, outcome.status), outcome)


def _stopping() -> Error:
    return Error(ErrorCode.BUSY, "the server is stopping")


def _end_if_failed(begun: "asyncio.Future[None]", run: SandboxRun) -> None:
    """A run whose beginning cannot be written must not go on: what it did could not be told."""
    with contextlib.suppress(asyncio.CancelledError):
        if begun.exception() is not None:
            run.end(RunError(ErrorType.INTERNAL, "the run could not be recorded"))


def _job(run_id: UUID, prepared: Prepared, call: Call) -> dict[str, Any]:
    return {
        "run_id": str(run_id),
        "source": prepared.source,
        "method": call.method,
        "path": call.path,
        "params": call.params,
        "headers": call.headers,
    }


def _as_run(start: RunStart, end: RunEnd, result: str | None, extra: dict[str, Any], status: RunStatus) -> Run:
    """The row as it stands in the database now, without asking for it."""
    return Run(
        id=start.id,
        code_id=start.code_id,
        status=status,
        result=result,
        extra={**start.extra, **extra},
        params=start.params,
        body=start.body,
        headers=start.headers,
        created_at=start.at,
        updated_at=end.at,
    )
