"""The zygote of Go runs: inside the walls, each run becomes the program whose descriptor it was given."""

from __future__ import annotations

import os

from codeactions.sandbox.descriptors import PROGRAM_FD

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import NoReturn

    from codeactions.sandbox.config import Limits

# Bytes that a program itself needs under RLIMIT_DATA, before its action has any.
DATA_BYTES = 128 * 1024 * 1024
_environment = {
    "GOTRACEBACK": "single",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    "TMPDIR": "/tmp",
    "USER": "sandbox",
}


def preload(limits: Limits, _places: dict[str, str]) -> None:
    """Set the collector's limit. There is nothing to warm up: the zygote only forks."""
    # The garbage collector has to work harder near the limit; without it, half of the memory could be used.
    _environment["GOMEMLIMIT"] = str(limits.memory_bytes * 9 // 10)


def run() -> NoReturn:
    """Become the program."""
    os.set_inheritable(PROGRAM_FD, False)  # exec by descriptor needs it open until then, and no longer
    os.execve(PROGRAM_FD, ["action"], _environment)  # noqa: S606 - no shell is wanted
