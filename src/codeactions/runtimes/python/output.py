"""The output of a Python run: log lines through the engine, printed lines, and the frame that ends it."""

from __future__ import annotations

import _thread
import io
import os
from collections.abc import Callable

from codeactions.runtimes.protocol import LOG_LEVELS, LONGEST_PARTIAL, Kind, pack

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any


class OutputLimitError(BaseException):
    """A limit on a run's output was crossed. Not an `Exception`: `except Exception` must not hide it."""


class Output:
    """Sends frames to the server, and stops sending log lines at the limits. One a zygote, used once in each run."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unlock()
        os.register_at_fork(after_in_child=self._unlock)  # the thread that held it in the parent is not there
        self.set_limits(lines=0, characters=0, size=0)

    def set_limits(self, *, lines: int, characters: int, size: int) -> None:
        """Keep `lines` of at most `characters`; end the run after `size` characters in all."""
        self._lines_left = lines
        self.held_back = 0
        self._characters = characters
        self._size_left = size

    def send(self, frame: bytes) -> None:
        """Write a whole frame to the server; no other thread's frame comes into it."""
        view = memoryview(frame)
        with self._lock:
            while view:
                view = view[os.write(self._descriptor, view) :]

    def _unlock(self) -> None:
        self._lock = _thread.RLock()  # a signal's handler may print as well

    def line(self, level: str, text: str) -> None:
        """Send a log line, or hold it back when enough are sent. Raises `OutputLimitError` as `spend` does."""
        self.spend(len(text) + 1)
        if self._lines_left <= 0:
            self.held_back += 1  # told with the run's end
            return
        self._lines_left -= 1
        most = self._characters + 1
        # An escape has more bytes than the server takes for a character. What is cut in two here is not kept there.
        content = text[:most].encode("utf-8", "backslashreplace")[: 4 * most]
        self.send(pack(Kind.LOG, bytes([LOG_LEVELS.index(level)]), content))

    def spend(self, size: int) -> None:
        """Count what a run writes. Raises `OutputLimitError` when it is far more than is kept."""
        self._size_left -= size
        if self._size_left < 0:
            raise OutputLimitError("the run wrote more to its log than may be read")

    def stream(self, level: str) -> io.TextIOWrapper:
        """Return a text stream whose lines become log lines, to stand in for sys.stdout and sys.stderr."""
        raw = _LineWriter(lambda line: self.line(level, line.decode("utf-8", "backslashreplace")), self.spend)
        return io.TextIOWrapper(
            io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
        )


def finish(stream: Any) -> None:
    """Send the lines that a stream still holds, a last line without its line feed included."""
    try:
        stream.flush()
        stream.buffer.raw.finish()
    except Exception:  # noqa: S110 - the user's code may have put anything in the stream's place
        pass


class _LineWriter(io.RawIOBase):
    def __init__(self, emit: Callable[[bytes], None], spend: Callable[[int], None]) -> None:
        self._emit = emit
        self._spend = spend
        self._partial = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        *lines, self._partial = (self._partial + bytes(data)).split(b"\n")
        for line in lines:
            self._emit(line)
        if len(self._partial) > LONGEST_PARTIAL:
            self._spend(len(self._partial) - LONGEST_PARTIAL)
            self._partial = self._partial[:LONGEST_PARTIAL]
        return len(data)

    def finish(self) -> None:
        if self._partial:
            partial, self._partial = self._partial, b""
            self._emit(partial)
