"""Counting of calls in sliding windows, wherever their numbers are kept."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from codeactions.domain.errors import Error
from codeactions.limits.quota import MINUTE, Counts, Quota, limit_exceeded, quota_left


class Wanted(NamedTuple):
    """A limit that a call is counted against. what: begins the message of a refusal."""

    what: str
    limit: RateLimitItem
    key: str


class Counter:
    """Counts calls in a storage. `place` is the storage's name for people."""

    # The moving window of `limits` would be exact, but keeps every call of the last minute: at 600 a minute and 100,000
    # keys gigabytes, here or in Redis. The sliding window counter keeps two numbers per key. It promises what a
    # token bucket does: a limit's worth of calls at once, and from then on no faster than the limit. There is no
    # border of a minute at which they could be made twice.

    def __init__(self, storage: MemoryStorage | RedisStorage) -> None:
        self._storage = storage
        self._strategy = SlidingWindowCounterRateLimiter(storage)

    @property
    def place(self) -> str:
        """The storage that counts the calls, for people."""
        return repr(self._storage)

    async def count(self, wanted: Sequence[Wanted]) -> Quota | Error | None:
        """Count a call and return what is left of the tightest limit, or the error of the first that is used up.

        None: the call was not counted. An error is returned, not raised, since it is no failure of the storage.
        """
        for index, (what, limit, key) in enumerate(wanted):
            if not await self._strategy.hit(limit, key):
                for _, other, taken in wanted[:index]:
                    await self._strategy.hit(other, taken, cost=-1)
                return limit_exceeded(what, limit.amount, await self._counts(limit, key))
        quotas = [quota_left(limit.amount, await self._counts(limit, key)) for _, limit, key in wanted]
        return min(quotas, key=lambda quota: (quota.remaining, -quota.reset_seconds))

    async def check(self) -> dict[str, Any]:
        """Return where calls are counted, for `/health`."""
        return {"storage": "memory"}

    async def close(self) -> None:
        """Close connections."""

    async def _counts(self, limit: RateLimitItem, key: str) -> Counts:
        # The strategy's own statistics name the wall clock's time, of the next call and not of all.
        return await self._storage.get_sliding_window(limit.key_for(key), MINUTE)
