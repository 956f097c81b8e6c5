"""A zygote as the launcher sees it."""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import socket
import time

from codeactions.sandbox import channel

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any


class ZygoteProcess:
    """One zygote, from its fork until it is reaped.

    asked: slot → run that it was asked for but has not forked yet. why: what kept it from becoming ready. kill_at: when
    it has to have ended, on the monotonic clock.
    """

    def __init__(self, number: int, pid: int, sock: socket.socket) -> None:
        self.number = number
        self.pid = pid
        self.sock = sock
        self.ready = False
        self.closing = False
        self.kill_at = math.inf
        self.reaped = False
        self.asked: dict[int, int] = {}
        self.why = ""

    def ask(self, slot: int, run: int, descriptors: tuple[int, ...]) -> None:
        """Ask for a run. Raises `Closed`."""
        channel.send(self.sock, {"slot": slot, "run": run}, descriptors)
        self.asked[slot] = run

    def hear(self) -> dict[str, Any] | None:
        """Return the next message, None if there is none yet.

        Raises `Closed`, also for a message that no zygote sends: the code of its module has the same socket, and may
        write anything to it.
        """
        try:
            message, descriptors = channel.receive(self.sock, wait=False)
        except BlockingIOError:
            return None
        except ValueError as error:
            raise channel.Closed from error
        for fd in descriptors:
            os.close(fd)
        match message:
            case {"slot": int(slot), "run": run, "pid": int(pid)} if self.asked.get(slot) == run and pid > 1:
                return message
            case {"slot": int(slot), "run": run, "error": str()} if self.asked.get(slot) == run:
                return message
            case {"ready": True} if not self.ready:
                return message
            case {"failed": str()} if not self.ready:
                return message
        raise channel.Closed

    def has_news(self, milliseconds: int) -> bool:
        """Wait a moment for a message. By poll: with many slots there are more descriptors than select can name."""
        waiting = select.poll()
        waiting.register(self.sock, select.POLLIN)
        return bool(waiting.poll(milliseconds))

    def close(self, seconds: float) -> None:
        """Make it end: one that is ready forks first what it was asked for, in at most so many seconds."""
        self.closing = True
        self.kill_at = time.monotonic() + seconds
        if self.ready:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)
        else:
            self.kill()

    def kill_if_late(self, now: float) -> bool:
        """Kill it if it should have ended by now, and return whether that is so."""
        late = now >= self.kill_at
        if late:
            self.kill()
        return late

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
