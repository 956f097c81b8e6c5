"""Rows kept in memory, so that a call needs no query for them; dropped as soon as anyone changes one.

While changes cannot be heard, because the connection that listens is lost, nothing is kept.
"""

import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from cachetools import TTLCache

from codeactions.postgres.listener import EVERYTHING

_MAX_AGE = 5.0  # seconds after which a row is read again, in case a notification was missed
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Cache(Generic[_Key, _Value]):
    """A read function with a memory, and a `Subscriber` to the changes of what it reads.

    read: returns the value of a key. parse: turns the payload of a notification into a key; may raise ValueError.
    capacity: the total size that is kept; the values used longest ago make room. size: returns the size of a value,
    1 by default. clock: returns seconds.
    """

    def __init__(
        self,
        read: Callable[[_Key], Awaitable[_Value]],
        *,
        parse: Callable[[str], _Key],
        capacity: int,
        size: Callable[[_Value], int] = lambda _: 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._parse = parse
        self._kept: TTLCache[_Key, _Value] = TTLCache(capacity, _MAX_AGE, timer=clock, getsizeof=size)
        self._generation = 0  # grows with each value dropped: a value read in an earlier generation may be stale
        self._is_hearing = False

    def __repr__(self) -> str:
        kept = self._kept
        state = "hearing" if self._is_hearing else "deaf"
        return f"<Cache of {len(kept)}, {kept.currsize} of {kept.maxsize}, {state}>"

    async def get(self, key: _Key) -> _Value:
        """Return the value of a key, from memory or by reading it. Raises what `read` raises; no error is kept."""
        try:
            return self._kept[key]
        except KeyError:
            pass
        generation = self._generation
        value = await self._read(key)
        if self._is_hearing and generation == self._generation:
            with contextlib.suppress(ValueError):  # larger than the whole capacity
                self._kept[key] = value
        return value

    def kept(self, key: _Key) -> _Value | None:
        """Return the value of a key from memory; None if it is not there."""
        return self._kept.get(key)

    def forget(self, key: _Key) -> None:
        """Drop a value. A change made through this server must be visible in it at once."""
        self._generation += 1
        self._kept.pop(key, None)

    def forget_all(self) -> None:
        """Drop every value."""
        self._generation += 1
        self._kept.clear()

    def on_change(self, payload: str) -> None:
        """Drop the value that a notification names; `EVERYTHING` names all."""
        if payload == EVERYTHING:
            self.forget_all()
            return
        with contextlib.suppress(ValueError):
            self.forget(self._parse(payload))

    def on_hearing(self, *, is_hearing: bool) -> None:
        """Start or stop keeping values; either way, drop those that are kept."""
        self._is_hearing = is_hearing
        self.forget_all()
