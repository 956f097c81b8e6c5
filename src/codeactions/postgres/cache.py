"""Rows kept in memory, so that a call need not ask for them; dropped as soon as anybody changes one.

While changes are not heard, because the connection that listens is lost, nothing is kept either.
"""

import collections
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from codeactions.postgres.listener import EVERYTHING

_MOST_SECONDS = 5.0  # a row is read again after this long, should a notification ever be missed
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Cache(Generic[_Key, _Value]):
    """`get` as `read`, mostly from memory; also told of changes by `Changes`.

    parse: from what is notified to the key; may raise ValueError. size: what a value counts for `most` in all; those
    used longest ago make room.
    """

    def __init__(
        self,
        read: Callable[[_Key], Awaitable[_Value]],
        *,
        parse: Callable[[str], _Key],
        most: int,
        size: Callable[[_Value], int] = lambda _: 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._parse = parse
        self._most = most
        self._size = size
        self._clock = clock
        self._kept: collections.OrderedDict[_Key, tuple[_Value, float]] = collections.OrderedDict()
        self._full = 0
        self._changes = 0  # counts what was dropped: what was read before may be stale
        self._hearing = False

    def __repr__(self) -> str:
        return f"<Cache of {len(self._kept)}, {self._full} of {self._most}, {'hearing' if self._hearing else 'deaf'}>"

    async def get(self, key: _Key) -> _Value:
        """Read a value. Raises what `read` does, and keeps no error."""
        kept = self._kept.get(key)
        if kept is not None and kept[1] > self._clock():
            self._kept.move_to_end(key)
            return kept[0]
        changes = self._changes
        value = await self._read(key)
        if self._hearing and changes == self._changes:
            self._keep(key, value)
        return value

    def forget(self, key: _Key) -> None:
        """Drop a value: whoever changed it through this server must see the change at once."""
        self._changes += 1
        self._drop(key)

    def forget_all(self) -> None:
        """Drop everything."""
        self._changes += 1
        self._kept.clear()
        self._full = 0

    def changed(self, payload: str) -> None:
        """Drop what somebody has changed."""
        if payload == EVERYTHING:
            self.forget_all()
            return
        with contextlib.suppress(ValueError):
            self.forget(self._parse(payload))

    def hearing(self, *, on: bool) -> None:
        """Keep values from now on, or none."""
        self._hearing = on
        self.forget_all()

    def _keep(self, key: _Key, value: _Value) -> None:
        self._drop(key)
        self._kept[key] = (value, self._clock() + _MOST_SECONDS)
        self._full += self._size(value)
        while self._full > self._most:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: _Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._full -= self._size(kept[0])
