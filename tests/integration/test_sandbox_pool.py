"""The pool on its own: which callers get a slot, and which wait."""

import asyncio
import fcntl
import os
import select
import signal
import socket
import struct
import termios
import time

import pytest
from harness import until
from sandboxes import acquire, ended, pool, run, runs_of

from codeactions.domain.errors import Error, ErrorCode
from codeactions.sandbox.server.pool import SandboxPool
from codeactions.sandbox.server.sandbox import Sandbox

__all__ = ["pool"]  # fixtures


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
    arrived = select.poll()  # select cannot name a descriptor over 1023, which a long session of tests may get to
    arrived.register(sock, select.POLLIN)
    assert arrived.poll(20_000)
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
