"""One job in one sandbox: the job goes in, logs and the end come out, every limit is watched.

Everything that arrives here was written by hostile code. It is bounded, decoded leniently, and never trusted to
be consistent: the first end counts, what follows it is not read.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from codeactions.domain.job import OutputLimits
from codeactions.domain.masker import Masker
from codeactions.domain.run import Answer, ErrorType, Outcome, RunError
from codeactions.execution.executor import Output
from codeactions.execution.log_collector import LogCollector
from codeactions.execution.response_policy import read_answer
from codeactions.runtimes.protocol import META_LIMIT, TEXT_LIMIT, Kind, Malformed, Reader, unpack_described
from codeactions.runtimes.runtime import Explain
from codeactions.sandbox.server.sandbox import Ended, Sandbox

_READ_SIZE = 64 * 1024
_EXIT_GRACE = 0.02  # seconds from a run's answer to its exit
_END_GRACE = 0.25  # seconds between a run's pipe closing and the kernel's word of how it ended
_OF_THE_LOG = (Kind.LOG, Kind.TEXT)
_FROM_RUNS = {name: ErrorType(name) for name in ("exception", "invalid_source", "memory", "output_limit")}


class SandboxRun:
    """Drives a sandbox from its job to its outcome. Use once.

    All of it happens in callbacks of the event loop: the run ends, and its sandbox is let go, whether or not a task
    waits for its `outcome`.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        limits: OutputLimits,
        now: Callable[[], datetime],
        explain: Explain | None = None,
        masker: Masker | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._limits = limits
        self._explain = explain
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[Answer | RunError] = self._loop.create_future()
        line = 1 + 4 * (limits.log_characters + 1)
        self._reader = Reader(
            {
                Kind.LOG: line,
                Kind.TEXT: line + 1,  # with its line feed
                Kind.RESULT: limits.result_bytes + META_LIMIT,
                Kind.FAILURE: META_LIMIT,
            }
        )
        self._logs = LogCollector(limits, now, masker)
        self._unsent = memoryview(b"")
        self._output_levels = {sandbox.stdout: "info", sandbox.stderr: "error"}
        self._open_pipes: set[int] = set()
        self._news: asyncio.Future[None] | None = None  # what readers of `events` wait for, if there are any
        self._began = 0.0
        self._outcome: asyncio.Future[Outcome] = self._loop.create_future()

    def __repr__(self) -> str:
        return f"<SandboxRun in {self._sandbox}: {'ended' if self._end.done() else 'running'}>"

    def begin(self, job: bytes, timeout: float) -> None:
        """Send the job, a whole frame, and watch the run from now on, for at most `timeout` seconds."""
        self._began = time.perf_counter()
        sandbox = self._sandbox
        self._loop.add_reader(sandbox.frames, self._on_frames)
        for pipe in self._output_levels:
            self._open_pipes.add(pipe)
            self._loop.add_reader(pipe, self._on_output, pipe)
        sandbox.ended.add_done_callback(self._on_ended)
        late = RunError(ErrorType.TIMEOUT, f"the run took longer than its {timeout:g} s")
        alarm = self._loop.call_later(timeout, self.end, late)
        self._end.add_done_callback(lambda end: self._finish(end.result(), alarm))
        self._unsent = memoryview(job)
        self._send()
        if self._unsent:
            self._loop.add_writer(sandbox.job, self._send)

    def end(self, end: RunError) -> None:
        """End the run, from outside with an error; nothing happens when it has ended already."""
        if not self._end.done():
            self._take_rest()
            self._settle(end)

    def _settle(self, end: Answer | RunError) -> None:
        """Decide how the run ends; the first decision counts."""
        if not self._end.done():
            self._end.set_result(end)

    def drop(self, error: RunError) -> None:
        """End the run as `end` does; also when the event loop is over, and with it every run."""
        if not self._loop.is_closed():
            self.end(error)

    async def events(self) -> AsyncGenerator[Output]:
        """Tell of the log and the answer, from the beginning."""
        told = 0
        while True:
            lines = self._logs.lines
            while told < len(lines):
                yield lines[told]
                told += 1
            if self._outcome.done():
                break
            if self._news is None:
                self._news = self._loop.create_future()
            await asyncio.shield(self._news)
        answer = self._outcome.result().answer
        if answer is not None:
            yield answer.head
            yield answer.body

    async def outcome(self) -> Outcome:
        """Wait for the end. The run goes on when the wait is cancelled."""
        return await asyncio.shield(self._outcome)

    async def ended(self) -> Ended:
        """Wait until nothing of the run is left."""
        return await asyncio.shield(self._sandbox.ended)

    def _finish(self, end: Answer | RunError, alarm: asyncio.TimerHandle) -> None:
        """Let go of the sandbox and tell the outcome."""
        sandbox = self._sandbox
        alarm.cancel()
        self._logs.finish()
        self._detach()
        duration, logs = (time.perf_counter() - self._began) * 1000, self._logs
        outcome = Outcome(duration_ms=duration, logs=logs.lines, logs_dropped=logs.dropped)
        outcome.answer, outcome.error = (None, end) if isinstance(end, RunError) else (end, None)
        if sandbox.ended.done():
            outcome.memory_peak = sandbox.ended.result().peak
        if outcome.answer is not None and not sandbox.ended.done():
            # It is ending by itself, nearly always; what does not is killed.
            self._loop.call_later(_EXIT_GRACE, sandbox.kill)
        else:
            sandbox.kill()
        sandbox.close()
        self._outcome.set_result(outcome)
        self._tell()

    def _send(self) -> None:
        """Write as much of the job as the pipe takes, nearly always all of it at once."""
        try:
            sent = os.write(self._sandbox.job, self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:  # the run is dead, which its reader will see
            sent = len(self._unsent)
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._loop.remove_writer(self._sandbox.job)

    def _on_frames(self) -> None:
        try:
            data = os.read(self._sandbox.frames, _READ_SIZE)
        except BlockingIOError:
            return
        if not data:
            self._on_closed()
            return
        try:
            for kind, payload in self._reader.feed(data):
                if self._end.done():
                    return
                self._on_frame(kind, payload)
        except Malformed as error:
            self._flush_pipes()
            self._settle(RunError(ErrorType.KILLED, f"the run broke its protocol: {error}"))

    def _on_frame(self, kind: Kind, payload: bytes) -> None:
        if kind in _OF_THE_LOG:
            self._logs.add_frame(kind, payload)
            self._on_log()
            return
        self._flush_pipes()
        meta, body = unpack_described(payload, META_LIMIT)
        if kind == Kind.RESULT:
            answer = read_answer(meta, body)
            if len(answer.body) > self._limits.result_bytes:
                raise Malformed("a result over the limit")
            self._logs.add_held_back(meta.get("held_back"))
            self._settle(answer)
        else:
            self._logs.add_held_back(meta.get("held_back"))
            self._settle(_read_failure(meta))

    def _on_output(self, pipe: int) -> None:
        """Take raw output: of other programs, or of libraries that write past the language's own streams."""
        try:
            data = os.read(pipe, _READ_SIZE)
        except BlockingIOError:
            return
        if not data:
            self._open_pipes.discard(pipe)
            self._loop.remove_reader(pipe)
            return
        self._logs.add_output(self._output_levels[pipe], data)
        self._on_log()

    def _take_rest(self) -> None:
        """Take what the run has already written to its log, and the last lines without a line feed."""
        with contextlib.suppress(Malformed, BlockingIOError):
            for kind, payload in self._reader.feed(os.read(self._sandbox.frames, _READ_SIZE)):
                if kind not in _OF_THE_LOG:
                    break
                self._on_frame(kind, payload)
        self._flush_pipes()

    def _flush_pipes(self) -> None:
        """Take what is left in the pipes, as much as one read gives, and the last lines without a line feed."""
        for pipe in list(self._open_pipes):
            self._on_output(pipe)
        self._logs.finish()

    def _on_log(self) -> None:
        if self._logs.over_limit:
            self._settle(RunError(ErrorType.OUTPUT_LIMIT, "the run wrote more to its log than may be read"))
        self._tell()

    def _tell(self) -> None:
        """Wake the readers of `events`."""
        if self._news is not None:
            self._news.set_result(None)
            self._news = None

    def _on_closed(self) -> None:
        """The run closed its pipe without an end: it died, or closed it on purpose and can never answer."""
        self._loop.remove_reader(self._sandbox.frames)
        if not self._sandbox.ended.done():
            self._loop.call_later(_END_GRACE, self._sandbox.kill)

    def _on_ended(self, ended: "asyncio.Future[Ended]") -> None:
        if self._end.done():
            return
        with contextlib.suppress(Malformed):  # its last frames may still be unread
            while not self._end.done():
                try:
                    data = os.read(self._sandbox.frames, _READ_SIZE)
                except OSError:
                    break
                if not data:
                    break
                for kind, payload in self._reader.feed(data):
                    self._on_frame(kind, payload)
                    if self._end.done():
                        return
        self._flush_pipes()
        self._settle(self._crash(ended.result()) or _death(ended.result()))

    def _crash(self, ended: Ended) -> RunError | None:
        """Return what the language's own runtime said when it ended the process; None if it said nothing."""
        if self._explain is None or ended.memory_kills or ended.status is None:
            return None
        error = self._explain(ended.status, [line.content for line in self._logs.lines if line.level == "error"])
        return error and replace(error, message=error.message[:TEXT_LIMIT], traceback=error.traceback[: 2 * TEXT_LIMIT])

    def _detach(self) -> None:
        self._loop.remove_reader(self._sandbox.frames)
        self._loop.remove_writer(self._sandbox.job)
        for pipe in self._open_pipes:
            self._loop.remove_reader(pipe)
        self._open_pipes.clear()


def _read_failure(meta: dict[str, Any]) -> RunError:
    """Read a run's description of its own failure. It may name only those types that are its own to name."""
    kind, message, trace = (
        text if isinstance(text := meta.get(name), str) else "" for name in ("type", "message", "traceback")
    )
    line, column = (number if type(number := meta.get(name)) is int else None for name in ("line", "column"))
    return RunError(_FROM_RUNS.get(kind, ErrorType.EXCEPTION), message, trace, line, column)


def _death(ended: Ended) -> RunError:
    """Tell why a run that gave no end is dead."""
    if ended.memory_kills:
        return RunError(ErrorType.MEMORY, "the run used more memory than it may")
    if ended.status is None:
        return RunError(ErrorType.LOST, f"the run was lost: {ended.why}")
    if ended.status < 0:
        try:
            name = signal.Signals(-ended.status).name
        except ValueError:
            name = f"signal {-ended.status}"
        return RunError(ErrorType.KILLED, f"the run's process was ended by {name} before it gave a result")
    return RunError(ErrorType.KILLED, f"the run's process exited with code {ended.status} before it gave a result")
