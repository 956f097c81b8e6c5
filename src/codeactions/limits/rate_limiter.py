"""How many calls a minute a code takes and a caller makes, counted in memory or, by several servers together, in Redis.

Counted are the calls of this minute, plus those of the minute before for the share of it that is within 60 seconds.
"""

import asyncio
import collections
import hashlib
import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from codeactions.domain.errors import Error, ErrorCode, invalid
from codeactions.domain.masking import masked_url

if TYPE_CHECKING:
    from redis.asyncio import BlockingConnectionPool

_MINUTE = 60
_MOST_KEYS = 100_000  # in memory; about 30 MB when full
_REDIS_SECONDS = 1.0  # all that Redis is asked for one call
_REDIS_PAUSE = 1.0  # seconds between two attempts to reach a Redis that is away: only one call of many waits for it
_REDIS_CONNECTIONS = 16
_WARNING_INTERVAL = 60.0  # seconds
_log = structlog.get_logger()
# Previous count, seconds it still weighs, current count, seconds until that is forgotten: as `limits` has it.
_Counts = tuple[int, float, int, float]


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit in calls a minute, how many of them are left, and the seconds, rounded up, until all of them are."""

    limit: int
    remaining: int
    reset_seconds: int

    def headers(self) -> dict[str, str]:
        """The three RateLimit headers of an answer."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }


def limited_headers(error: Error) -> dict[str, str]:
    """The RateLimit headers of the answer to a call that `RateLimiter.take` refused; none for any other error."""
    return Quota(**error.details["quota"]).headers() if "quota" in error.details else {}


