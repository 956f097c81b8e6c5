"""The pool on its own: who gets a slot, what happens when any of its processes dies, and what it leaves behind."""

import asyncio
import fcntl
import os
import select
import signal
import socket
import struct
import termios
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from harness import children_of, is_alive

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.run import Outcome
from codeactions.execution.sandbox_run import OutputLimits, SandboxRun
from codeactions.runtimes.python import runtime as python
from codeactions.sandbox.config import LauncherConfig, ZygoteSpec
from codeactions.sandbox.server.pool import SandboxPool
from codeactions.sandbox.server.sandbox import Sandbox


def config(**changes: Any) -> LauncherConfig:
    values = {"slots": 3, "exposed": python.exposed_paths(), "hidden": python.hidden_paths()}
    return LauncherConfig(**{**values, "zygotes": zygotes("python"), **changes})


def zygotes(*names: str, mounts: dict[str, str] | None = None) -> list[ZygoteSpec]:
    """Zygotes of Python with these names."""
    return [ZygoteSpec(name, python.find().zygote, mounts) for name in names]


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A folder in which a file `end` ends runs of UNTIL_TOLD, whose zygote has it mounted at /told."""
    folder = tmp_path / "told"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    """Three slots, none of them kept warm."""
    pool = SandboxPool(config())
    await pool.start()
    yield pool
    await pool.stop()


async def acquire(pool: SandboxPool, timeout: float = 10.0, most_waiting: int = 10) -> Sandbox:
    return await pool.acquire("python", timeout, most_waiting)


async def run(sandbox: Sandbox, source: str = "def Run(engine):\n    return 'done'\n") -> Outcome:
    job = {"run_id": "test", "source": source, "method": "GET", "path": "/", "params": [], "headers": []}
    return await SandboxRun(sandbox, OutputLimits()).outcome(job, b"", 10)


# Runs until there is a file in the folder that is mounted there.
UNTIL_TOLD = """
import os, time
def Run(engine):
    while not os.path.exists("/told/end"):
        time.sleep(0.01)
    return "survived"
