"""What pools and zygotes leave behind when they are gone."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import children_of, is_alive, until
from sandboxes import (
    LOOK,
    WORKER,
    acquire,
    config,
    heard,
    launcher_of,
    library,
    module,
    pool,
    refused,
    returned,
    run,
    runs_of,
)

from codeactions.sandbox.config import ZygoteSpec
from codeactions.sandbox.server.pool import SandboxPool

__all__ = ["library", "module", "pool"]  # fixtures


def cgroups_of(pid: int) -> set[str]:
    """The names of the group trees that a process's launcher made."""
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return {part for line in lines for part in line.split("/") if part.startswith("codeactions-")}


def existing_cgroups(names: set[str]) -> list[Path]:
    return [folder for folder in Path("/sys/fs/cgroup").glob("**/codeactions-*") if folder.name in names]


async def test_a_stopped_pool_leaves_no_process_no_cgroup_and_no_descriptor() -> None:
    await asyncio.to_thread(lambda: None)  # the loop's own threads and descriptors are there from now on
    before = sorted(os.listdir("/proc/self/fd"))
    pool = SandboxPool(config(), warm={"python": 2})
    await pool.start()
    running = asyncio.create_task(run(await acquire(pool), "import time\ndef Run(engine): time.sleep(60)\n"))
    await until(lambda: len(runs_of(pool)) == 3)  # one runs, two are warm
    names = {name for pid in runs_of(pool) for name in cgroups_of(pid)}
    assert pool.launcher_pid is not None
    processes = [pool.launcher_pid, *children_of(pool.launcher_pid)]
    await pool.stop()
    outcome = await running
    assert outcome.error is not None
    assert outcome.error.type == "lost"
    assert not [pid for pid in processes if is_alive(pid)]
    assert await asyncio.to_thread(existing_cgroups, names) == []
    assert sorted(os.listdir("/proc/self/fd")) == before


# The launcher that is just being started must not stay behind.
async def test_a_pool_stopped_while_it_replaces_its_launcher_leaves_nothing() -> None:
    others = children_of(os.getpid())  # of the server that other tests share
    pool = SandboxPool(config())
    await pool.start()
    old = pool.launcher_pid
    assert old is not None
    os.kill(old, signal.SIGKILL)
    others.append(old)
    mine = await until(lambda: [pid for pid in children_of(os.getpid()) if pid not in others and _is_supervisor(pid)])
    await pool.stop()
    await until(lambda: not any(map(is_alive, mine)))


def _is_supervisor(pid: int) -> bool:
    try:
        return b"inside.supervisor" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def resources(pool: SandboxPool) -> dict[str, Any]:
    """The processes below the launcher's supervisor, and the descriptors and mounts of server, supervisor, launcher."""
    assert pool.launcher_pid is not None
    supervisor, launcher = Path(f"/proc/{pool.launcher_pid}"), Path(f"/proc/{launcher_of(pool)}")
    children = [
        (process / "task" / process.name / "children").read_text().split() for process in (supervisor, launcher)
    ]
    found: dict[str, Any] = {"children": children}
    for name, process in (("server", Path("/proc/self")), ("supervisor", supervisor), ("launcher", launcher)):
        found[f"descriptors of {name}"] = sorted(path.name for path in (process / "fd").iterdir())
        found[f"mounts of {name}"] = (process / "mountinfo").read_text()
    return found


async def test_zygotes_that_come_and_go_leave_nothing(pool: SandboxPool, library: Callable[..., str]) -> None:
    spec = ZygoteSpec("one", WORKER, {"/libraries/a": library("one")})
    await heard(pool, "python")
    before = resources(pool)
    for number in range(50):
        await pool.open_zygote(spec, warm=number % 2)
        if number % 10 == 0:
            assert await returned(pool, "one", LOOK) == {"/libraries": ["a"], "a": "content"}
        await pool.close_zygote("one")
    await until(lambda: resources(pool) == before)
    assert pool.restarts == 0


async def test_zygotes_that_fail_leave_nothing(
    pool: SandboxPool, module: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    # The child of a zygote that dies becomes the launcher's.
    broken = ZygoteSpec("broken", "own_module", module("os.fork() or time.sleep(600)\n    raise ValueError"))
    missing = ZygoteSpec("missing", WORKER, {"/libraries/a": str(tmp_path / "missing")})
    await heard(pool, "python")
    before = resources(pool)
    for _ in range(5):
        await refused(pool.open_zygote(broken))
        await refused(pool.open_zygote(missing))
    await until(lambda: resources(pool) == before)