class RateLimiter:
    """Takes calls from the limit of their code and that of their caller.

    While Redis is away, calls are let through uncounted: a server that runs code is worth more than an exact count.
    """

    # The moving window of `limits` would be exact, but keeps every call of the last minute: at 600 a minute and 100,000
    # keys gigabytes, here or in Redis. The sliding window counter keeps two numbers per key. It promises what a
    # token bucket does: a limit's worth of calls at once, and from then on no faster than the limit. There is no
    # border of a minute at which they could be made twice.

    def __init__(
        self,
        *,
        per_code: int,
        per_caller: int,
        storage: str = "memory",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """per_code, per_caller: calls a minute; 0: no limit. storage: "memory", or the URL of a Redis.

        clock: seconds; counts in Redis go by its own clock. Raises `Error` (invalid) for a storage that cannot be.
        """
        self._per_code = RateLimitItemPerMinute(per_code, namespace="code") if per_code else None
        self._per_caller = RateLimitItemPerMinute(per_caller, namespace="caller") if per_caller else None
        self._clock = clock
        self._pool: BlockingConnectionPool | None = None
        self._storage: _Memory | RedisStorage
        if storage == "memory":
            self._storage = _Memory(clock)
        else:
            self._pool = _redis_pool(storage)
            options: dict[str, Any] = {"connection_pool": self._pool}
            # The pool knows the URL. `limits` would tell it, with its password, in messages.
            self._storage = RedisStorage(
                "async+redis://", implementation="redispy", key_prefix="codeactions", **options
            )
        self._strategy = SlidingWindowCounterRateLimiter(self._storage)
        self._place = "memory" if storage == "memory" else masked_url(storage)
        self._away_until: float | None = None  # on the clock, when Redis is asked again; None: it is there
        self._warn_from = -math.inf

    def __repr__(self) -> str:
        place = self._place if self._pool else self._storage
        return f"<RateLimiter per code: {self._per_code}, per caller: {self._per_caller}, in {place}>"

    async def take(self, *, code: str | None, caller: str | None) -> Quota | None:
        """Count a call, and return what is left of the tighter limit; None when no limit applies or Redis is away.

        Raises `Error` (rate_limited) when a limit is used up, and then counts the call nowhere. Its details are
        `retry_after`, seconds after which a call is taken again if nobody else makes one, and `quota`.
        """
        # The caller first: one who is over the limit takes nothing, even for a moment, from a code others call too.
        wanted: list[tuple[str, RateLimitItem, str]] = []
        if caller is not None and self._per_caller:
            # A hash: whoever can read Redis should not find there what callers identify themselves with.
            hashed = hashlib.sha256(caller.encode(errors="surrogatepass")).hexdigest()
            wanted.append(("this caller may make", self._per_caller, hashed))
        if code is not None and self._per_code:
            wanted.append(("this code takes", self._per_code, code))
        if not wanted:
            return None
        outcome = await (self._count_in_redis(wanted) if self._pool else self._count(wanted))
        if isinstance(outcome, Error):
            raise outcome
        return outcome

    async def check(self) -> dict[str, Any]:
        """Where calls are counted, for `/health`. Raises `Error` (busy) while that is a Redis that does not answer."""
        if self._pool is None:
            return {"storage": "memory"}
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                # Not the storage's own check(), which takes a cancellation for an answer.
                await self._storage.get("health")
        except self._redis_errors as error:
            message = f"{self._place} does not answer, calls are not limited: {_reason(error)}"
            raise Error(ErrorCode.BUSY, message) from None
        return {"storage": "redis"}

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._pool:
            await self._pool.aclose()

    @property
    def _redis_errors(self) -> tuple[type[Exception], ...]:
        errors = self._storage.base_exceptions
        return (*(errors if isinstance(errors, tuple) else (errors,)), OSError, TimeoutError)

    async def _count_in_redis(self, wanted: Sequence[tuple[str, RateLimitItem, str]]) -> Quota | Error | None:
        now = self._clock()
        if self._away_until is not None:
            if now < self._away_until:
                return None
            self._away_until = now + _REDIS_PAUSE  # this call looks whether Redis is back; no other one waits for it
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                outcome = await self._count(wanted)
        except self._redis_errors as error:
            self._away_until = self._clock() + _REDIS_PAUSE
            if now >= self._warn_from:
                self._warn_from = now + _WARNING_INTERVAL
                _log.warning("calls_not_limited", storage=self._place, reason=_reason(error))
            return None
        self._away_until = None
        return outcome

    async def _count(self, wanted: Sequence[tuple[str, RateLimitItem, str]]) -> Quota | Error:
        """An error is returned, not raised, since it is no failure of the storage."""
        for index, (what, limit, key) in enumerate(wanted):
            if not await self._strategy.hit(limit, key):
                for _, other, taken in wanted[:index]:
                    await self._strategy.hit(other, taken, cost=-1)
                return _refusal(what, limit.amount, await self._counts(limit, key))
        quotas = [_quota(limit.amount, await self._counts(limit, key)) for _, limit, key in wanted]
        return min(quotas, key=lambda quota: (quota.remaining, -quota.reset_seconds))

    async def _counts(self, limit: RateLimitItem, key: str) -> _Counts:
        # The strategy's own statistics name the wall clock's time, of the next call and not of all.
        return await self._storage.get_sliding_window(limit.key_for(key), _MINUTE)


@dataclass(slots=True)
class _Window:
    """Calls in the minute that ends at `ends`, and in the one before."""

    ends: float
    previous: int = 0
    current: int = 0


class _Memory(MemoryStorage):
    """Counts as Redis does with the scripts of `limits`, in a bounded number of keys.

    The storage this extends looks through all of its keys at every call, and has no bound.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._windows: collections.OrderedDict[str, _Window] = collections.OrderedDict()  # last used, last

    def __repr__(self) -> str:
        return f"memory with {len(self._windows)} keys"

    # Nothing in here waits, so that calls which arrive at once cannot come between each other's reads and writes.

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        now = self._clock()
        window = self._window(key, expiry, now)
        weighted = math.floor(window.previous * (window.ends - now) / expiry) + window.current
        if weighted + amount > limit:
            return False
        window.current += amount
        return True

    async def get_sliding_window(self, key: str, expiry: int) -> _Counts:
        now = self._clock()
        window = self._window(key, expiry, now)
        left = window.ends - now
        return window.previous, left, window.current, left + expiry

    async def clear_sliding_window(self, key: str, expiry: int) -> None:
        self._windows.pop(key, None)

    def _window(self, key: str, expiry: int, now: float) -> _Window:
        window = self._windows.get(key)
        if window is None or now > window.ends + expiry:
            window = self._windows[key] = _Window(now + expiry)
            self._make_room(now - expiry)
        elif now > window.ends:
            window.previous, window.current = window.current, 0
            window.ends += expiry
        self._windows.move_to_end(key)
        return window

    def _make_room(self, expired: float) -> None:
        # Two for each one that comes: they become fewer, and no call has to clear up after all the others.
        for _ in range(2):
            oldest, window = next(iter(self._windows.items()))
            if window.ends >= expired and len(self._windows) <= _MOST_KEYS:
                return
            del self._windows[oldest]


def _quota(limit: int, counts: _Counts) -> Quota:
    previous, weighs, current, _ = counts
    used = math.floor(previous * weighs / _MINUTE) + current
    return Quota(limit, min(limit, max(0, limit - used)), math.ceil(_seconds_until_below(1, counts)))


def _refusal(what: str, limit: int, counts: _Counts) -> Error:
    # Not rounded up: at the very moment that a count comes down to the limit, a call is still refused.
    seconds = math.floor(_seconds_until_below(limit, counts)) + 1
    message = f"{what} {limit} call{'s' * (limit != 1)} a minute; try again in {seconds} s"
    quota = Quota(limit, 0, _quota(limit, counts).reset_seconds)
    return Error(ErrorCode.RATE_LIMITED, message, retry_after=seconds, quota=asdict(quota))


def _seconds_until_below(below: int, counts: _Counts) -> float:
    """After which fewer than that many calls count, if no more are made."""
    previous, weighs, current, forgotten = counts
    if previous * weighs / _MINUTE + current < below:
        return 0.0
    if current < below:
        return weighs - (below - current) * _MINUTE / previous
    return forgotten - below * _MINUTE / current  # they weigh less and less from the end of their minute on


def _redis_pool(url: str) -> "BlockingConnectionPool":
    """Connections to a Redis, none of them made yet. Raises `Error` (invalid)."""
    wrong = invalid(f'calls are counted in "memory" or at a redis:// or rediss:// URL, but not at {masked_url(url)}')
    try:
        parts = urlsplit(url)
        # The client takes any path, and database 0 for what is no number. An unescaped password can look like a path.
        is_path = re.fullmatch(r"/?\d*", parts.path) and not parts.fragment
        if parts.scheme not in ("redis", "rediss") or not parts.hostname or not is_path:
            raise wrong
    except ValueError:
        raise wrong from None  # whose message may hold a part of the password
    try:
        from redis.asyncio import BlockingConnectionPool
    except ImportError:
        raise invalid("to count calls in Redis, install codeactions[redis]") from None
    try:
        # Calls wait for a connection: a pool that does not block fails those that arrive together instead. With a pool
        # given, nothing is tried again, and an idle connection that Redis has closed is replaced before it is used.
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_REDIS_CONNECTIONS,
            timeout=_REDIS_SECONDS,
            socket_timeout=_REDIS_SECONDS,
            socket_connect_timeout=_REDIS_SECONDS,
        )
        pool.make_connection()  # type: ignore[no-untyped-call]  # does not connect, but looks at the URL's parameters
    except (ValueError, TypeError):
        raise wrong from None
    return pool


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
