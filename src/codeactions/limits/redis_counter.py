"""Counts that several servers keep together in Redis. While it is away, calls are not counted."""

import asyncio
import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog
from limits.aio.storage import RedisStorage

from codeactions.domain.errors import Error, ErrorCode, invalid
from codeactions.domain.masking import masked_url
from codeactions.limits.counter import Counter, Wanted
from codeactions.limits.quota import Quota

if TYPE_CHECKING:
    from redis.asyncio import BlockingConnectionPool

_REDIS_SECONDS = 1.0  # all that Redis is asked for one call
_REDIS_PAUSE = 1.0  # seconds between two attempts to reach a Redis that is away: only one call of many waits for it
_REDIS_CONNECTIONS = 16
_WARNING_INTERVAL = 60.0  # seconds
_log = structlog.get_logger()


class RedisCounter(Counter):
    """Counts calls in Redis, in bounded time: a call that Redis does not answer for is not counted."""

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        """Raises `Error` (invalid) for a URL that cannot be, without its password."""
        self._pool = _redis_pool(url)
        options: dict[str, Any] = {"connection_pool": self._pool}
        # The pool knows the URL. `limits` would tell it, with its password, in messages.
        super().__init__(RedisStorage("async+redis://", implementation="redispy", key_prefix="codeactions", **options))
        self._place = masked_url(url)
        self._clock = clock
        self._away_until: float | None = None  # on the clock, when Redis is asked again; None: it is there
        self._warn_from = -math.inf

    @property
    def place(self) -> str:
        """The scheme, host and port of Redis."""
        return self._place

    async def count(self, wanted: Sequence[Wanted]) -> Quota | Error | None:
        """Count a call as `Counter.count` does. None while Redis is away; the log says so once a minute."""
        now = self._clock()
        if self._away_until is not None:
            if now < self._away_until:
                return None
            self._away_until = now + _REDIS_PAUSE  # this call looks whether Redis is back; no other one waits for it
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                outcome = await super().count(wanted)
        except self._errors as error:
            self._away_until = self._clock() + _REDIS_PAUSE
            if now >= self._warn_from:
                self._warn_from = now + _WARNING_INTERVAL
                _log.warning("calls_not_limited", storage=self._place, reason=_reason(error))
            return None
        self._away_until = None
        return outcome

    async def check(self) -> dict[str, Any]:
        """Return where calls are counted, for `/health`. Raises `Error` (busy) if Redis does not answer."""
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                # Not the storage's own check(), which takes a cancellation for an answer.
                await self._storage.get("health")
        except self._errors as error:
            message = f"{self._place} does not answer, calls are not limited: {_reason(error)}"
            raise Error(ErrorCode.BUSY, message, public="calls are not limited") from None
        return {"storage": "redis"}

    async def close(self) -> None:
        """Close the connections to Redis."""
        await self._pool.aclose()

    @property
    def _errors(self) -> tuple[type[Exception], ...]:
        errors = self._storage.base_exceptions
        return (*(errors if isinstance(errors, tuple) else (errors,)), OSError, TimeoutError)


def _redis_pool(url: str) -> "BlockingConnectionPool":
    """Return connections to a Redis, none of them made yet. Raises `Error` (invalid)."""
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
