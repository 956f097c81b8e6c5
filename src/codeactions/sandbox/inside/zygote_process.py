"""A zygote as the launcher sees it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket

from codeactions.sandbox import channel

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any


class ZygoteProcess:
    """One zygote, from its fork until it is reaped.

    asked: slot → run that it was asked for but has not forked yet. why: what kept it from becoming ready.
    """

    def __init__(self, number: int, pid: int, sock: socket.socket) -> None:
        self.number = number
        self.pid = pid
        self.sock = sock
        self.ready = False
        self.closing = False
        self.reaped = False
        self.asked: dict[int, int] = {}
        self.why = ""

    def ask(self, slot: int, run: int, descriptors: tuple[int, ...]) -> None:
        """Ask for a run. Raises `Closed`."""
        channel.send(self.sock, {"slot": slot, "run": run}, descriptors)
        self.asked[slot] = run

    def hear(self) -> dict[str, Any] | None:
        """Return the next message, None if there is none yet. Raises `Closed`."""
        try:
            message, _ = channel.receive(self.sock, wait=False)
        except BlockingIOError:
            return None
        return message

    def has_news(self, milliseconds: int) -> bool:
        """Wait a moment for a message. By poll: with many slots there are more descriptors than select can name."""
        waiting = select.poll()
        waiting.register(self.sock, select.POLLIN)
        return bool(waiting.poll(milliseconds))

    def close(self) -> None:
        """Make it end: one that is ready forks first what it was asked for."""
        self.closing = True
        if self.ready:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)
        else:
            self.kill()

    def kill(self) -> None:
        """Make it end at once."""
        if not self.reaped:
            os.kill(self.pid, signal.SIGKILL)

    def set_reaped(self, status: int) -> None:
        """Note that it has ended, with this wait status."""
        self.reaped = True
        code = os.waitstatus_to_exitcode(status)
        how = f"it was ended by signal {-code}" if code < 0 else f"it ended with status {code}"
        self.why = self.why or how
