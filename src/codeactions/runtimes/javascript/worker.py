"""The zygote of JavaScript runs: behind its walls, each run becomes a Bun that waits for its job (worker.cjs)."""

from __future__ import annotations

import os

from codeactions.runtimes.javascript.paths import ENVIRONMENT, PROGRAM, WORKER

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import NoReturn

    from codeactions.sandbox.config import Limits

# Bytes that Bun itself needs under RLIMIT_DATA, before any code: measured, with the reservation of paths.py.
DATA_BYTES = 336 * 1024 * 1024
_program, _worker = PROGRAM, WORKER


def preload(_limits: Limits, places: dict[str, str]) -> None:
    """Keep where Bun and the engine are. There is nothing to warm up: the zygote only forks."""
    global _program, _worker
    _program, _worker = places.get(_program, _program), places.get(_worker, _worker)


def run() -> NoReturn:
    """Become Bun, which installs nothing, whatever a code imports."""
    os.execve(_program, ["bun", "--no-install", _worker], ENVIRONMENT)  # noqa: S606 - no shell is wanted
