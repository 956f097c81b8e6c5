"""The pool when the server has no descriptors left: a call is refused, and nothing is lost by it."""

import errno
import itertools
import os
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import pytest_asyncio
from harness import until
from sandboxes import acquire, config, launcher_of, refused, run, zygotes

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.run import ErrorType
from codeactions.sandbox import channel
from codeactions.sandbox.server import warm_sandboxes
from codeactions.sandbox.server.pool import SandboxPool

PIPES, DUPLICATES = 8, 4  # descriptors that a sandbox takes, and a message that has to wait


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    """Three slots, none of them kept warm."""
    pool = SandboxPool(config())
    await pool.start()
    yield pool
    await pool.stop()


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """As if the limit were nearly reached: so many more can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    first_above = max(map(int, os.listdir("/proc/self/fd"))) + 1
    gaps: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (first_above, hard))
    try:
        with suppress(OSError):
            while True:
                gaps.append(os.open("/dev/null", os.O_RDONLY))
        resource.setrlimit(resource.RLIMIT_NOFILE, (first_above + count, hard))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in gaps:
            os.close(fd)


async def test_without_descriptors_a_call_is_refused_and_its_slot_stays(pool: SandboxPool) -> None:
    before = os.listdir("/proc/self/fd")
    for left in range(PIPES):
        with descriptors_left(left):
            message = await refused(acquire(pool), ErrorCode.BUSY)
        assert message == "no sandbox can be started: Too many open files; try again shortly"
        assert os.listdir("/proc/self/fd") == before
    assert "0 busy, 0 warm, 3 free" in repr(pool)
    for sandbox in [await acquire(pool) for _ in range(3)]:
        assert (await run(sandbox)).answer is not None


def test_of_descriptors_that_do_not_all_find_room_none_is_taken() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        channel.send(ours, {"three": 3}, (0, 1, 2))
        with descriptors_left(2):
            assert channel.receive(theirs) == ({"three": 3}, [])
        channel.send(ours, {"three": 3}, (0, 1, 2))
        with descriptors_left(3):
            _, descriptors = channel.receive(theirs)
        assert len(descriptors) == 3
        for fd in descriptors:
            os.close(fd)


@contextmanager
def left_to(pid: int, count: int) -> Iterator[None]:
    """As if another process's limit were nearly reached: so many more can be opened."""
    limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    taken = {*map(int, os.listdir(f"/proc/{pid}/fd"))}
    free = (number for number in itertools.count() if number not in taken)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (next(itertools.islice(free, count, None)), limit[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)


async def test_a_run_for_which_the_launcher_has_too_few_is_lost_and_no_later_one(pool: SandboxPool) -> None:
    with left_to(launcher_of(pool), 2):
        outcome = await run(await acquire(pool))
    assert outcome.error is not None
    assert outcome.error.type is ErrorType.LOST
    assert outcome.error.message == "the run was lost: the launcher has too few descriptors"
    assert (await run(await acquire(pool))).answer is not None
    assert pool.restarts == 0


@pytest.mark.parametrize("left", [0, 1, 2])
async def test_a_zygote_for_which_the_supervisor_has_too_few_is_an_error_of_its_own(
    pool: SandboxPool, left: int
) -> None:
    assert pool.launcher_pid is not None
    with left_to(pool.launcher_pid, left), suppress(Error):
        await pool.open_zygote(*zygotes("one"))
        await pool.close_zygote("one")
    await pool.open_zygote(*zygotes("one"))
    assert (await run(await pool.acquire("one", 10.0, 10))).answer is not None
    assert pool.restarts == 0


@pytest.mark.parametrize("left", [0, 1, 2])
async def test_a_zygote_for_which_the_launcher_has_too_few_is_an_error_of_its_own(pool: SandboxPool, left: int) -> None:
    with left_to(launcher_of(pool), left):
        message = await refused(pool.open_zygote(*zygotes("one")))
    assert message == "the one zygote cannot start: [Errno 24] Too many open files"
    await pool.open_zygote(*zygotes("one"))
    assert (await run(await pool.acquire("one", 10.0, 10))).answer is not None
    assert pool.restarts == 0


async def test_a_start_that_cannot_be_kept_for_later_is_refused(
    pool: SandboxPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise BlockingIOError

    before = os.listdir("/proc/self/fd")
    for left in range(PIPES, PIPES + DUPLICATES):
        with monkeypatch.context() as patch, descriptors_left(left):
            patch.setattr(channel, "send", full)
            assert "Too many open files" in await refused(acquire(pool), ErrorCode.BUSY)
        assert os.listdir("/proc/self/fd") == before
    for sandbox in [await acquire(pool) for _ in range(3)]:
        assert (await run(sandbox)).answer is not None


async def test_a_start_that_the_kernel_does_not_pass_on_is_refused(
    pool: SandboxPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_many(*_: Any) -> None:
        raise OSError(errno.ETOOMANYREFS, "Too many references")

    before = os.listdir("/proc/self/fd")
    with monkeypatch.context() as patch:
        patch.setattr(channel, "send", too_many)
        assert "Too many references" in await refused(acquire(pool), ErrorCode.BUSY)
    assert os.listdir("/proc/self/fd") == before
    assert "0 busy, 0 warm, 3 free" in repr(pool)


async def test_warm_sandboxes_come_back_when_there_are_descriptors_again(monkeypatch: pytest.MonkeyPatch) -> None:
    refusals: list[int] = []

    def none_left() -> tuple[int, int]:
        refusals.append(1)
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(warm_sandboxes, "_AFTER_FAILURE", 0.05)
    pool = SandboxPool(config(), warm={"python": 2})
    await pool.start()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "pipe", none_left)
            sandbox = await acquire(pool)
            await until(lambda: refusals)
        await until(lambda: pool.warm == 2)
        assert "1 busy, 2 warm, 0 free" in repr(pool)
        assert (await run(sandbox)).answer is not None
    finally:
        await pool.stop()
