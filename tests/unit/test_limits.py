"""Rate limits that are counted in memory, and what their storage may be."""

import asyncio
import json
import subprocess
import sys

import hypothesis
import pytest
from hypothesis import strategies as st

from codeactions.domain.errors import Error, ErrorCode
from codeactions.http.errors import error_answer
from codeactions.http.rate_limit_headers import quota_headers, refusal_headers
from codeactions.http.response_models import ErrorModel
from codeactions.limits import memory_storage
from codeactions.limits.quota import Quota
from codeactions.limits.rate_limiter import RateLimiter


class Clock:
    """Seconds, which stand still until they are moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def left(limiter: RateLimiter, code: str | None = None, caller: str | None = None) -> int:
    """Takes a call; what remains then, or -1 when it was refused."""
    try:
        quota = await limiter.take(code=code, caller=caller)
    except Error as error:
        if error.code is not ErrorCode.RATE_LIMITED:
            raise
        return -1
    assert quota is not None
    return quota.remaining


async def refused(limiter: RateLimiter, code: str | None = None, caller: str | None = None) -> Error:
    """Takes a call that must be refused."""
    with pytest.raises(Error) as caught:
        await limiter.take(code=code, caller=caller)
    assert caught.value.code is ErrorCode.RATE_LIMITED
    return caught.value


async def test_as_many_calls_as_the_limit_pass_and_the_next_is_told_when_to_come_back(clock: Clock) -> None:
    limiter = RateLimiter(per_code=3, per_caller=0, clock=clock)
    assert [await left(limiter, "c") for _ in range(3)] == [2, 1, 0]
    clock.now += 10.5
    error = await refused(limiter, "c")
    assert error.details["retry_after"] == 50  # the minute ends in 49.5 s
    assert error.message == "this code takes 3 calls a minute; try again in 50 s"
    clock.now += 49
    await refused(limiter, "c")
    clock.now += 1
    assert await left(limiter, "c") == 0


async def test_calls_come_back_one_by_one_and_not_all_at_the_minutes_end(clock: Clock) -> None:
    limiter = RateLimiter(per_code=6, per_caller=0, clock=clock)
    clock.now += 7  # minutes begin with a first call, wherever the clock stands
    assert await left(limiter, "c") == 5
    clock.now += 59
    assert [await left(limiter, "c") for _ in range(6)] == [4, 3, 2, 1, 0, -1]
    clock.now += 2  # a second into the next minute
    assert [await left(limiter, "c") for _ in range(2)] == [0, -1]
    passed = []
    for _ in range(59):
        clock.now += 1
        passed.append(await left(limiter, "c") >= 0)
    # Six weigh six at the minute's beginning, and one less every ten seconds.
    assert [second for second, ok in enumerate(passed, start=2) if ok] == [11, 21, 31, 41, 51]


async def test_a_limit_is_whole_again_when_it_says(clock: Clock) -> None:
    limiter = RateLimiter(per_code=4, per_caller=0, clock=clock)
    assert await limiter.take(code="c", caller=None) == Quota(limit=4, remaining=3, reset_seconds=60)
    clock.now += 0.25
    # Two weigh less than one half a minute after the end of theirs, which is in 59.75 s.
    assert await limiter.take(code="c", caller=None) == Quota(limit=4, remaining=2, reset_seconds=90)
    clock.now += 90
    assert await left(limiter, "c") == 3
    clock.now += 1000
    assert await left(limiter, "c") == 3


@hypothesis.given(
    limit=st.integers(1, 8), pauses=st.lists(st.one_of(st.just(0.0), st.integers(1, 400).map(lambda n: n / 4)))
)
def test_there_is_never_more_than_a_burst_and_then_the_rate(limit: int, pauses: list[float]) -> None:
    async def run() -> None:
        clock = Clock()
        limiter = RateLimiter(per_code=limit, per_caller=0, clock=clock)
        passed: list[float] = []
        for pause in pauses:
            clock.now += pause
            try:
                await limiter.take(code="c", caller=None)
            except Error as error:
                clock.now += error.details["retry_after"] - 1
                await refused(limiter, "c")
                clock.now += 1
                assert await left(limiter, "c") >= 0
            passed.append(clock.now)
        for first, begin in enumerate(passed):
            for last, end in enumerate(passed[first:], start=first):
                assert last - first + 1 <= limit * (1 + (end - begin) / 60) + 1

    asyncio.run(run())


async def test_codes_and_callers_do_not_disturb_each_other(clock: Clock) -> None:
    limiter = RateLimiter(per_code=2, per_caller=2, clock=clock)
    # One name is a code's and a caller's, and another looks like a part of a key.
    for name in ("a", "b", "a/2/1/minute"):
        assert [await left(limiter, code=name) for _ in range(3)] == [1, 0, -1]
        assert [await left(limiter, caller=name) for _ in range(3)] == [1, 0, -1]


async def test_the_tighter_of_both_limits_is_what_is_told(clock: Clock) -> None:
    limiter = RateLimiter(per_code=5, per_caller=2, clock=clock)
    assert await limiter.take(code="c", caller="a") == Quota(2, 1, 60)
    for caller in ("b", "d", "e"):
        quota = await limiter.take(code="c", caller=caller)
    assert quota == Quota(5, 1, 105)  # as many as callers have left, but for longer
    assert await limiter.take(code="c", caller="f") == Quota(5, 0, 108)
    assert (await refused(limiter, "c", "g")).details["quota"] == {"limit": 5, "remaining": 0, "reset_seconds": 108}


async def test_a_call_refused_for_its_caller_does_not_count_for_the_code(clock: Clock) -> None:
    limiter = RateLimiter(per_code=3, per_caller=1, clock=clock)
    assert await left(limiter, "c", "a") == 0
    for _ in range(5):
        error = await refused(limiter, "c", "a")
        assert error.message.startswith("this caller may make 1 call a minute; ")
    assert [await left(limiter, "c") for _ in range(3)] == [1, 0, -1]


async def test_a_call_refused_for_its_code_does_not_count_for_the_caller(clock: Clock) -> None:
    limiter = RateLimiter(per_code=1, per_caller=3, clock=clock)
    assert await left(limiter, "c", "a") == 0
    for _ in range(5):
        error = await refused(limiter, "c", "a")
        assert error.message.startswith("this code takes 1 call a minute; ")
    assert [await left(limiter, caller="a") for _ in range(3)] == [1, 0, -1]


async def test_a_limit_of_nothing_is_off(clock: Clock) -> None:
    limiter = RateLimiter(per_code=0, per_caller=0, clock=clock)
    assert [await limiter.take(code="c", caller="a") for _ in range(100)] == [None] * 100
    limiter = RateLimiter(per_code=0, per_caller=1, clock=clock)
    assert await limiter.take(code="c", caller=None) is None
    assert [await left(limiter, "c", "a"), await left(limiter, "c", "b"), await left(limiter, "c", "a")] == [0, 0, -1]


async def test_of_many_calls_at_once_no_more_pass_than_the_limit(clock: Clock) -> None:
    limiter = RateLimiter(per_code=50, per_caller=30, clock=clock)
    outcomes = await asyncio.gather(*(left(limiter, "c", f"caller {number % 4}") for number in range(400)))
    assert len([outcome for outcome in outcomes if outcome >= 0]) == 50


async def test_what_was_used_longest_ago_makes_room(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_storage, "_MOST_KEYS", 3)
    limiter = RateLimiter(per_code=1, per_caller=0, clock=clock)
    assert [await left(limiter, name) for name in "abc"] == [0, 0, 0]
    assert await left(limiter, "a") == -1  # a refused call is a use, too
    assert await left(limiter, "d") == 0
    assert [await left(limiter, name) for name in "acd"] == [-1, -1, -1]
    assert await left(limiter, "b") == 0
    assert "with 3 keys" in repr(limiter)


async def test_what_no_longer_counts_is_swept_away(clock: Clock) -> None:
    limiter = RateLimiter(per_code=1, per_caller=0, clock=clock)
    for number in range(100):
        await left(limiter, f"old {number}")
    clock.now += 121
    for number in range(60):
        await left(limiter, f"new {number}")
    assert "with 60 keys" in repr(limiter)


async def test_the_answer_to_a_refused_call_has_the_headers_and_the_fields(clock: Clock) -> None:
    limiter = RateLimiter(per_code=2, per_caller=0, clock=clock)
    quota = await limiter.take(code="c", caller=None)
    assert quota is not None
    assert quota_headers(quota) == {"RateLimit-Limit": "2", "RateLimit-Remaining": "1", "RateLimit-Reset": "60"}
    await limiter.take(code="c", caller=None)
    clock.now += 20
    error = await refused(limiter, "c")
    answer = error_answer(error, headers=refusal_headers(error))
    assert answer.status_code == 429
    shown = {name: answer.headers.get(name) for name in (*quota_headers(quota), "Retry-After")}
    assert shown == {
        "RateLimit-Limit": "2",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": "70",
        "Retry-After": "41",
    }
    assert b'"quota":{"limit":2,"remaining":0,"reset_seconds":70}' in answer.body
    assert set(json.loads(answer.body)) <= set(ErrorModel.model_fields), "the document tells of each field"


def test_another_error_has_no_such_headers() -> None:
    assert refusal_headers(Error(ErrorCode.BUSY, "no slot is free", retry_after=1)) == {}


async def test_memory_is_always_healthy(clock: Clock) -> None:
    limiter = RateLimiter(per_code=1, per_caller=1, clock=clock)
    assert await limiter.check() == {"storage": "memory"}
    await limiter.close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("memcached://user:hunter2@cache:11211", "memcached://***@cache:11211"),
        ("redis://:hunter2@host:port", "redis://***"),
        ("redis://:hunter2@host:99999", "redis://***@host:99999"),
        ("redis://:hunt@er2/hunter2@host:1", "redis://***"),
        ("redis://:hunt#er2@host:1", "redis://***"),
        ("redis://user:hunter2", "redis://***"),
        ("redis://host:1/one", "redis://host:1"),
        ("redis://user:1/hunter2@[::1", "redis://***"),
        ("redis://host:1?password=hunter2&no_such_option=1", "redis://host:1"),
        ("redis://host:1?socket_timeout=hunter2", "redis://host:1"),
        ("redis://?password=hunter2", "redis://***"),
        ("hunter2", "***"),
        ("", "***"),
    ],
)
def test_a_storage_that_cannot_be_is_told_without_its_password(url: str, shown: str) -> None:
    with pytest.raises(Error) as caught:
        RateLimiter(per_code=1, per_caller=1, storage=url)
    assert caught.value.code is ErrorCode.INVALID
    assert caught.value.message == (
        f'calls are counted in "memory" or at a redis:// or rediss:// URL, but not at {shown}'
    )
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost", "redis://localhost"),
        ("rediss://user:hunter2@host.example:6380/2?ssl_cert_reqs=none", "rediss://***@host.example:6380/2"),
        ("redis://:hunter2@[::1]:6379/0", "redis://***@[::1]:6379/0"),
    ],
)
async def test_a_limiter_shows_no_password(url: str, shown: str) -> None:
    limiter = RateLimiter(per_code=1, per_caller=1, storage=url)
    assert repr(limiter).endswith(f" in {shown}>")
    await limiter.close()


def test_without_the_client_of_redis_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(Error, match=r"install codeactions\[redis\]") as caught:
        RateLimiter(per_code=1, per_caller=1, storage="redis://localhost")
    assert caught.value.code is ErrorCode.INVALID


def test_in_memory_the_client_of_redis_is_not_even_imported() -> None:
    program = (
        "import sys; from codeactions.limits.rate_limiter import RateLimiter; RateLimiter(per_code=1, per_caller=1); "
        "print([name for name in ('redis', 'coredis', 'valkey') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
