"""The groups of one slot, as a run and the launcher use them."""

from __future__ import annotations

import contextlib
import os


class SlotGroup:
    """The groups of one slot, as file descriptors that work wherever the slot's run is.

    join: files to which a process writes "0" to move itself in (v1).
    folder: the group's folder, for clone3 (v2), else -1.
    limits_memory: whether memory is among what the group limits; if not, an rlimit has to do.
    """

    __slots__ = ("_seen_kills", "events", "folder", "join", "limits_memory", "peak")

    def __init__(self, folder: int = -1) -> None:
        self.join: tuple[int, ...] = ()
        self.folder = folder
        self.limits_memory = False
        self.events = -1
        self.peak = -1
        self._seen_kills = 0

    def enter(self) -> None:
        """Move the calling process in. It must have one thread.

        `tasks` and not `cgroup.procs`: moving oneself as a thread skips the kernel's global lock.
        """
        for fd in self.join:
            os.write(fd, b"0")

    def new_memory_kills(self) -> int:
        """Return how many processes the kernel killed for memory since this was last called."""
        if self.events < 0:
            return 0
        for line in os.pread(self.events, 4096, 0).split(b"\n"):
            if line.startswith(b"oom_kill "):
                total = int(line[9:])
                new, self._seen_kills = total - self._seen_kills, total
                return new
        return 0

    def take_peak(self) -> int | None:
        """Return the most memory in use since this was last called, in bytes; None where the host does not tell."""
        if self.peak < 0:
            return None
        peak = int(os.pread(self.peak, 32, 0))
        with contextlib.suppress(OSError):
            os.pwrite(self.peak, b"0", 0)
        return peak
