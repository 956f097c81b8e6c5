"""Sandboxes, their pools and processes, for tests of sandbox/."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from harness import children_of

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.job import OutputLimits
from codeactions.domain.run import Outcome
from codeactions.execution.sandbox_run import SandboxRun
from codeactions.runtimes.protocol import Kind, pack_described
from codeactions.runtimes.python import runtime as python
from codeactions.sandbox.config import LauncherConfig, ZygoteSpec
from codeactions.sandbox.server import launcher_process
from codeactions.sandbox.server.pool import SandboxPool
from codeactions.sandbox.server.sandbox import Sandbox

WORKER = python.find().zygote


# Runs until there is a file in the folder that is mounted there.
UNTIL_TOLD = """
import os, time
def Run(engine):
    while not os.path.exists("/told/end"):
        time.sleep(0.01)
    return "survived"
"""


LOOK = """
import os
def Run(engine):
    found = {"/libraries": sorted(os.listdir("/libraries")) if os.path.exists("/libraries") else None}
    for name in found["/libraries"] or ():
        found[name] = open(f"/libraries/{name}/file").read()
    return found
"""


def config(**changes: Any) -> LauncherConfig:
    values = {"slots": 3, "exposed": python.exposed_paths(), "hidden": python.hidden_paths()}
    return LauncherConfig(**{**values, "zygotes": zygotes("python"), **changes})


def zygotes(*names: str, mounts: dict[str, str] | None = None) -> list[ZygoteSpec]:
    """Zygotes of Python with these names."""
    return [ZygoteSpec(name, python.find().zygote, mounts) for name in names]


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    """Three slots, none of them kept warm, and a zygote of Python."""
    pool = SandboxPool(config())
    await pool.start()
    yield pool
    await pool.stop()


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A folder in which a file `end` ends runs of UNTIL_TOLD, whose zygote has it mounted at /told."""
    folder = tmp_path / "told"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Callable[..., str]:
    """Makes folders of the host with a file in them."""

    def make(name: str, content: str = "content") -> str:
        folder = tmp_path / name
        folder.mkdir(mode=0o755)
        (folder / "file").write_text(content)
        return str(folder)

    return make


@pytest.fixture
def module(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Writes a zygote's module; returns the mount with which its zygote finds it as `own_module`."""

    def write(preload: str) -> dict[str, str]:
        file = tmp_path / "own_module.py"
        file.write_text(
            f"import os, signal, sys, time\nfrom codeactions.runtimes.python import worker\nrun = worker.run\n"
            f"def preload(limits, places):\n    {preload}\n    worker.preload(limits, places)\n"
        )
        return {f"{launcher_process._PACKAGE_PARENT}/own_module.py": str(file)}

    return write


async def acquire(pool: SandboxPool, timeout: float = 10.0, most_waiting: int = 10) -> Sandbox:
    return await pool.acquire("python", timeout, most_waiting)


async def run_in(sandbox: Sandbox, source: str, *, body: bytes = b"", seconds: float = 10.0) -> Outcome:
    """Send a job as the executor does, and wait for the outcome."""
    limits = OutputLimits()
    job: dict[str, Any] = {"run_id": "test", "source": source, "method": "POST", "path": "/"}
    job |= {"params": [], "headers": [], "limits": asdict(limits)}
    run = SandboxRun(sandbox, limits, lambda: datetime.now(UTC))
    run.begin(pack_described(Kind.JOB, job, body), seconds)
    return await run.outcome()


async def run(sandbox: Sandbox, source: str = "def Run(engine):\n    return 'done'\n") -> Outcome:
    return await run_in(sandbox, source)


async def returned(pool: SandboxPool, zygote: str, source: str) -> Any:
    """What `source` returns in a run of a zygote."""
    return answer(await run(await pool.acquire(zygote, 10.0, 10), source))


def answer(outcome: Outcome) -> Any:
    """What a run returned."""
    assert outcome.answer is not None, outcome.error
    return json.loads(outcome.answer.body)


async def refused(attempt: Any, code: ErrorCode = ErrorCode.INTERNAL) -> str:
    """The message of the error that an attempt ends with."""
    with pytest.raises(Error) as caught:
        await attempt
    assert caught.value.code is code
    return caught.value.message


async def ended(sandbox: Sandbox) -> int | None:
    async with asyncio.timeout(10):
        return (await asyncio.shield(sandbox.ended)).status


async def heard(pool: SandboxPool, zygote: str) -> None:
    """Wait until the launcher has done all that it was sent before, and heard all that the zygote said before."""
    sandbox = await pool.acquire(zygote, 10.0, 10)
    sandbox.kill()
    await ended(sandbox)
    sandbox.close()


def depth(pid: int) -> int:
    """In how many pid namespaces a process is."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return len(next(line for line in lines if line.startswith("NSpid:")).split()) - 1


def launcher_of(pool: SandboxPool) -> int:
    """The launcher itself, the first child of its supervisor."""
    assert pool.launcher_pid is not None
    (launcher,) = [pid for pid in children_of(pool.launcher_pid) if Path(f"/proc/{pid}/stat").exists()][:1]
    return launcher


def zygotes_of(pool: SandboxPool) -> list[int]:
    launcher = launcher_of(pool)
    return [pid for pid in children_of(launcher) if depth(pid) == depth(launcher)]


def runs_of(pool: SandboxPool) -> list[int]:
    launcher = launcher_of(pool)
    return [pid for pid in children_of(launcher) if depth(pid) == depth(launcher) + 1]


class Delays:
    """Of no time at all, as many as are asked for; remembers the places of those."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 100

    def __getitem__(self, place: int) -> float:
        self.asked.append(place)
        return 0.0
