"""How soon a launcher that died is replaced."""

import os
import signal

import pytest
from integration.test_sandbox_pool import config, until

from codeactions.domain.errors import Error
from codeactions.sandbox.server import pool as module
from codeactions.sandbox.server.pool import SandboxPool


class Delays:
    """Of no time at all, as many as are asked for; remembers the places of those."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 100

    def __getitem__(self, place: int) -> float:
        self.asked.append(place)
        return 0.0


async def test_a_launcher_whose_zygote_always_dies_is_replaced_with_growing_pauses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_RESTART_DELAYS", delays := Delays())
    pool = SandboxPool(config(zygotes={"broken": "this"}))
    try:
        with pytest.raises(Error):
            await pool.start()
        await until(lambda: len(delays.asked) >= 4)
        assert delays.asked[:4] == [0, 1, 2, 3]
    finally:
        await pool.stop()


async def test_the_pauses_begin_anew_after_a_launcher_that_worked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_RESTART_DELAYS", delays := Delays())
    pool = SandboxPool(config())
    await pool.start()
    try:
        for _ in range(2):
            assert pool.launcher_pid is not None
            os.kill(pool.launcher_pid, signal.SIGKILL)
            await until(lambda: not pool.ready_zygotes)
            await until(lambda: pool.ready_zygotes)
        assert delays.asked == [0, 0]
    finally:
        await pool.stop()
