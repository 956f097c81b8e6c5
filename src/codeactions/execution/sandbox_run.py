"""One job in one sandbox: the job goes in, logs and the end come out, every limit is watched.

Everything that arrives here was written by hostile code. It is bounded, decoded leniently, and never trusted to
be consistent: the first end counts, what follows it is not read.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from datetime import datetime

from codeactions.domain.job import OutputLimits
from codeactions.domain.log import LogLine
from codeactions.domain.masker import Masker
from codeactions.domain.run import Answer, ErrorType, Outcome, RunError
from codeactions.execution.answer_stream import AnswerStream
from codeactions.execution.executor import EarlyAnswer
from codeactions.execution.frame_bounds import frame_bounds
from codeactions.execution.log_collector import LogCollector
from codeactions.execution.run_ends import death, read_failure
from codeactions.runtimes.protocol import META_LIMIT, TEXT_LIMIT, Kind, Malformed, Reader, unpack_described
from codeactions.runtimes.runtime import Explain
from codeactions.sandbox.server.sandbox import Ended, Sandbox

_READ_SIZE = 64 * 1024
_EXIT_GRACE = 0.02  # seconds from a run's answer to its exit
_END_GRACE = 0.25  # seconds between a run's pipe closing and the kernel's word of how it ended
_OF_THE_LOG = (Kind.LOG, Kind.TEXT)


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
        self._explain = explain
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[Answer | RunError] = self._loop.create_future()
        self._reader = Reader(frame_bounds(limits))
        self._answer = AnswerStream(limits, self._read_on)
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

    async def events(self) -> AsyncGenerator[LogLine]:
        """Tell of the log, from the beginning."""
        told = 0
        while True:
            lines = self._logs.lines
            while told < len(lines):
                yield lines[told]
                told += 1
            if self._outcome.done():
                return
            if self._news is None:
                self._news = self._loop.create_future()
            await asyncio.shield(self._news)

    async def early_answer(self) -> EarlyAnswer | None:
        """Wait until an answer begins that goes out while the run goes on. The run goes on when this is cancelled."""
        return await asyncio.shield(self._answer.early)

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
        outcome = Outcome(duration_ms=(time.perf_counter() - self._began) * 1000, logs=self._logs.lines)
        outcome.logs_dropped = self._logs.dropped
        if isinstance(end, RunError):
            outcome.error, outcome.answer = end, self._answer.so_far
        else:
            outcome.answer = end
        if sandbox.ended.done():
            outcome.memory_peak = sandbox.ended.result().peak
        if outcome.error is None and not sandbox.ended.done():
            # It is ending by itself, nearly always; what does not is killed.
            self._loop.call_later(_EXIT_GRACE, sandbox.kill)
        else:
            sandbox.kill()
        sandbox.close()
        self._outcome.set_result(outcome)
        self._answer.close()
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
        if data:
            self._take(data)
        else:
            self._on_closed()

    def _take(self, data: bytes) -> None:
        """Take the frames in what was read, and in what was left before, until the answer's reader has enough."""
        try:
            for kind, payload in self._reader.feed(data):
                if self._end.done():
                    return
                self._on_frame(kind, payload)
                if kind == Kind.CHUNK and self._answer.must_wait():
                    self._loop.remove_reader(self._sandbox.frames)
                    return
        except Malformed as error:
            self._flush_pipes()
            self._settle(RunError(ErrorType.KILLED, f"the run broke its protocol: {error}"))

    def _on_frame(self, kind: Kind, payload: bytes) -> None:
        if kind in _OF_THE_LOG:
            self._logs.add_frame(kind, payload)
            self._on_log()
            return
        if kind == Kind.CHUNK:
            self._answer.add(payload)
            return
        end: Answer | RunError | None
        if kind == Kind.FAILURE:
            meta, _ = unpack_described(payload, META_LIMIT)
            end = read_failure(meta)
        else:
            meta, end = self._answer.take(kind, payload)
        if end is not None:
            self._flush_pipes()
            self._logs.add_held_back(meta.get("held_back"))
            self._settle(end)

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
        rest = b""
        with contextlib.suppress(BlockingIOError):
            rest = os.read(self._sandbox.frames, _READ_SIZE)
        with contextlib.suppress(Malformed):
            for kind, payload in self._reader.feed(rest):
                if kind != Kind.CHUNK and kind not in _OF_THE_LOG:
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

    def _read_on(self) -> None:
        """Read again what the run writes."""
        if not self._end.done():
            self._loop.add_reader(self._sandbox.frames, self._on_frames)
            self._take(b"")

    def _on_closed(self) -> None:
        """The run closed its pipe without an end: it died, or closed it on purpose and can never answer."""
        self._loop.remove_reader(self._sandbox.frames)
        if not self._sandbox.ended.done():
            self._loop.call_later(_END_GRACE, self._sandbox.kill)

    def _on_ended(self, ended: "asyncio.Future[Ended]") -> None:
        if self._end.done():
            return
        with contextlib.suppress(Malformed):  # its last frames may still be unread
            data = b""  # there may be some that were read, and left until the answer's reader has room
            while True:
                for kind, payload in self._reader.feed(data):
                    self._on_frame(kind, payload)
                    if self._end.done():
                        return
                try:
                    data = os.read(self._sandbox.frames, _READ_SIZE)
                except OSError:
                    break
                if not data:
                    break
        self._flush_pipes()
        self._settle(self._crash(ended.result()) or death(ended.result()))

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
