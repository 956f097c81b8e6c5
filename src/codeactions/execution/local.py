"""The executor of this node: jobs run in the sandboxes of its own pool."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TypeVar

from cachetools import LRUCache, cached

from codeactions.domain.code import DEFAULT_TIMEZONE
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.job import Job, JobKind
from codeactions.domain.log import LogLine
from codeactions.domain.masker import masker_of
from codeactions.domain.run import ErrorType, Outcome, RunError
from codeactions.domain.run_values import RunValues
from codeactions.execution.artifacts import ArtifactStore
from codeactions.execution.executor import CANCELLED, EarlyAnswer, Usage
from codeactions.execution.sandbox_run import SandboxRun
from codeactions.runtimes import timezones
from codeactions.runtimes.environment import is_environment_name
from codeactions.runtimes.protocol import Kind, pack_described
from codeactions.runtimes.registry import Registry
from codeactions.runtimes.runtime import Form
from codeactions.sandbox.server.pool import SandboxPool

BUILD_ZYGOTE = "build"
_KEPT_VALUES = 16 * 1024 * 1024  # bytes of values that are described already
_Found = TypeVar("_Found")
_DROPPED = RunError(ErrorType.CANCELLED, "the run was dropped")


class LocalExecution:
    """An execution in a sandbox of this node; `executor.Execution` says what it promises."""

    def __init__(self, run: SandboxRun) -> None:
        self._run = run

    def __del__(self) -> None:
        # The event loop keeps the run alive, and with it the slot. Nothing can ask for its outcome any more.
        self._run.drop(_DROPPED)

    async def events(self) -> AsyncIterator[LogLine]:
        """Tell the execution's log, from its beginning, until it ends."""
        # A generator of its own: it refers to this object, so that an execution whose events are read is not dropped.
        async with aclosing(self._run.events()) as lines:
            async for line in lines:
                yield line

    async def early_answer(self) -> EarlyAnswer | None:
        """Wait for an answer that goes out while the run goes on. Cancelling the wait cancels the execution."""
        try:
            return await self._run.early_answer()
        except asyncio.CancelledError:
            self.cancel()
            raise

    async def outcome(self) -> Outcome:
        """Wait for the end. Cancelling the wait cancels the execution."""
        try:
            return await self._run.outcome()
        except asyncio.CancelledError:
            self.cancel()
            raise

    async def usage(self) -> Usage:
        """Wait until the slot is free again, and tell what the execution used."""
        return Usage((await self._run.ended()).peak)

    def cancel(self, error: RunError = CANCELLED) -> None:
        """End the execution with this error, unless it has ended."""
        self._run.end(error)


class LocalExecutor:
    """Starts jobs in `pool`; `executor.Executor` says what it promises.

    artifacts: where what was built is found. now: the time that log lines get.
    """

    def __init__(
        self,
        pool: SandboxPool,
        runtimes: Registry,
        artifacts: ArtifactStore,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool = pool
        self._runtimes = runtimes
        self._artifacts = artifacts
        self._now = now
        self._closed = False

    def __repr__(self) -> str:
        return f"<LocalExecutor in {self._pool}{' closed' * self._closed}>"

    async def start(self, job: Job) -> LocalExecution:
        """Wait for a slot and start the job in it. Raises `Error` (busy)."""
        runtime = self._runtimes.get(job.language)
        timezones.require_there(job.timezone)
        is_build = job.kind is JobKind.BUILD
        source, program = await self._input(job, runtime.form)
        try:
            sandbox = await self._pool.acquire(
                BUILD_ZYGOTE if is_build else job.language,
                job.admission.wait_seconds,
                job.admission.most_waiting,
                program,
            )
        finally:
            if program is not None:
                os.close(program)
        try:
            if self._closed:
                raise Error(ErrorCode.BUSY, "the server is stopping")
            run = SandboxRun(
                sandbox, job.output, self._now, None if is_build else runtime.explain, masker_of(job.values)
            )
            run.begin(_frame(job, source), job.timeout)
        except BaseException:  # nothing else would ever end the sandbox, and its slot would be lost
            sandbox.discard()
            raise
        return LocalExecution(run)

    def close(self) -> None:
        """Start nothing more, also none of the jobs that wait for a slot."""
        self._closed = True

    async def _input(self, job: Job, form: Form) -> tuple[str, int | None]:
        """Return the text that the job's frame gets, and a descriptor of the program that its process becomes."""
        if job.artifact is None:
            return job.source, None
        if form is Form.PROGRAM:
            return "", _there(await self._program(job.artifact))
        return _there(self._artifacts.read(job.artifact)).decode(), None

    async def _program(self, key: str) -> int | None:
        if self._artifacts.has_program(key):
            return self._artifacts.program(key)
        return await asyncio.to_thread(self._artifacts.program, key)


def _there(artifact: _Found | None) -> _Found:
    """Raise `Error` (busy) for an artifact that is gone: another server's collection was quicker than this job."""
    if artifact is None:
        raise Error(ErrorCode.BUSY, "what was built was deleted meanwhile; try again")
    return artifact


def _frame(job: Job, source: str) -> bytes:
    """Make the frame that tells a sandbox its job: of a build the body is the source, of a run the call's."""
    output, call = job.output, job.call
    description: dict[str, object] = {
        "limits": {
            "result_bytes": output.result_bytes,
            "log_lines": output.log_lines,
            "log_characters": output.log_characters,
            "log_bytes": output.log_bytes,
        }
    }
    if job.kind is JobKind.BUILD:
        return pack_described(Kind.JOB, {"language": job.language, **description}, source.encode())
    if job.timezone != DEFAULT_TIMEZONE:
        description["timezone"] = job.timezone
    description |= {"run_id": str(job.id), "source": source, "method": call.method, "path": call.path}
    description |= {"raw_path": call.raw_path or call.path, "raw_query": call.raw_query}
    description |= {"params": call.params, "headers": call.headers}
    values = _described(job.values) if job.values else b""
    if call.text is None:
        return pack_described(Kind.JOB, description, call.body, ready=values)
    # What only the server can decode, for every language, follows the body.
    description["content_bytes"] = len(call.body)
    return pack_described(Kind.JOB, description, call.body + call.text.encode(), ready=values)


@cached(LRUCache(_KEPT_VALUES, getsizeof=len), key=lambda values: values.digest)  # made once: each call gives the same
def _described(values: RunValues) -> bytes:
    """Return what a job says of secrets and variables. `environment` has those that are environment variables."""
    given = [*values.secrets, *values.variables]
    described = {
        "secrets": dict(values.secrets),
        "variables": dict(values.variables),
        "environment": {name: value for name, value in given if is_environment_name(name)},
    }
    return json.dumps(described).encode()
