"""What happens to runs when a process of the sandbox dies."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import children_of, is_alive, until
from sandboxes import (
    UNTIL_TOLD,
    acquire,
    config,
    ended,
    heard,
    launcher_of,
    pool,
    run,
    runs_of,
    told,
    zygotes,
    zygotes_of,
)

from codeactions.sandbox.server.pool import SandboxPool

__all__ = ["pool", "told"]  # fixtures


def kill_supervisor(pool: SandboxPool) -> None:
    assert pool.launcher_pid is not None
    os.kill(pool.launcher_pid, signal.SIGKILL)


def kill_launcher(pool: SandboxPool) -> None:
    os.kill(launcher_of(pool), signal.SIGKILL)


def make_supervisor_fail(pool: SandboxPool) -> None:
    """Whatever its error is: one that went on without its loop would have every later zygote wait for nothing."""
    assert pool._launcher is not None
    assert pool._launcher._supervisor is not None
    pool._launcher._supervisor.sock.send(b"no JSON")


def make_launcher_fail(pool: SandboxPool) -> None:
    assert pool._launcher is not None
    assert pool._launcher._launcher is not None
    pool._launcher._launcher.sock.send(b"no JSON")


@pytest.mark.parametrize("end", [kill_supervisor, kill_launcher, make_supervisor_fail, make_launcher_fail])
async def test_a_dead_launcher_loses_its_runs_and_is_replaced(
    pool: SandboxPool, end: Callable[[SandboxPool], None]
) -> None:
    sandboxes = [await acquire(pool) for _ in range(2)]
    sleeping = [asyncio.create_task(run(s, "import time\ndef Run(engine): time.sleep(60)\n")) for s in sandboxes]
    await until(lambda: len(runs_of(pool)) == 2)
    assert pool.launcher_pid is not None
    old = [pool.launcher_pid, *children_of(pool.launcher_pid)]
    end(pool)
    for outcome in await asyncio.gather(*sleeping):
        assert outcome.error is not None
        assert outcome.error.type == "lost"
    assert [await ended(sandbox) for sandbox in sandboxes] == [None, None]
    outcome = await run(await acquire(pool))
    assert outcome.answer is not None
    assert pool.restarts == 1
    await until(lambda: not any(map(is_alive, old)))


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


# The launcher finds two things at once: that a zygote has ended, and the name of a run that another has just forked.
STRAYS = """
import json, os, signal, socket, subprocess
from codeactions.sandbox import channel
from codeactions.sandbox.config import LauncherConfig
from codeactions.sandbox.inside.cgroups import SlotGroup
from codeactions.sandbox.inside.isolation import Slot
from codeactions.sandbox.inside.launcher import Launcher
from codeactions.sandbox.inside.zygote_process import ZygoteProcess

sleepers = {name: subprocess.Popen(["sleep", "600"]) for name in ("gone", "other", "run", "stray")}
server, news = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
supervisor, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
launcher = Launcher(server, supervisor, LauncherConfig(slots=1), [Slot(0, 0, SlotGroup())])
ends = []
for number, name in enumerate(("gone", "other")):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    zygote = launcher._zygotes[number] = ZygoteProcess(number, sleepers[name].pid, ours)
    launcher._selector.register(ours, 1, None)
    zygote.ready = True
    ends.append(theirs)
launcher._zygotes[1].ask(0, 7, ())
channel.send(ends[1], {"slot": 0, "run": 7, "pid": sleepers["run"].pid})
sleepers["gone"].kill()
_, status = os.waitpid(sleepers["gone"].pid, 0)
launcher._on_zygote_reaped(launcher._zygotes[0], status)
assert sleepers["stray"].wait(10) == -signal.SIGKILL
print(json.dumps([sleepers["other"].poll(), sleepers["run"].poll(), channel.receive(news)[0]]))
for name in ("other", "run"):
    sleepers[name].kill()
    sleepers[name].wait()
"""


def test_a_zygotes_end_takes_its_strays_with_it_and_no_run_of_another() -> None:
    done = subprocess.run([sys.executable, "-c", STRAYS], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    other, its_run, news = json.loads(done.stdout)
    assert (other, its_run) == (None, None)
    assert news == {"zygote": 0, "state": "ended", "why": "it was ended by signal 9"}
