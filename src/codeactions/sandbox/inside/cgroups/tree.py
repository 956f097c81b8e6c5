"""Groups of one launcher and its slots: made under a lock, held by a lock, removed by descriptors."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from collections.abc import Iterator


def read(path: str) -> str:
    """Return the whole content of a file."""
    with open(path) as file:
        return file.read()


def write(path: str, value: int | str) -> None:
    """Write a value to a file."""
    with open(path, "w") as file:
        file.write(str(value))


def write_at(folder: int, name: str, value: int) -> None:
    """Write a value to a file of an open folder."""
    fd = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.write(fd, str(value).encode())
    finally:
        os.close(fd)


def open_folder(path: str) -> int:
    """Return a descriptor of a folder."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def open_to_write(path: str) -> int:
    """Return a descriptor that a file can be written with."""
    return os.open(path, os.O_WRONLY | os.O_CLOEXEC)


def open_peak(path: str) -> int:
    """Open the file of a group's peak; -1 unless it can be set back, or a run would be given an earlier run's peak."""
    try:
        peak = os.open(path, os.O_RDWR | os.O_CLOEXEC)  # since Linux 5.19; writable since 6.12
    except OSError:
        return -1
    try:
        os.pwrite(peak, b"0", 0)
    except OSError:
        os.close(peak)
        return -1
    return peak


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

    def descriptors(self) -> set[int]:
        """Return the open descriptors; one that all slots share is among those of each."""
        return {fd for fd in (*self.join, self.folder, self.events, self.peak) if fd >= 0}

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


_PREFIX = "codeactions-"
_PATIENCE = 5.0  # seconds for another launcher to make its groups, which takes milliseconds


class CgroupTree:
    """All groups of one launcher; without any, `reason` says why.

    A tree is held by a lock on its folder; the next launcher that starts removes trees that no launcher holds, so a
    `kill -9` leaves none behind.
    """

    def __init__(self, reason: str = "") -> None:
        self.version = "none"
        self.controllers: tuple[str, ...] = ()
        self.slots: list[SlotGroup] = []
        self.reason = reason
        self.roots: list[tuple[int, str, int]] = []  # parent folder fd, name, own locked fd
        self._name = _PREFIX + os.urandom(6).hex()

    def remove(self) -> None:
        """Delete every group, by folder descriptors, and close all descriptors of the tree. Never raises."""
        for fd in {fd for slot in self.slots for fd in slot.descriptors()}:
            os.close(fd)
        self.slots.clear()
        for parent, name, own in self.roots:
            _remove_children(own)
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=parent)
            os.close(own)
            os.close(parent)
        self.roots.clear()

    def make_root(self, parent: str) -> str:
        """Make the tree's top group below a folder, and return its path. All of a tree have the same name."""
        root = f"{parent}/{self._name}"
        with _alone_in(parent):  # between mkdir and its own lock another launcher would think it stale
            _remove_stale(parent)
            os.mkdir(root)
            own = open_folder(root)
            fcntl.flock(own, fcntl.LOCK_EX)
        self.roots.append((open_folder(parent), self._name, own))
        return root


@contextlib.contextmanager
def _alone_in(parent: str) -> Iterator[None]:
    """Keep other launchers from making groups in a folder at the same time.

    Any process that can read the folder can lock it, so the wait has an end: two at the same time are the smaller evil.
    """
    folder = open_folder(parent)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _locked(folder) and time.monotonic() < deadline:
            time.sleep(0.01)
        yield
    finally:
        os.close(folder)


def _locked(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_stale(parent: str) -> None:
    for name in os.listdir(parent):
        if not name.startswith(_PREFIX):
            continue
        folder = f"{parent}/{name}"
        with contextlib.suppress(OSError):  # held by a living launcher, or removed by another one meanwhile
            own = open_folder(folder)
            try:
                fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove_children(own)
                os.rmdir(folder)
            finally:
                os.close(own)


def _remove_children(folder: int) -> None:
    for name in os.listdir(folder):
        if name.startswith("slot-") or name == "launcher":
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=folder)
