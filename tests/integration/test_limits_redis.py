"""Rate limits that several servers count together, in a real Redis."""

import asyncio
import contextlib
import hashlib
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from harness import wait_until
from redis import Redis
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from codeactions.domain.errors import Error, ErrorCode
from codeactions.limits import redis_counter
from codeactions.limits.rate_limiter import RateLimiter

PASSWORD = "hunter2"


class RedisServer:
    """Debian's, on a port of loopback that stays the same, with a password and nothing on the disk."""

    def __init__(self, program: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", PASSWORD]
        self._command += ["--save", "", "--dir", str(folder), "--logfile", str(folder / "redis.log")]
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/1"
        self.client = Redis.from_url(self.url, decode_responses=True)

    def start(self) -> None:
        if self._process is None:
            self._process = subprocess.Popen(self._command)
        wait_until(self._answers, 10, "Redis' answer")

    def signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _answers(self) -> bool:
        with contextlib.suppress(RedisError):
            return bool(self.client.ping())
        return False


class Clock:
    """Seconds, which stand still until they are moved. It is the limiter's, not that of Redis."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed; on Debian: apt-get install redis-server")
    server = RedisServer(program, tmp_path_factory.mktemp("redis"))
    try:
        server.start()
        yield server
    finally:
        server.client.close()
        server.kill()


@pytest.fixture
def redis(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    """It, empty, and alive again whatever the test before did; a slow machine lets no call through uncounted."""
    monkeypatch.setattr(redis_counter, "_REDIS_SECONDS", 30.0)
    server.start()
    server.client.flushall()
    return server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@contextlib.asynccontextmanager
async def limiter(
    redis: RedisServer, clock: Clock, per_code: int = 0, per_caller: int = 0
) -> AsyncIterator[RateLimiter]:
    made = RateLimiter(per_code=per_code, per_caller=per_caller, storage=redis.url, clock=clock)
    try:
        yield made
    finally:
        await made.close()


async def left(limiter: RateLimiter, code: str | None = None, caller: str | None = None) -> int | None:
    """Takes a call; what remains then, -1 when it was refused, None when it was not counted."""
    try:
        quota = await limiter.take(code=code, caller=caller)
    except Error as error:
        if error.code is not ErrorCode.RATE_LIMITED:
            raise
        return -1
    return None if quota is None else quota.remaining


def shorten(redis: RedisServer, milliseconds: int) -> None:
    """Let time pass for the keys in Redis: each is forgotten as soon as that."""
    for key in redis.client.scan_iter():
        redis.client.pexpire(key, milliseconds)


async def test_as_many_calls_as_the_limit_pass_and_the_next_is_told_when_to_come_back(
    redis: RedisServer, clock: Clock
) -> None:
    async with limiter(redis, clock, per_code=4) as shared:
        assert [await left(shared, "c") for _ in range(4)] == [3, 2, 1, 0]
        shorten(redis, 70_900)  # of two minutes: 49.1 s of the first are past
        with pytest.raises(Error) as caught:
            await shared.take(code="c", caller=None)
        # 10.9 s to the minute's end, a few milliseconds less by now; one of four weighs less than one 45 s after that.
        assert caught.value.details == {
            "retry_after": 11,
            "quota": {"limit": 4, "remaining": 0, "reset_seconds": 56},
        }
        shorten(redis, 29_000)  # 31 s into the next minute, in which four weigh less than two
        assert [await left(shared, "c") for _ in range(4)] == [2, 1, 0, -1]


async def test_codes_and_callers_do_not_disturb_each_other(redis: RedisServer, clock: Clock) -> None:
    async with limiter(redis, clock, per_code=2, per_caller=2) as shared:
        for name in ("a", "b"):
            assert [await left(shared, code=name) for _ in range(3)] == [1, 0, -1]
            assert [await left(shared, caller=name) for _ in range(3)] == [1, 0, -1]


async def test_a_refused_call_does_not_count_for_the_other_limit(redis: RedisServer, clock: Clock) -> None:
    async with limiter(redis, clock, per_code=3, per_caller=2) as shared:
        assert [await left(shared, "c", "a") for _ in range(4)] == [1, 0, -1, -1]
        assert [await left(shared, "c", "b") for _ in range(4)] == [0, -1, -1, -1]
        assert [await left(shared, "other", "b") for _ in range(2)] == [0, -1]


async def test_many_calls_at_once_over_two_limiters_never_pass_more_than_the_limit(
    redis: RedisServer, clock: Clock
) -> None:
    async with limiter(redis, clock, per_code=50) as one, limiter(redis, clock, per_code=50) as other:
        outcomes = await asyncio.gather(*(left(one if number % 2 else other, "c") for number in range(200)))
        assert None not in outcomes
        assert outcomes.count(-1) == 150
        assert [await left(one, "c"), await left(other, "c")] == [-1, -1]


async def test_keys_are_prefixed_expire_and_hold_no_caller(redis: RedisServer, clock: Clock) -> None:
    async with limiter(redis, clock, per_code=5, per_caller=5) as shared:
        await shared.take(code="c", caller="secret")
    keys = redis.client.keys()
    hashed = hashlib.sha256(b"secret").hexdigest()
    assert sorted(keys) == [f"codeactions:{{caller/{hashed}/5/1/minute}}", "codeactions:{code/c/5/1/minute}"]
    for key in keys:
        assert 0 < redis.client.pttl(key) <= 120_000


async def test_a_killed_redis_lets_calls_through_with_a_warning_a_minute_and_counts_again_when_it_is_back(
    redis: RedisServer, clock: Clock
) -> None:
    async with limiter(redis, clock, per_code=2) as shared:
        assert [await left(shared, "c") for _ in range(3)] == [1, 0, -1]
        assert await shared.check() == {"storage": "redis"}
        redis.kill()
        with capture_logs() as logs:
            assert await asyncio.gather(*(left(shared, "c") for _ in range(20))) == [None] * 20
            for _ in range(20):
                clock.now += 2
                assert await left(shared, "c") is None
            assert [log["event"] for log in logs] == ["calls_not_limited"]
            assert logs[0]["storage"] == f"redis://***@127.0.0.1:{redis.port}/1"
            clock.now += 60
            assert await left(shared, "c") is None
            assert len(logs) == 2
            assert PASSWORD not in str(logs)
        with pytest.raises(Error, match="does not answer, calls are not limited: ") as caught:
            await shared.check()
        assert caught.value.code is ErrorCode.BUSY
        assert PASSWORD not in caught.value.message
        redis.start()
        clock.now += 2
        # It has forgotten its counts, and its scripts.
        assert [await left(shared, "c") for _ in range(3)] == [1, 0, -1]
        assert await shared.check() == {"storage": "redis"}


async def test_a_redis_that_hangs_is_given_up_and_only_one_call_waits_for_it_again(
    redis: RedisServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with limiter(redis, clock, per_code=100) as shared:
        assert await left(shared, "c") == 99
        monkeypatch.setattr(redis_counter, "_REDIS_SECONDS", 0.2)
        redis.signal(signal.SIGSTOP)
        try:
            with capture_logs() as logs:
                assert await left(shared, "c") is None
            assert [log["event"] for log in logs] == ["calls_not_limited"]
            clock.now += 2
            first = asyncio.create_task(left(shared, "c"))
            await asyncio.sleep(0)
            assert await asyncio.gather(*(left(shared, "c") for _ in range(20))) == [None] * 20
            assert not first.done()
            assert await first is None
            with pytest.raises(Error, match="does not answer"):
                await shared.check()
        finally:
            redis.signal(signal.SIGCONT)
            monkeypatch.undo()
        wait_until(redis.client.ping)
        clock.now += 2
        # What was asked while it hung may have been counted meanwhile; late answers are taken for no other's.
        remaining = await left(shared, "c")
        assert remaining is not None
        assert 96 <= remaining <= 98
        assert await left(shared, "c") == remaining - 1
        assert await left(shared, "other") == 99


async def test_redis_is_back_also_when_the_first_call_is_refused(redis: RedisServer, clock: Clock) -> None:
    async with limiter(redis, clock, per_code=1) as shared, limiter(redis, clock, per_code=1) as other:
        redis.kill()
        assert await left(shared, "c") is None
        redis.start()
        assert await left(other, "c") == 0
        clock.now += 2
        assert [await left(shared, "c") for _ in range(3)] == [-1, -1, -1]


async def test_with_a_wrong_password_calls_are_let_through_and_health_says_why(
    redis: RedisServer, clock: Clock
) -> None:
    wrong = RateLimiter(
        per_code=1, per_caller=0, storage=f"redis://:not-{PASSWORD}@127.0.0.1:{redis.port}", clock=clock
    )
    with capture_logs() as logs:
        assert [await left(wrong, "c") for _ in range(3)] == [None] * 3
    assert len(logs) == 1
    with pytest.raises(Error, match="invalid username-password pair") as caught:
        await wrong.check()
    assert PASSWORD not in caught.value.message + str(logs)
    await wrong.close()
