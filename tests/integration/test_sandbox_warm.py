"""Sandboxes that are kept ready."""

import asyncio
import os
import signal

from harness import until
from sandboxes import acquire, config, pool, run, runs_of, zygotes

from codeactions.sandbox.server.pool import SandboxPool

__all__ = ["pool"]  # fixtures


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