"""


async def ended(sandbox: Sandbox) -> int | None:
    async with asyncio.timeout(10):
        return (await asyncio.shield(sandbox.ended)).status


async def until(condition: Callable[[], Any]) -> Any:
    async with asyncio.timeout(20):
        while not (value := condition()):  # noqa: ASYNC110 - most of it happens in other processes
            await asyncio.sleep(0.01)
        return value


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


async def test_a_sandbox_serves_one_run_and_frees_its_slot(pool: SandboxPool) -> None:
    sandbox = await acquire(pool)
    assert pool.busy == 1
    outcome = await run(sandbox)
    assert outcome.answer is not None
    assert outcome.answer.body == b"done"
    await ended(sandbox)
    assert pool.busy == 0
    assert repr(pool) == "<SandboxPool 0 busy, 0 warm, 3 free, 0 waiting>"


async def test_all_slots_can_be_used_again_and_again(pool: SandboxPool) -> None:
    for _ in range(4):
        outcomes = await asyncio.gather(*[run(await acquire(pool)) for _ in range(3)])
        assert all(outcome.answer is not None for outcome in outcomes)


async def test_callers_get_slots_in_the_order_they_came(pool: SandboxPool) -> None:
    sandboxes = [await acquire(pool) for _ in range(3)]
    served: list[int] = []

    async def wait(number: int) -> None:
        sandboxes.append(await acquire(pool))
        served.append(number)

    waiters = [asyncio.create_task(wait(number)) for number in range(5)]
    await until(lambda: pool.waiting == 5)
    for number in range(5):
        sandboxes[number].kill()
        await until(lambda: len(served) > number)  # noqa: B023 - awaited at once
    assert served == [0, 1, 2, 3, 4]
    assert pool.waiting == 0
    await asyncio.gather(*waiters)


def block_until_both_ends_are_there(pool: SandboxPool) -> None:
    """Keep the loop from running, so that it hears of two ends in one turn."""
    assert pool._launcher is not None
    assert pool._launcher._launcher is not None
    sock = pool._launcher._launcher.sock
    select.select([sock], [], [], 20)
    one = len(sock.recv(65536, socket.MSG_PEEK))
    deadline = time.monotonic() + 20
    while True:
        (both,) = struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, bytes(4)))
        if both > one:
            return
        assert time.monotonic() < deadline
        os.sched_yield()


async def test_two_slots_that_become_free_at_once_serve_one_that_waited_and_one_that_comes(pool: SandboxPool) -> None:
    async def come() -> Sandbox:
        await asyncio.sleep(0)  # in the moment between the first one's turn and its taking a slot
        return await acquire(pool)

    sandboxes = [await acquire(pool) for _ in range(3)]
    waiter = asyncio.create_task(acquire(pool))
    await until(lambda: pool.waiting == 1)
    for sandbox in sandboxes[:2]:
        sandbox.kill()
    block_until_both_ends_are_there(pool)
    newcomer = asyncio.create_task(come())
    async with asyncio.timeout(5):
        await asyncio.gather(waiter, newcomer)
    assert (pool.busy, pool.waiting) == (3, 0)


# A newcomer must not take the slot that somebody waited for.
async def test_a_newcomer_does_not_overtake_who_waits(pool: SandboxPool) -> None:
    held = [await acquire(pool) for _ in range(3)]
    first = asyncio.create_task(acquire(pool))
    await until(lambda: pool.waiting == 1)
    newcomers: list[asyncio.Task[Sandbox]] = []

    def come(_: object) -> None:  # the slot is free, and `first`, whose turn it is, has not taken it yet
        newcomers.append(asyncio.create_task(acquire(pool)))

    held[0].ended.add_done_callback(come)
    held[0].kill()
    assert (await first).slot == held[0].slot
    await until(lambda: pool.waiting == 1)
    assert not newcomers[0].done()
    held[1].kill()
    assert (await newcomers[0]).slot == held[1].slot


async def test_too_many_waiting_callers_are_refused_at_once(pool: SandboxPool) -> None:
    for _ in range(3):
        await acquire(pool)
    waiter = asyncio.create_task(acquire(pool))
    await until(lambda: pool.waiting == 1)
    with pytest.raises(Error) as refused:
        await acquire(pool, most_waiting=1)
    assert refused.value.code is ErrorCode.BUSY
    assert "1 callers wait" in refused.value.message
    waiter.cancel()
    await asyncio.wait([waiter])
    assert pool.waiting == 0


async def test_a_caller_waits_no_longer_than_it_says(pool: SandboxPool) -> None:
    for _ in range(3):
        await acquire(pool)
    with pytest.raises(Error) as refused:
        await acquire(pool, timeout=0.1)
    assert refused.value.code is ErrorCode.BUSY
    assert "within 0.1 s" in refused.value.message
    assert pool.waiting == 0


# Otherwise the slot stays free, and the next in line waits until another one ends.
async def test_who_gives_up_in_the_moment_of_its_turn_passes_it_on(pool: SandboxPool) -> None:
    held = [await acquire(pool) for _ in range(3)]
    quitter, patient = asyncio.create_task(acquire(pool)), asyncio.create_task(acquire(pool, timeout=5))
    await until(lambda: pool.waiting == 2)
    held[0].ended.add_done_callback(lambda _: quitter.cancel())
    held[0].kill()
    async with asyncio.timeout(2):
        await patient


async def test_a_killed_sandbox_is_gone_with_all_that_it_started(pool: SandboxPool) -> None:
    sandbox = await acquire(pool)
    source = "import os, time\ndef Run(engine):\n    for _ in range(5): os.fork()\n    time.sleep(60)\n"
    task = asyncio.create_task(run(sandbox, source))
    await until(lambda: len(runs_of(pool)) == 32)
    sandbox.kill()
    sandbox.kill()
    outcome = await task
    assert outcome.error is not None
    assert outcome.error.type == "killed"
    assert await ended(sandbox) == -signal.SIGKILL
    assert runs_of(pool) == []


@pytest.mark.parametrize("part", ["supervisor", "launcher"])
async def test_a_dead_launcher_loses_its_runs_and_is_replaced(pool: SandboxPool, part: str) -> None:
    sandboxes = [await acquire(pool) for _ in range(2)]
    sleeping = [asyncio.create_task(run(s, "import time\ndef Run(engine): time.sleep(60)\n")) for s in sandboxes]
    await until(lambda: len(runs_of(pool)) == 2)
    assert pool.launcher_pid is not None
    old = [pool.launcher_pid, *children_of(pool.launcher_pid)]
    os.kill(pool.launcher_pid if part == "supervisor" else launcher_of(pool), signal.SIGKILL)
    for outcome in await asyncio.gather(*sleeping):
        assert outcome.error is not None
        assert outcome.error.type == "lost"
    assert [await ended(sandbox) for sandbox in sandboxes] == [None, None]
    outcome = await run(await acquire(pool))
    assert outcome.answer is not None
    assert pool.restarts == 1
    await until(lambda: not any(map(is_alive, old)))


async def heard(pool: SandboxPool, zygote: str) -> None:
    """Wait until the launcher has done all that it was sent before, and heard all that the zygote said before."""
    sandbox = await pool.acquire(zygote, 10.0, 10)
    sandbox.kill()
    await ended(sandbox)
    sandbox.close()


async def test_a_dead_zygote_is_replaced_and_runs_go_on(told: Path) -> None:
    pool = SandboxPool(config(zygotes=zygotes("python", mounts={"/told": str(told)})))
    await pool.start()
    try:
        running = asyncio.create_task(run(await acquire(pool), UNTIL_TOLD))
        await heard(pool, "python")  # the launcher knows its name now: a run that has none is ended with its zygote
        (zygote,) = zygotes_of(pool)
        os.kill(zygote, signal.SIGKILL)
        # The moment without a zygote can be too short to be seen from here: its successor shows that there was one.
        await until(lambda: len(found := zygotes_of(pool)) == 1 and zygote not in found)
        await until(lambda: "python" in pool.ready_zygotes)
        assert (await run(await acquire(pool))).answer is not None
        (told / "end").touch()
        outcome = await running
        assert outcome.answer is not None
        assert outcome.answer.body == b"survived"
        assert pool.restarts == 0
    finally:
        await pool.stop()


# The launcher finds at once that one zygote is dead and that another has just forked a run.
# With many slots it has thousands of descriptors.
@pytest.mark.parametrize("slots", [3, 250])
async def test_a_zygote_takes_no_run_of_another_with_it(slots: int, told: Path) -> None:
    pool = SandboxPool(config(slots=slots, zygotes=zygotes("one", "other", mounts={"/told": str(told)})))
    await pool.start()
    try:
        launcher, (first, second) = launcher_of(pool), zygotes_of(pool)
        os.kill(second, signal.SIGSTOP)
        running = asyncio.create_task(run(await pool.acquire("other", 10.0, 10), UNTIL_TOLD))
        await heard(pool, "one")  # the launcher has passed on what it was sent before
        os.kill(launcher, signal.SIGSTOP)
        os.kill(first, signal.SIGKILL)
        os.kill(second, signal.SIGCONT)
        await until(lambda: len(runs_of(pool)) == 1)
        os.kill(launcher, signal.SIGCONT)
        await until(lambda: first not in zygotes_of(pool))
        (told / "end").touch()
        outcome = await running
        assert outcome.answer is not None, outcome.error
        assert outcome.answer.body == b"survived"
        await until(lambda: pool.ready_zygotes == {"one", "other"} and pool.restarts == 0)
        assert first not in zygotes_of(pool)
        assert second in zygotes_of(pool)
    finally:
        await pool.stop()


async def test_warm_sandboxes_serve_runs_and_dead_ones_are_replaced() -> None:
    pool = SandboxPool(config(), warm={"python": 2})
    await pool.start()
    try:
        assert pool.warm == 2
        sandbox = await acquire(pool)
        assert (pool.warm, pool.busy) == (1, 1)
        assert (await run(sandbox)).answer is not None
        await until(lambda: (pool.warm, pool.busy) == (2, 0))
        for pid in await until(lambda: len(found := runs_of(pool)) == 2 and found):
            os.kill(pid, signal.SIGKILL)
        await until(lambda: pool.warm == 0)
        assert (await run(await acquire(pool))).answer is not None
        await until(lambda: pool.warm == 2)
    finally:
        await pool.stop()


# More warm ones than slots would leave nothing for runs.
async def test_warm_sandboxes_never_exceed_the_slots() -> None:
    pool = SandboxPool(config(slots=2), warm={"python": 10})
    await pool.start()
    try:
        assert pool.warm == 2
        outcomes = await asyncio.gather(*[run(await acquire(pool)) for _ in range(2)])
        assert all(outcome.answer is not None for outcome in outcomes)
    finally:
        await pool.stop()


# With CODEACTIONS_QUEUE=0: the warm ones would have every slot for ever, and other languages none.
async def test_a_warm_sandbox_makes_room_for_another_zygote_even_where_nobody_may_wait() -> None:
    pool = SandboxPool(config(slots=2, zygotes=zygotes("python", "other")), warm={"python": 2})
    await pool.start()
    try:
        assert (await run(await pool.acquire("other", 10.0, most_waiting=0))).answer is not None
    finally:
        await pool.stop()


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("codeactions.no_such_module", "ModuleNotFoundError: No module named 'codeactions.no_such_module'"),
        ("this", "AttributeError: module 'this' has no attribute 'preload'"),
    ],
    ids=["not there", "no zygote's"],
)
async def test_a_zygote_that_cannot_start_is_a_clear_error(module: str, reason: str) -> None:
    pool = SandboxPool(config(zygotes=[ZygoteSpec("broken", module)]))
    try:
        with pytest.raises(Error) as failed:
            await pool.start(timeout=10)
        assert failed.value.code is ErrorCode.INTERNAL
        assert failed.value.message == f"the broken zygote cannot start: {reason}"
    finally:
        await pool.stop()


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
