"""How soon launchers and zygotes that died are replaced."""

import asyncio
import os
import signal
from collections.abc import Callable

import pytest
from harness import until
from sandboxes import (
    LOOK,
    WORKER,
    Delays,
    acquire,
    config,
    launcher_of,
    library,
    module,
    pool,
    refused,
    returned,
    run,
    zygotes,
    zygotes_of,
)

from codeactions.domain.errors import Error, ErrorCode
from codeactions.node.node import check_sandbox
from codeactions.sandbox.config import LauncherConfig, ZygoteSpec
from codeactions.sandbox.server import pool as pool_module
from codeactions.sandbox.server import zygotes as zygotes_module
from codeactions.sandbox.server.launcher_process import LauncherProcess
from codeactions.sandbox.server.pool import SandboxPool

__all__ = ["library", "module", "pool"]  # fixtures


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> Delays:
    """The pauses before each attempt."""
    monkeypatch.setattr(pool_module, "_RESTART_DELAYS", delays := Delays())
    return delays


async def test_a_launcher_that_dies_before_a_zygote_is_ready_is_replaced_with_growing_pauses(
    pool: SandboxPool, delays: Delays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LauncherProcess, "open_zygote", lambda *_: None)
    for number in range(4):
        pid = await until(lambda: pool.launcher_pid)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: pool.restarts == number + 1)  # noqa: B023 - awaited at once
    assert delays.asked == [0, 1, 2, 3]
    assert pool.ready_zygotes == set()


