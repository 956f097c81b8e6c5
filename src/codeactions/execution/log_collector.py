"""The log of one execution: lines from the engine, printed text and raw output, kept within the limits."""

from collections.abc import Callable
from datetime import datetime

from codeactions.domain.job import OutputLimits
from codeactions.domain.log import LogLine
from codeactions.domain.masker import Masker
from codeactions.runtimes.protocol import LOG_LEVELS, Kind, Malformed

_FRAME_COST = 128  # bytes that a frame counts for beside its text: a flood of empty ones is work as well


class LogCollector:
    """Collects lines as they come. `lines` has those that are kept, `dropped` counts the others.

    masker: takes the run's secret values out of the lines; None if it has none.
    """

    def __init__(self, limits: OutputLimits, now: Callable[[], datetime], masker: Masker | None = None) -> None:
        self._limits = limits
        self._now = now
        self._masker = masker
        self._bytes = 0
        # Level → the beginning of a line whose end has not come yet. What the engine prints and what comes through the
        # pipes are lines of their own: which of the two comes first is left to chance. At the end they are kept in this
        # order, standard output's before the other.
        self._printed = {"info": bytearray(), "error": bytearray()}
        self._raw = {"info": bytearray(), "error": bytearray()}
        self.lines: list[LogLine] = []
        self.dropped = 0

    def __repr__(self) -> str:
        return f"<LogCollector {len(self.lines)} lines, {self.dropped} dropped, {self._bytes} bytes>"

    @property
    def over_limit(self) -> bool:
        """Whether more came than `log_bytes`."""
        return self._bytes > self._limits.log_bytes

    def add_frame(self, kind: Kind, payload: bytes) -> None:
        """Take a LOG or TEXT frame of the engine: an entry, line feeds in it or not, or printed text, cut anywhere.

        Raises `Malformed`.
        """
        if not payload or payload[0] >= len(LOG_LEVELS):
            raise Malformed("a log line of no known level")
        level, content = LOG_LEVELS[payload[0]], payload[1:]
        self._bytes += _FRAME_COST + len(content)
        if kind == Kind.LOG:
            self._keep(level, content)
        elif level in self._printed:
            self._join(level, self._printed[level], content)
        else:
            raise Malformed(f"printed text of level {level}")

    def add_output(self, level: str, data: bytes) -> None:
        """Take raw output, cut anywhere: of standard output with level info, of standard error with level error."""
        self._bytes += len(data)
        self._join(level, self._raw[level], data)

    def add_held_back(self, count: object) -> None:
        """Count lines that the engine did not send because they were over the limit.

        The count comes from the run, which may lie, to no harm but its own.
        """
        if type(count) is int and 0 < count <= self._limits.log_bytes:
            self.dropped += count

    def finish(self) -> None:
        """Keep the last lines, those that came without a line feed, and mask what is secret in several lines alone."""
        for begun in (self._printed, self._raw):
            for level, rest in begun.items():
                if rest:
                    self._keep(level, bytes(rest))
                    rest.clear()
        if self._masker is not None and self._masker.has_blocks:
            self._mask_blocks(self._masker)

    def _join(self, level: str, begun: bytearray, data: bytes) -> None:
        """Put text behind the line that has begun, and keep the lines that it completes."""
        if len(self.lines) < self._limits.log_lines:
            *lines, rest = data.split(b"\n")
            if lines:
                lines[0] = bytes(begun) + lines[0]
                begun.clear()
            to_mask = None
            if self._masker is not None and len(lines) > 1:
                to_mask = self._masker.lines_with_values(b"\n".join(lines))
            for number, line in enumerate(lines):
                self._keep(level, line, is_clean=to_mask is not None and number not in to_mask)
        else:  # none is kept any more, so they need not be cut out
            rest = data[data.rfind(b"\n") + 1 :]
            self.dropped += data.count(b"\n")
            if len(rest) < len(data):
                begun.clear()
        # Of a line without end its head is enough: what is cut away would not be kept either.
        begun += rest[: max(0, 4 * self._limits.log_characters + 4 - len(begun))]

    def _keep(self, level: str, content: bytes, *, is_clean: bool = False) -> None:
        """Keep a line. is_clean: it has no secret values, whole ones."""
        if len(self.lines) >= self._limits.log_lines:
            self.dropped += 1
            return
        text = content.decode("utf-8", "backslashreplace")
        is_cut = len(text) > self._limits.log_characters
        # A clean line that is cut may still end with a piece: the engine has cut it as well, right behind what is kept.
        if self._masker is not None and (is_cut or not is_clean):
            masked = self._masker.mask_cut_bytes(content) if is_cut else self._masker.mask_bytes(content)
            if masked is not content:
                text = masked.decode("utf-8", "backslashreplace")
        if is_cut or len(text) > self._limits.log_characters:
            text = text[: self._limits.log_characters - 1] + "…"
        self.lines.append(LogLine(level, text, self._now()))

    def _mask_blocks(self, masker: Masker) -> None:
        for level in self._raw:
            places = [place for place, line in enumerate(self.lines) if line.level == level]
            texts = [self.lines[place].content for place in places]
            for number, text in masker.mask_blocks(texts).items():
                line = self.lines[places[number]]
                self.lines[places[number]] = LogLine(level, text, line.at)
