"""All groups of one launcher: made under a lock, held by a lock, removed by descriptors."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time

from codeactions.sandbox.inside.cgroups.files import open_folder
from codeactions.sandbox.inside.cgroups.slot_group import SlotGroup

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from collections.abc import Iterator

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
        """Delete every group, by folder descriptors. Never raises."""
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