async def test_a_launcher_that_cannot_be_started_is_tried_again_with_growing_pauses(
    pool: SandboxPool, delays: Delays, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(self: LauncherProcess, config: LauncherConfig, timeout: float) -> None:
        await asyncio.sleep(0)
        raise Error(ErrorCode.INTERNAL, "no memory")

    assert pool.launcher_pid is not None
    with monkeypatch.context() as patch:
        patch.setattr(LauncherProcess, "start", refuse)
        os.kill(pool.launcher_pid, signal.SIGKILL)
        await until(lambda: len(delays.asked) >= 4)
    assert delays.asked[:4] == [0, 1, 2, 3]
    await until(lambda: pool.ready_zygotes == {"python"})
    assert pool.restarts == 1


async def test_the_pauses_begin_anew_after_a_launcher_that_worked(pool: SandboxPool, delays: Delays) -> None:
    for count in (1, 2):
        assert pool.launcher_pid is not None
        os.kill(pool.launcher_pid, signal.SIGKILL)
        await until(lambda: pool.restarts == count and pool.ready_zygotes)  # noqa: B023 - awaited at once
    assert delays.asked == [0, 0]


async def test_a_zygote_that_cannot_be_replaced_is_tried_again_after_growing_pauses(
    pool: SandboxPool, module: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zygotes_module, "_RETRY_DELAYS", delays := Delays())
    await pool.open_zygote(ZygoteSpec("one", "own_module", module("pass")))
    assert delays.asked == []
    module("raise ValueError('spoilt')")
    os.kill(zygotes_of(pool)[1], signal.SIGKILL)
    await until(lambda: len(delays.asked) >= 4)
    assert delays.asked[:4] == [0, 1, 2, 3]
    message = await refused(pool.acquire("one", 10.0, 10), ErrorCode.BUSY)
    assert message == "the one zygote does not start: ValueError: spoilt; it is tried again"
    assert (await run(await acquire(pool))).answer is not None  # others are none the worse
    assert pool.failed_zygotes == {"one": "ValueError: spoilt"}
    module("pass")
    await until(lambda: "one" in pool.ready_zygotes)
    assert pool.failed_zygotes == {}
    assert (await run(await pool.acquire("one", 10.0, 10))).answer is not None
    delays.asked.clear()
    monkeypatch.setattr(zygotes_module, "_STEADY_SECONDS", 0.0)
    os.kill(zygotes_of(pool)[1], signal.SIGKILL)
    await until(lambda: delays.asked)
    assert delays.asked == [0]  # they begin anew
    assert pool.restarts == 0


async def test_a_zygote_that_dies_soon_after_it_is_ready_again_and_again_is_replaced_after_growing_pauses(
    pool: SandboxPool, module: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zygotes_module, "_RETRY_DELAYS", delays := Delays())
    monkeypatch.setattr(zygotes_module, "_STEADY_SECONDS", 3600.0)
    await pool.open_zygote(ZygoteSpec("one", "own_module", module("pass")))
    for number in range(3):
        await until(lambda: "one" in pool.ready_zygotes)
        os.kill(zygotes_of(pool)[1], signal.SIGKILL)
        await until(lambda: len(delays.asked) == number + 1)  # noqa: B023 - awaited at once
    assert delays.asked == [0, 1, 2]
    assert (await run(await acquire(pool))).answer is not None


async def test_health_is_not_ok_while_no_zygote_starts(module: Callable[[str], dict[str, str]]) -> None:
    pool = SandboxPool(config(zygotes=[ZygoteSpec("one", "own_module", module("pass"))], modules=[WORKER]))
    await pool.start()
    try:
        assert (await check_sandbox(pool))["zygotes"] == ["one"]
        module("raise ValueError('spoilt')")
        os.kill(*zygotes_of(pool), signal.SIGKILL)
        await until(lambda: pool.failed_zygotes)
        with pytest.raises(Error, match=r"no run can start \(one: ValueError: spoilt\)") as caught:
            await check_sandbox(pool)
        assert caught.value.code is ErrorCode.BUSY
        await pool.open_zygote(*zygotes("python"))
        assert (await check_sandbox(pool))["failed_zygotes"] == {"one": "ValueError: spoilt"}
    finally:
        await pool.stop()


async def test_a_zygote_that_is_closed_is_not_tried_again(
    pool: SandboxPool, module: Callable[[str], dict[str, str]]
) -> None:
    await pool.open_zygote(ZygoteSpec("one", "own_module", module("pass")))
    module("raise ValueError")
    before = len(zygotes_of(pool))
    os.kill(zygotes_of(pool)[1], signal.SIGKILL)
    await until(lambda: "one" not in pool.ready_zygotes)
    await pool.close_zygote("one")
    await until(lambda: len(zygotes_of(pool)) == before - 1)
    assert await refused(pool.acquire("one", 10.0, 10)) == "no one zygote is open"


async def test_callers_wait_while_a_dead_zygote_is_replaced(
    pool: SandboxPool, module: Callable[[str], dict[str, str]]
) -> None:
    await pool.open_zygote(ZygoteSpec("one", "own_module", module("pass")))
    assert pool.launcher_pid is not None
    os.kill(pool.launcher_pid, signal.SIGSTOP)  # the supervisor, without which no zygote is replaced
    try:
        os.kill(zygotes_of(pool)[1], signal.SIGKILL)
        await until(lambda: "one" not in pool.ready_zygotes)
        caller = asyncio.create_task(pool.acquire("one", 30.0, 0))
        await until(lambda: pool.waiting == 1)
    finally:
        os.kill(pool.launcher_pid, signal.SIGCONT)
    assert (await run(await caller)).answer is not None


async def test_a_new_launcher_gets_the_zygotes_that_were_opened(
    pool: SandboxPool, library: Callable[..., str], module: Callable[[str], dict[str, str]]
) -> None:
    await pool.open_zygote(ZygoteSpec("own", "own_module", module("pass")))
    await pool.open_zygote(ZygoteSpec("one", WORKER, {"/libraries/a": library("one")}), warm=1)
    await pool.open_zygote(*zygotes("closed"))
    await pool.close_zygote("closed")
    os.kill(launcher_of(pool), signal.SIGKILL)
    await until(lambda: pool.restarts == 1)
    assert await returned(pool, "one", LOOK) == {"/libraries": ["a"], "a": "content"}
    await until(lambda: pool.ready_zygotes == {"python", "own", "one"} and pool.warm == 1)
    assert len(zygotes_of(pool)) == 3


async def test_a_zygote_that_starts_when_the_launcher_dies_is_an_error(
    pool: SandboxPool, module: Callable[[str], dict[str, str]]
) -> None:
    spec = ZygoteSpec("slow", "own_module", module("time.sleep(600)"))
    opening = asyncio.create_task(pool.open_zygote(spec))
    await until(lambda: len(zygotes_of(pool)) == 2)
    os.kill(launcher_of(pool), signal.SIGKILL)
    assert await refused(opening) == "the slow zygote cannot start: the sandbox launcher died"
    assert "being replaced" in await refused(pool.open_zygote(spec), ErrorCode.BUSY)
    await until(lambda: pool.ready_zygotes == {"python"})
