"""The log of one execution: lines from the engine and raw output, kept within the limits."""

from collections.abc import Callable
from datetime import datetime

from codeactions.domain.job import OutputLimits
from codeactions.domain.log import LogLine

_FRAME_COST = 128  # bytes that a line from the engine counts for beside its text: a flood of empty ones is work as well


class LogCollector:
    """Collects lines as they come. `lines` has those that are kept, `dropped` counts the others."""

    def __init__(self, limits: OutputLimits, now: Callable[[], datetime]) -> None:
        self._limits = limits
        self._now = now
        self._bytes = 0
        # Level → the beginning of a line whose end has not come yet; standard output's is kept before the other.
        self._unfinished = {"info": b"", "error": b""}
        self.lines: list[LogLine] = []
        self.dropped = 0

    def __repr__(self) -> str:
        return f"<LogCollector {len(self.lines)} lines, {self.dropped} dropped, {self._bytes} bytes>"

    @property
    def over_limit(self) -> bool:
        """Whether more came than `log_bytes`."""
        return self._bytes > self._limits.log_bytes

    def add_line(self, level: str, content: bytes) -> None:
        """Take one line that the engine sent."""
        self._bytes += _FRAME_COST + len(content)
        self._keep(level, content)

    def add_output(self, level: str, data: bytes) -> None:
        """Take raw output, cut anywhere: of standard output with level info, of standard error with level error."""
        self._bytes += len(data)
        data = self._unfinished[level] + data
        if len(self.lines) < self._limits.log_lines:
            *lines, rest = data.split(b"\n")
        else:  # none is kept any more, so they need not be cut out
            lines, rest = [], data[data.rfind(b"\n") + 1 :]
            self.dropped += data.count(b"\n")
        # Of a line without end its head is enough: what is cut away would not be kept either.
        self._unfinished[level] = rest[: 4 * self._limits.log_characters + 4]
        for line in lines:
            self._keep(level, line)

    def add_held_back(self, count: object) -> None:
        """Count lines that the engine did not send because they were over the limit.

        The count comes from the run, which may lie, to no harm but its own.
        """
        if type(count) is int and 0 < count <= self._limits.log_bytes:
            self.dropped += count

    def finish(self) -> None:
        """Keep the last lines of raw output that came without a line feed."""
        for level, rest in self._unfinished.items():
            if rest:
                self._keep(level, rest)
                self._unfinished[level] = b""

    def _keep(self, level: str, content: bytes) -> None:
        if len(self.lines) >= self._limits.log_lines:
            self.dropped += 1
            return
        text = content.decode("utf-8", "backslashreplace")
        if len(text) > self._limits.log_characters:
            text = text[: self._limits.log_characters - 1] + "…"
        self.lines.append(LogLine(level, text, self._now()))
