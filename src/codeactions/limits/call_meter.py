"""The count of one request against its limits."""

from typing import Protocol

from codeactions.domain.caller import Caller, CallerKind
from codeactions.limits.quota import Quota


class Limiter(Protocol):
    """Counts calls: a `RateLimiter`, or a fake of a test."""

    async def take(self, *, code: str | None, caller: str | None) -> Quota | None:
        """Count a call. Raises `Error` (rate_limited)."""


class CallMeter:
    """Counts one request, against one limit after another. `quota` is what is left of the tightest; None: no limit."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self.quota: Quota | None = None

    async def take(self, *, code: str | None = None, caller: str | None = None) -> None:
        """Count the request for a code, for a caller, or for both. Raises `Error` (rate_limited)."""
        quota = await self._limiter.take(code=code, caller=caller)
        if quota is not None and (self.quota is None or quota.remaining < self.quota.remaining):
            self.quota = quota

    async def take_for(self, caller: Caller, *, code: str | None = None) -> None:
        """Count the request for a caller that is known. The administrator is never limited.

        Raises `Error` (rate_limited).
        """
        if caller.kind is not CallerKind.ADMINISTRATOR:
            await self.take(code=code, caller=caller.counted_as)
