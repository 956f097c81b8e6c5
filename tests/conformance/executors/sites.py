"""Where the executors under test take place: each with two slots, and a view of how many are in use."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import CACHE

from codeactions.domain.ids import new_id
from codeactions.domain.job import Admission, Job
from codeactions.execution.artifacts import ArtifactStore
from codeactions.execution.executor import Executor
from codeactions.execution.local import LocalExecutor
from codeactions.node.settings import read_settings
from codeactions.sandbox.server.pool import SandboxPool

SLOTS = 2


@dataclass(frozen=True)
class Site:
    """An executor with its surroundings.

    busy, waiting: slots with an execution in them, and jobs that wait for one. keep: puts an artifact where the
    executor finds it.
    """

    executor: Executor
    busy: Callable[[], int]
    waiting: Callable[[], int]
    keep: Callable[[str, bytes], None]


@contextlib.asynccontextmanager
async def local(folder: Path) -> AsyncIterator[Site]:
    """An executor of this node."""
    settings = read_settings(data_dir=folder, cache_dir=CACHE, languages="python,javascript,go")
    runtimes = settings.registry()
    artifacts = ArtifactStore(folder / "artifacts", 1024 * 1024)
    pool = SandboxPool(settings.launcher(runtimes, slots=SLOTS))
    await pool.start()
    try:
        yield Site(
            executor=LocalExecutor(pool, runtimes, artifacts),
            busy=lambda: pool.busy,
            waiting=lambda: pool.waiting,
            keep=artifacts.put,
        )
    finally:
        await pool.stop()
        artifacts.close()


SITES = {"local": local}


def job(source: str, **changes: Any) -> Job:
    """A job in Python that waits long for its slot."""
    values: dict[str, Any] = {"id": new_id(), "language": "python", "source": source, "timeout": 30.0}
    return Job(**values | {"admission": Admission(most_waiting=100, wait_seconds=30.0)} | changes)
