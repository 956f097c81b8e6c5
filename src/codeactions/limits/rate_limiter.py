"""Limits on the calls a minute of a code and of a caller, counted in memory or, by several servers together, in Redis.

Calls of this minute count in full, those of the minute before for the share of it that is within the last 60 seconds.
"""

import hashlib
import time
from collections.abc import Callable
from typing import Any

from limits import RateLimitItemPerMinute

from codeactions.domain.errors import Error
from codeactions.limits.counter import Counter, Wanted
from codeactions.limits.memory_storage import BoundedMemoryStorage
from codeactions.limits.quota import Quota
from codeactions.limits.redis_counter import RedisCounter


class RateLimiter:
    """Takes calls from the limit of their code and that of their caller.

    While Redis is away, calls are let through uncounted: a server that runs code is worth more than an exact count.
    """

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
        in_memory = storage == "memory"
        self._counter = Counter(BoundedMemoryStorage(clock)) if in_memory else RedisCounter(storage, clock)

    def __repr__(self) -> str:
        return f"<RateLimiter per code: {self._per_code}, per caller: {self._per_caller}, in {self._counter.place}>"

    async def take(self, *, code: str | None, caller: str | None) -> Quota | None:
        """Count a call, and return what is left of the tighter limit; None when no limit applies or Redis is away.

        Raises `Error` (rate_limited) when a limit is used up, and then counts the call nowhere. Its details are
        `retry_after`, seconds after which a call is taken again if no other is made, and `quota`.
        """
        # The caller first: one that is over its limit takes nothing, even for a moment, from a code others call too.
        wanted: list[Wanted] = []
        if caller is not None and self._per_caller:
            # A hash: a reader of Redis should not find there what callers identify themselves with.
            hashed = hashlib.sha256(caller.encode(errors="surrogatepass")).hexdigest()
            wanted.append(Wanted("this caller may make", self._per_caller, hashed))
        if code is not None and self._per_code:
            wanted.append(Wanted("this code takes", self._per_code, code))
        if not wanted:
            return None
        outcome = await self._counter.count(wanted)
        if isinstance(outcome, Error):
            raise outcome
        return outcome

    async def check(self) -> dict[str, Any]:
        """Return where calls are counted, for `/health`. Raises `Error` (busy) if that is a Redis that is away."""
        return await self._counter.check()

    async def close(self) -> None:
        """Close the connections to Redis."""
        await self._counter.close()
