"""The output of a Python run: log lines through the engine, printed lines, and the frame that ends it."""

from __future__ import annotations

import _thread
import io
import os
import select
import struct
import sys

from codeactions.runtimes.protocol import LOG_LEVELS, PIECE_BYTES, Kind

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_HEAD = struct.Struct("!BIB")  # of a LOG or TEXT frame, with the level
_LOG, _TEXT = int(Kind.LOG), int(Kind.TEXT)
_NUMBERS = {level: number for number, level in enumerate(LOG_LEVELS)}


class OutputLimitError(BaseException):
    """A limit on a run's output was crossed. Not an `Exception`: `except Exception` must not hide it."""


class Output:
    """Sends frames to the server, and stops sending log lines at the limits. One a zygote, used once in each run."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._streams: list[io.TextIOWrapper] = []
        self._printed: list[Printed] = []
        self._is_buffering = False
        self._unlock()
        os.register_at_fork(after_in_child=self._unlock)  # the thread that held it in the parent is not there
        self.set_limits(lines=0, characters=0, size=0)

    def set_limits(self, *, lines: int, characters: int, size: int) -> None:
        """Keep `lines` of at most `characters`; end the run after `size` characters in all."""
        self._lines_left = lines
        self.held_back = 0
        self._most = characters + 1  # what is more is cut by the server, which marks the place
        self._size_left = size
        self._small_pieces_left = size // (2 * PIECE_BYTES)

    def send(self, frame: bytes) -> None:
        """Write a whole frame to the server; no frame of another thread, or of a signal's handler, comes into it."""
        with self.lock:
            if len(frame) <= select.PIPE_BUF and not self._unsent:
                os.write(self._descriptor, frame)  # the kernel takes all of it or nothing
                return
            self._unsent.append((memoryview(frame), []))
            if not self._is_sending:  # else this is a handler's, which goes out after the frame that it came into
                self._send_unsent()

    def _send_unsent(self) -> None:
        self._is_sending = True
        try:
            while self._unsent:
                frame, written = self._unsent[0]
                rest = frame[sum(written) :]
                if rest:
                    # A handler may raise in the middle of a frame, and the rest of it has to come before the next one.
                    # The interpreter calls none between a write and the note of it when both are one call.
                    written.extend(map(os.write, (self._descriptor,), (rest,)))
                else:
                    del self._unsent[0]
        finally:
            self._is_sending = False

    def _unlock(self) -> None:
        self.lock = _thread.RLock()  # a signal's handler may print as well
        self._unsent: list[tuple[memoryview, list[int]]] = []  # frames, with what has been written of each
        self._is_sending = False

    def line(self, level: str, text: str) -> None:
        """Send an entry of the log, or hold it back when enough are sent. Raises `OutputLimitError` as `spend` does."""
        self.spend(len(text) + 1)
        if self.takes_line():
            # An escape has more bytes than the server takes for a character. What is cut in two here is not kept there.
            content = text[: self._most].encode("utf-8", "backslashreplace")[: 4 * self._most]
            self.send(_HEAD.pack(_LOG, 1 + len(content), _NUMBERS[level]) + content)

    def piece(self, level: str, content: bytes, *, is_whole: bool) -> bool:
        """Send printed text. Return False for a piece that is too small to be sent by itself, after many of them."""
        if not is_whole and len(content) < PIECE_BYTES:
            if self._small_pieces_left <= 0:
                return False
            self._small_pieces_left -= 1
        self.send(_HEAD.pack(_TEXT, 1 + len(content), _NUMBERS[level]) + content)
        return True

    def takes_line(self) -> bool:
        """Count a line, and return whether it is sent. What is held back is told with the run's end."""
        if self._lines_left <= 0:
            self.held_back += 1
            return False
        self._lines_left -= 1
        return True

    @property
    def longest(self) -> int:
        """Bytes that are sent of a line."""
        return 4 * self._most

    def spend(self, size: int) -> None:
        """Count what a run writes. Raises `OutputLimitError` when it is far more than is kept."""
        self._size_left -= size
        if self._size_left < 0:
            raise OutputLimitError("the run wrote more to its log than may be read")

    def stream(self, level: str) -> io.TextIOWrapper:
        """Return a text stream whose lines become log lines, to stand in for sys.stdout and sys.stderr.

        Nothing waits in it, as with `python -u`, while the run has no other thread: what is printed before a crash or a
        kill is in the log.
        """
        printed = Printed(self, level)
        self._printed.append(printed)
        buffer: Any = printed
        stream = io.TextIOWrapper(buffer, encoding="utf-8", errors="backslashreplace", write_through=True)
        self._streams.append(stream)
        return stream

    def finish(self) -> None:
        """End the lines that were printed without a line feed."""
        for stream, printed in zip(self._streams, self._printed, strict=True):
            flush(stream)
            printed.finish()

    def expect_threads(self) -> None:
        """Keep the lines of several threads apart, from the moment on when a second one is started.

        `print` writes each argument and the line feed by itself. Another thread could print between two of them, so
        each line waits until it is whole, or until it is flushed.
        """
        for name in ("start_new_thread", "start_new", "start_joinable_thread"):
            if start := getattr(_thread, name, None):
                setattr(_thread, name, self._buffering(start))
                threading = sys.modules.get("threading")
                if getattr(threading, f"_{name}", None) is start:
                    setattr(threading, f"_{name}", getattr(_thread, name))

    def _buffering(self, start: Callable[..., Any]) -> Callable[..., Any]:
        def start_thread(*arguments: Any, **options: Any) -> Any:
            if not self._is_buffering:
                self._is_buffering = True
                for stream in self._streams:
                    try:
                        stream.reconfigure(line_buffering=True, write_through=False)
                    except ValueError:  # it is closed or detached
                        continue
            return start(*arguments, **options)

        return start_thread


def flush(stream: Any) -> None:
    """Have a text stream let go of what it holds."""
    try:
        stream.flush()
    except Exception:  # the user's code may have put anything in the stream's place
        return


class Printed(io.RawIOBase):
    """The bytes below a text stream. They go to the server as they come; the server cuts them into lines."""

    def __init__(self, output: Output, level: str) -> None:
        self._output = output
        self._level = level
        self._kept = b""  # of the line that has begun: what is not sent yet
        self._room: int | None = None  # how much of it may still be sent: -1, none of it; None: no line has begun

    def writable(self) -> bool:
        """Return True, as every stream that can be written."""
        return True

    def write(self, data: Any) -> int:
        """Take bytes, cut anywhere, and return how many. Raises `OutputLimitError` as `Output.spend` does."""
        data = bytes(data)
        with self._output.lock:
            if b"\n" not in data:
                if data:
                    self._take(data, False)
                return len(data)
            *lines, rest = data.split(b"\n")
            for line in lines:
                self._take(line, True)
            if rest:
                self._take(rest, False)
        return len(data)

    def _take(self, piece: bytes, is_end: bool) -> None:
        output = self._output
        output.spend(len(piece) + is_end)
        if self._room is None:
            self._room = output.longest if output.takes_line() else -1
        if self._room >= 0:
            piece = piece[: self._room]
            self._room -= len(piece)
            content = self._kept + piece
            if is_end:
                self._kept = b""
                output.piece(self._level, content + b"\n", is_whole=True)
            elif content:
                self._kept = b"" if output.piece(self._level, content, is_whole=False) else content
        if is_end:
            self._room = None

    def finish(self) -> None:
        """End the line that has begun, if one has."""
        if self._room is not None:
            self.write(b"\n")
