"""Standard output and error of a process that nothing that becomes of them may stop in the middle of its work.

They may be closed from the start, their reader may have enough, they may be full; and a signal handler or another
thread may have a line to say while one is being written, which Python's own streams refuse in a handler.
"""

import contextlib
import os
import sys
import threading
from collections import deque
from typing import NamedTuple, TextIO

CLEAR_LINE = "\r\x1b[K"
STANDARD = (0, 1, 2)


class _Entry(NamedTuple):
    text: str
    to_stdout: bool
    passing: bool


class Streams:
    """Both streams, written in one order whoever writes. No method raises."""

    def __init__(self) -> None:
        self._waiting: deque[_Entry] = deque()
        self._writing = threading.Lock()
        self._gone: set[int] = set()
        self._passing = False

    def put(self, text: str, *, to_stdout: bool = False, passing: bool = False) -> None:
        """Write `text`, on standard error by default; if it is `passing`, until something else is written.

        Where another call is at work it writes this too, when it has come to the end of its own. After an error
        nothing more is written on that stream.
        """
        self._waiting.append(_Entry(text, to_stdout, passing))
        # Never waited for: a signal handler would wait for the very frame that it interrupts. Asked for again
        # afterwards, for what came between the last look and the release.
        while self._waiting and self._writing.acquire(blocking=False):
            try:
                while self._waiting:
                    self._write(self._waiting.popleft())
            finally:
                self._writing.release()

    def _write(self, entry: _Entry) -> None:
        if self._passing or entry.passing:
            self._send(CLEAR_LINE, sys.stderr)
        self._passing = entry.passing
        self._send(entry.text, sys.stdout if entry.to_stdout else sys.stderr)

    def _send(self, text: str, stream: TextIO | None) -> None:
        """To the descriptor, since what a broken stream has buffered would be tried again, and fail, at the exit."""
        if stream is None or stream.closed:
            return
        # A file name or SQL that is no UTF-8 must not end in a traceback of ours.
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


def occupy() -> None:
    """Have /dev/null in place of standard streams that are closed, or the database's socket gets their numbers."""
    for number in STANDARD:
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                # It gets the lowest number that is free, which is this one; and children have it too.
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
