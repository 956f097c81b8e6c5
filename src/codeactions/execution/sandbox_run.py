"""One run in one sandbox: the job goes in, logs and the end come out, every limit is watched.

Everything that arrives here was written by hostile code. It is bounded, decoded leniently, and never trusted to
be consistent: the first end counts, what follows it is not read.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from codeactions.domain.log import LogLine
from codeactions.domain.run import Answer, ErrorType, Outcome, RunError
from codeactions.execution.response_policy import read_answer
from codeactions.runtimes.protocol import (
    LOG_LEVELS,
    META_LIMIT,
    Kind,
    Malformed,
    Reader,
    pack_described,
    unpack_described,
)
from codeactions.runtimes.runtime import Explain
from codeactions.sandbox.server.sandbox import Ended, Sandbox

_READ_SIZE = 64 * 1024
_LOG_FRAME_COST = 128  # bytes that a log frame counts for beside its text: a flood of empty ones is work as well
_EXIT_GRACE = 0.02  # seconds from a run's answer to its exit
_END_GRACE = 0.25  # seconds between a run's pipe closing and the kernel's word of how it ended
_ROOM = META_LIMIT // 40  # characters of a crash's message, as the engines have it
_FROM_RUNS = {name: ErrorType(name) for name in ("exception", "invalid_source", "memory", "output_limit")}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputLimits:
    """What a run may put out. Lines over the number are dropped and counted, longer ones cut;
    more than `log_bytes` in all, or a larger result, ends the run as `output_limit`."""

    result_bytes: int = 10 * 1024 * 1024
    log_lines: int = 1000
    log_characters: int = 8000
    log_bytes: int = 16 * 1024 * 1024


class SandboxRun:
    """Drives a sandbox from its job to its outcome. Use once."""

    def __init__(
        self,
        sandbox: Sandbox,
        limits: OutputLimits,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        explain: Explain | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._limits = limits
        self._now = now
        self._explain = explain
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[Answer | RunError] = self._loop.create_future()
        self._reader = Reader(
            {
                Kind.LOG: 1 + 4 * (limits.log_characters + 1),
                Kind.RESULT: limits.result_bytes + META_LIMIT,
                Kind.FAILURE: META_LIMIT,
            }
        )
        self._logs: list[LogLine] = []
        self._dropped = 0
        self._log_bytes = 0
        self._unsent = memoryview(b"")
        self._partial = {sandbox.stdout: b"", sandbox.stderr: b""}
        self._levels = {sandbox.stdout: "info", sandbox.stderr: "error"}
        self._open_pipes: set[int] = set()

    def end(self, end: Answer | RunError) -> None:
        """End the run, from outside with an error; nothing happens when it has ended already."""
        if not self._end.done():
            self._end.set_result(end)

    async def outcome(self, job: dict[str, Any], body: bytes, timeout: float) -> Outcome:
        """Send the job and wait for the end, at most `timeout` seconds. Never raises for what a run does.

        The run is dead or dying when this returns; `sandbox.ended` tells when nothing of it is left.
        """
        began = time.perf_counter()
        sandbox = self._sandbox
        limits = self._limits
        job["limits"] = {
            "result_bytes": limits.result_bytes,
            "log_lines": limits.log_lines,
            "log_characters": limits.log_characters,
            "log_bytes": limits.log_bytes,
        }
        self._loop.add_reader(sandbox.frames, self._on_frames)
        for pipe in self._partial:
            self._open_pipes.add(pipe)
            self._loop.add_reader(pipe, self._on_output, pipe)
        sandbox.ended.add_done_callback(self._on_ended)
        late = RunError(ErrorType.TIMEOUT, f"the run took longer than its {timeout:g} s")
        alarm = self._loop.call_later(timeout, self.end, late)
        self._unsent = memoryview(pack_described(Kind.JOB, job, body))
        self._send()
        if self._unsent:
            self._loop.add_writer(sandbox.job, self._send)
        try:
            end = await asyncio.shield(self._end)
        finally:
            alarm.cancel()
            self._detach()
        outcome = Outcome(duration_ms=(time.perf_counter() - began) * 1000, logs=self._logs)
        outcome.logs_dropped = self._dropped
        if isinstance(end, RunError):
            outcome.error = end
        else:
            outcome.answer = end
        if sandbox.ended.done():
            outcome.memory_peak = sandbox.ended.result().peak
        if outcome.answer is not None and not sandbox.ended.done():
            # It is ending by itself, nearly always; what does not is killed.
            self._loop.call_later(_EXIT_GRACE, sandbox.kill)
        else:
            sandbox.kill()
        sandbox.close()
        return outcome

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
            self.end(RunError(ErrorType.KILLED, f"the run broke its protocol: {error}"))

    def _on_frame(self, kind: Kind, payload: bytes) -> None:
        if kind == Kind.LOG:
            if not payload or payload[0] >= len(LOG_LEVELS):
                raise Malformed("a log line of no known level")
            self._count(_LOG_FRAME_COST + len(payload))
            self._add_line(LOG_LEVELS[payload[0]], payload[1:])
        elif kind == Kind.RESULT:
            self._flush_pipes()
            meta, body = unpack_described(payload, META_LIMIT)
            answer = read_answer(meta, body)
            if len(answer.body) > self._limits.result_bytes:
                raise Malformed("a result over the limit")
            self._add_held_back(meta)
            self.end(answer)
        else:
            self._flush_pipes()
            meta, _ = unpack_described(payload, META_LIMIT)
            self._add_held_back(meta)
            self.end(_read_failure(meta))

    def _add_held_back(self, meta: dict[str, Any]) -> None:
        """Lines over the limit need not be sent; the engine counts them. It may lie, to nobody's harm but its own."""
        count = meta.get("held_back")
        if type(count) is int and 0 < count <= self._limits.log_bytes:
            self._dropped += count

    def _on_output(self, pipe: int) -> None:
        """Raw output: of other programs, or of libraries that write past Python's own streams."""
        try:
            data = os.read(pipe, 65536)
        except BlockingIOError:
            return
        if not data:
            self._open_pipes.discard(pipe)
            self._loop.remove_reader(pipe)
            return
        self._count(len(data))
        data = self._partial[pipe] + data
        if len(self._logs) < self._limits.log_lines:
            *lines, rest = data.split(b"\n")
        else:  # none is kept any more, so they need not be cut out
            lines, rest = [], data[data.rfind(b"\n") + 1 :]
            self._dropped += data.count(b"\n")
        # Of a line without end its head is enough: what is cut away would not be kept either.
        self._partial[pipe] = rest[: 4 * self._limits.log_characters + 4]
        for line in lines:
            self._add_line(self._levels[pipe], line)

    def _flush_pipes(self) -> None:
        """Take what is left in the pipes, as much as one read gives, and the last lines without a line feed."""
        for pipe in list(self._open_pipes):
            self._on_output(pipe)
        for pipe, rest in self._partial.items():
            if rest:
                self._add_line(self._levels[pipe], rest)
                self._partial[pipe] = b""

    def _count(self, size: int) -> None:
        self._log_bytes += size
        if self._log_bytes > self._limits.log_bytes:
            self.end(RunError(ErrorType.OUTPUT_LIMIT, "the run wrote more to its log than may be read"))

    def _add_line(self, level: str, content: bytes) -> None:
        if len(self._logs) >= self._limits.log_lines:
            self._dropped += 1
            return
        text = content.decode("utf-8", "backslashreplace")
        if len(text) > self._limits.log_characters:
            text = text[: self._limits.log_characters - 1] + "…"
        self._logs.append(LogLine(level, text, self._now()))

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
        self.end(self._crash(ended.result()) or _death(ended.result()))

    def _crash(self, ended: Ended) -> RunError | None:
        """What the language's own runtime said when it ended the process; None if it said nothing."""
        if self._explain is None or ended.memory_kills or ended.status is None:
            return None
        error = self._explain(ended.status, [line.content for line in self._logs if line.level == "error"])
        return error and replace(error, message=error.message[:_ROOM], traceback=error.traceback[: 2 * _ROOM])

    def _detach(self) -> None:
        self._loop.remove_reader(self._sandbox.frames)
        self._loop.remove_writer(self._sandbox.job)
        for pipe in self._open_pipes:
            self._loop.remove_reader(pipe)
        self._open_pipes.clear()


def _read_failure(meta: dict[str, Any]) -> RunError:
    """What a run says of its own failure. It may name only those types that are its own to name."""
    kind, message, trace = (
        text if isinstance(text := meta.get(name), str) else "" for name in ("type", "message", "traceback")
    )
    line, column = (number if type(number := meta.get(name)) is int else None for name in ("line", "column"))
    return RunError(_FROM_RUNS.get(kind, ErrorType.EXCEPTION), message, trace, line, column)


def _death(ended: Ended) -> RunError:
    """Why a run that gave no end is dead."""
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
