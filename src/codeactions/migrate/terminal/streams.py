"""Standard output and error for a process that must not stop in the middle of its work because of them.

They may be closed from the start, their reader may end, they may be full. And a signal handler or another thread may
have a line to print while one is being written, which Python's own streams refuse in a handler.
"""

import contextlib
import os
import sys
import threading
from collections import deque
from typing import NamedTuple, TextIO

_CLEAR_LINE = "\r\x1b[K"
_STANDARD = (0, 1, 2)


class _Entry(NamedTuple):
    text: str
    to_stdout: bool
    passing: bool


class Streams:
    """Both streams, written in one order from all threads and signal handlers. No method raises."""

    def __init__(self) -> None:
        self._waiting: deque[_Entry] = deque()
        self._writing = threading.Lock()
        self._gone: set[int] = set()
        self._passing = False

    def put(self, text: str, *, to_stdout: bool = False, passing: bool = False) -> None:
        """Write `text`, on standard error by default. A `passing` text goes when the next text is written.

        If another call is at work, that one writes this text too, after its own. After an error nothing more is
        written on that stream.
        """
        self._waiting.append(_Entry(text, to_stdout, passing))
        # The lock is never waited for: a signal handler would wait for the very frame that it interrupts. The queue
        # is read again afterwards, for texts that came between the last look and the release.
        while self._waiting and self._writing.acquire(blocking=False):
            try:
                while self._waiting:
                    self._write(self._waiting.popleft())
            finally:
                self._writing.release()

    def _write(self, entry: _Entry) -> None:
        if self._passing or entry.passing:
            self._send(_CLEAR_LINE, sys.stderr)
        self._passing = entry.passing
        self._send(entry.text, sys.stdout if entry.to_stdout else sys.stderr)

    def _send(self, text: str, stream: TextIO | None) -> None:
        """Write to the descriptor: a broken stream would try its buffered text again at the exit, and fail."""
        if stream is None or stream.closed:
            return
        # A file name or SQL that is not UTF-8 must not end in a traceback.
        encoding = stream.encoding or "utf-8"
        data = text.encode(encoding, errors="backslashreplace")
        try:
            number = stream.fileno()
        except OSError:  # there is none behind it, as when a caller collects the output
            stream.write(data.decode(encoding))
            return
        if number not in self._gone:
            try:
                _write_all(number, data)
            except OSError:
                self._gone.add(number)


def _write_all(number: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(number, data) :]
        except BlockingIOError:
            # Another process has made the terminal that it shares with us non-blocking.
            from select import select

            select([], [number], [])


def open_closed_streams() -> None:
    """Open /dev/null in place of closed standard streams, or sockets would get their numbers."""
    for number in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                # It gets the lowest free number, which is this one. Children inherit it.
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
