"""Zygotes that are opened and closed while the launcher lives, and those that fail."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import until
from sandboxes import (
    UNTIL_TOLD,
    WORKER,
    acquire,
    config,
    ended,
    heard,
    library,
    module,
    pool,
    refused,
    run,
    runs_of,
    told,
    zygotes,
    zygotes_of,
)

from codeactions.domain.errors import Error, ErrorCode
from codeactions.sandbox.config import LauncherConfig, ZygoteSpec
from codeactions.sandbox.server import launcher_process
from codeactions.sandbox.server.pool import SandboxPool
from codeactions.sandbox.server.sandbox import Sandbox

__all__ = ["library", "module", "pool", "told"]  # fixtures


# A module that writes to its zygote's socket, and then waits to be ended for it.
SAYS = """import stat
    for fd in range(3, 99):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.write(fd, {!r})
        except OSError:
            pass
    time.sleep(600)"""
FAILURES = {
    "raises": ("raise ValueError('no numpy here')", {"ValueError: no numpy here"}),
    "exits": ("sys.exit('enough')", {"SystemExit: enough"}),
    "exits at once": ("os._exit(3)", {"it ended with status 3"}),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", {"it was ended by signal 9"}),
    # It ends by itself, or by the launcher, which cannot hear it any more.
    "closes all": ("os.closerange(3, 1000)", {"it ended with status 0", "it was ended by signal 9"}),
    "imports in vain": ("import no_such_package", {"ModuleNotFoundError: No module named 'no_such_package'"}),
    "says no text": ("raise ValueError('\\udc80' * 2000)", {"ValueError: " + "?" * 988}),
    "says no JSON": (SAYS.format(b"ready"), {"it was ended by signal 9"}),
    "says no object": (SAYS.format(b"[]"), {"it was ended by signal 9"}),
    "says nothing known": (SAYS.format(b"{}"), {"it was ended by signal 9"}),
    "claims a run": (SAYS.format(b'{"slot": 0, "run": 1, "pid": 1}'), {"it was ended by signal 9"}),
}


@pytest.mark.parametrize("how", FAILURES)
async def test_a_zygote_that_fails_is_an_error_of_its_own(
    pool: SandboxPool, module: Callable[[str], dict[str, str]], told: Path, how: str
) -> None:
    await pool.open_zygote(*zygotes("patient", mounts={"/told": str(told)}))
    running = asyncio.create_task(run(await pool.acquire("patient", 10.0, 10), UNTIL_TOLD))
    await heard(pool, "patient")
    preload, reasons = FAILURES[how]
    message = await refused(pool.open_zygote(ZygoteSpec("broken", "own_module", module(preload))))
    assert message.removeprefix("the broken zygote cannot start: ") in reasons
    assert await refused(pool.acquire("broken", 10.0, 10)) == "no broken zygote is open"
    (told / "end").touch()
    outcome = await running
    assert outcome.answer is not None
    assert outcome.answer.body == b"survived"
    assert pool.ready_zygotes == {"python", "patient"}
    assert pool.restarts == 0
    await pool.open_zygote(ZygoteSpec("broken", "own_module", module("pass")))  # its name is free again
    assert (await run(await pool.acquire("broken", 10.0, 10))).answer is not None


async def test_a_zygote_that_is_never_ready_is_given_up(
    pool: SandboxPool, module: Callable[[str], dict[str, str]]
) -> None:
    before = zygotes_of(pool)
    spec = ZygoteSpec("slow", "own_module", module("time.sleep(600)"), ready_seconds=0.5)
    assert await refused(pool.open_zygote(spec)) == "the slow zygote cannot start: it was not ready within 0.5 s"
    await until(lambda: zygotes_of(pool) == before)


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        zygotes("one")[0].module = "other"


async def test_a_message_that_is_nearly_too_large_harms_no_other(pool: SandboxPool) -> None:
    for length in (65_000, 65_400, 65_460, 70_000):
        spec = ZygoteSpec("long", "a" * length, {"/x": "/no"})
        message = await refused(pool.open_zygote(spec))
        assert message.startswith("the long zygote cannot start: ")
        assert len(message) < 1100
    await pool.open_zygote(*zygotes("one"))
    assert (await run(await pool.acquire("one", 10.0, 10))).answer is not None
    assert pool.restarts == 0


async def close_while_stopped(pool: SandboxPool) -> tuple[int, Sandbox]:
    """Close a zygote that has been asked for a run and does nothing; return its process id, and what was asked for."""
    await pool.open_zygote(*zygotes("one"))
    (mine,) = zygotes_of(pool)[1:]
    os.kill(mine, signal.SIGSTOP)
    sandbox = await pool.acquire("one", 10.0, 10)
    await heard(pool, "python")  # the launcher has passed it on
    await pool.close_zygote("one")
    return mine, sandbox


async def test_a_zygote_that_does_not_end_when_it_is_closed_is_killed() -> None:
    pool = SandboxPool(config(closing_seconds=0.1))
    await pool.start()
    try:
        mine, sandbox = await close_while_stopped(pool)
        assert await ended(sandbox) is None
        await until(lambda: mine not in zygotes_of(pool))
        assert pool.busy == 0
    finally:
        await pool.stop()


async def test_opening_twice_and_closing_what_is_not_open_are_clear_errors(pool: SandboxPool) -> None:
    assert await refused(pool.open_zygote(*zygotes("python"))) == "a python zygote is open already"
    assert await refused(pool.close_zygote("none")) == "no none zygote is open"
    assert await refused(pool.acquire("none", 10.0, 10)) == "no none zygote is open"
    assert (await run(await acquire(pool))).answer is not None


async def test_closing_lets_runs_go_on_and_discards_what_is_warm(pool: SandboxPool, told: Path) -> None:
    await pool.open_zygote(*zygotes("one", mounts={"/told": str(told)}), warm=1)
    assert pool.warm == 1
    running = asyncio.create_task(run(await pool.acquire("one", 10.0, 10), UNTIL_TOLD))
    await until(lambda: pool.warm == 1)  # another one
    before = len(zygotes_of(pool))
    await pool.close_zygote("one")
    await until(lambda: len(zygotes_of(pool)) == before - 1)
    await until(lambda: (len(runs_of(pool)), pool.warm, pool.busy) == (1, 0, 1))
    assert await refused(pool.acquire("one", 10.0, 10)) == "no one zygote is open"
    (told / "end").touch()
    outcome = await running
    assert outcome.answer is not None
    assert outcome.answer.body == b"survived"
    assert (await run(await acquire(pool))).answer is not None


# Asked for, on its way to the launcher, and not forked yet.
async def test_a_run_that_was_acquired_before_the_close_is_still_forked(pool: SandboxPool) -> None:
    mine, sandbox = await close_while_stopped(pool)
    os.kill(mine, signal.SIGCONT)
    assert (await run(sandbox)).answer is not None
    await until(lambda: mine not in zygotes_of(pool))


async def test_callers_that_wait_for_a_closed_zygote_get_an_error_and_others_their_slot(pool: SandboxPool) -> None:
    await pool.open_zygote(*zygotes("one"))
    held = [await acquire(pool) for _ in range(3)]
    mine = asyncio.create_task(pool.acquire("one", 10.0, 10))
    others = asyncio.create_task(acquire(pool))
    await until(lambda: pool.waiting == 2)
    await pool.close_zygote("one")
    assert await refused(mine) == "the one zygote was closed"
    held[0].kill()
    assert (await others).slot == held[0].slot


async def test_a_zygote_can_be_closed_while_it_starts(
    pool: SandboxPool, module: Callable[[str], dict[str, str]]
) -> None:
    before = zygotes_of(pool)
    opening = asyncio.create_task(pool.open_zygote(ZygoteSpec("slow", "own_module", module("time.sleep(600)"))))
    await until(lambda: len(zygotes_of(pool)) == len(before) + 1)
    waiting = asyncio.create_task(pool.acquire("slow", 10.0, 10))
    await until(lambda: pool.waiting == 1)
    await pool.close_zygote("slow")
    assert await refused(opening) == await refused(waiting) == "the slow zygote was closed"
    await until(lambda: zygotes_of(pool) == before)


async def test_an_opening_that_is_cancelled_leaves_no_zygote(
    pool: SandboxPool, module: Callable[[str], dict[str, str]]
) -> None:
    before = zygotes_of(pool)
    opening = asyncio.create_task(pool.open_zygote(ZygoteSpec("slow", "own_module", module("time.sleep(600)"))))
    await until(lambda: len(zygotes_of(pool)) == len(before) + 1)
    waiting = asyncio.create_task(pool.acquire("slow", 10.0, 10))
    await until(lambda: pool.waiting == 1)
    opening.cancel()
    await asyncio.wait([opening])
    assert await refused(waiting) == "the slow zygote was closed"
    await until(lambda: zygotes_of(pool) == before)
    await pool.open_zygote(ZygoteSpec("slow", "own_module", module("pass")))


# A caller of another zygote needs a slot and no more.
async def test_a_caller_that_waits_for_its_zygote_holds_up_no_other(
    pool: SandboxPool, module: Callable[[str], dict[str, str]]
) -> None:
    mounts = module("while not os.path.exists('/told/end'): time.sleep(0.01)")
    folder = Path(next(iter(mounts.values()))).parent
    folder.chmod(0o755)
    spec = ZygoteSpec("slow", "own_module", {**mounts, "/told": str(folder)})
    opening = asyncio.create_task(pool.open_zygote(spec))
    waiting = asyncio.create_task(pool.acquire("slow", 20.0, 0))
    await until(lambda: pool.waiting == 1)
    assert (await run(await acquire(pool, most_waiting=0))).answer is not None
    (folder / "end").touch()
    await opening
    assert (await run(await waiting)).answer is not None


# A module's own fault is told, although its file is out of the zygote's sight.
async def test_why_a_module_cannot_be_imported_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "faulty_module.py").write_text("import no_such_package\n")
    add = f"import sys; sys.path.append({str(tmp_path)!r}); "
    monkeypatch.setattr(launcher_process, "_PROGRAM", add + launcher_process._PROGRAM)
    pool = SandboxPool(config(modules=["faulty_module"]))
    await pool.start()
    try:
        message = await refused(pool.open_zygote(ZygoteSpec("one", "faulty_module")))
        assert message == "the one zygote cannot start: ModuleNotFoundError: No module named 'no_such_package'"
    finally:
        await pool.stop()


# The configuration of a new launcher has to fit into one message, however much its zygotes mount.
def test_what_a_launcher_is_told_at_its_start_does_not_grow_with_the_zygotes() -> None:
    many = [ZygoteSpec(f"{number}", WORKER, {f"/libraries/{number}": "/x" * 500}) for number in range(1000)]
    told = config(zygotes=many).to_json()
    assert len(told) < 10_000
    assert LauncherConfig.from_json(told).modules == (WORKER,)


async def test_without_isolation_zygotes_come_and_go_as_well(library: Callable[..., str]) -> None:
    pool = SandboxPool(config(insecure=True, exposed=(), hidden=()))
    await pool.start()
    try:
        await pool.open_zygote(ZygoteSpec("one", WORKER, {"/libraries/a": library("one")}))
        assert (await run(await pool.acquire("one", 10.0, 10))).answer is not None
        assert await refused(pool.open_zygote(ZygoteSpec("broken", "this"))) == (
            "the broken zygote cannot start: AttributeError: module 'this' has no attribute 'preload'"
        )
        await pool.close_zygote("one")
        await refused(pool.acquire("one", 10.0, 10))
        assert (await run(await acquire(pool))).answer is not None
        assert pool.restarts == 0
    finally:
        await pool.stop()


async def test_a_killed_run_of_a_closed_zygote_frees_its_slot(pool: SandboxPool) -> None:
    await pool.open_zygote(*zygotes("one"))
    sandboxes = [await pool.acquire("one", 10.0, 10) for _ in range(3)]
    await pool.close_zygote("one")
    for sandbox in sandboxes:
        sandbox.kill()
        await ended(sandbox)
        sandbox.close()
    assert [sandbox.slot for sandbox in [await acquire(pool) for _ in range(3)]] != []
    assert pool.busy == 3


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
