"""How soon a launcher that died is replaced."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from integration.test_sandbox_pool import config, until
from integration.test_sandbox_zygotes import Delays

from codeactions.domain.errors import Error
from codeactions.sandbox.config import LauncherConfig
from codeactions.sandbox.server import pool as module
from codeactions.sandbox.server.launcher_process import LauncherProcess
from codeactions.sandbox.server.pool import SandboxPool


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> Delays:
    """The pauses before each attempt."""
    monkeypatch.setattr(module, "_RESTART_DELAYS", delays := Delays())
    return delays


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    """Three slots and a zygote of Python."""
    pool = SandboxPool(config())
    await pool.start()
    yield pool
    await pool.stop()


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
        raise Error(module.ErrorCode.INTERNAL, "no memory")

    assert pool.launcher_pid is not None
    with monkeypatch.context() as patch:
        patch.setattr(LauncherProcess, "start", refuse)
        os.kill(pool.launcher_pid, signal.SIGKILL)
        await until(lambda: len(delays.asked) >= 4)
    assert delays.asked[:4] == [0, 1, 2, 3]
    await until(lambda: pool.ready_zygotes == {"python"})
    assert pool.restarts == 1


async def test_the_pauses_begin_anew_after_a_launcher_that_worked(pool: SandboxPool, delays: Delays) -> None:
    for _ in range(2):
        assert pool.launcher_pid is not None
        os.kill(pool.launcher_pid, signal.SIGKILL)
        await until(lambda: not pool.ready_zygotes)
        await until(lambda: pool.ready_zygotes)
    assert delays.asked == [0, 0]
