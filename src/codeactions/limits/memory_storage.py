"""Counts in memory, in a bounded number of keys."""

import collections
import math
from collections.abc import Callable
from dataclasses import dataclass

from limits.aio.storage import MemoryStorage

from codeactions.limits.quota import Counts

_MOST_KEYS = 100_000  # about 30 MB when full


@dataclass(slots=True)
class _Window:
    """Calls in the minute that ends at `ends`, and in the one before."""

    ends: float
    previous: int = 0
    current: int = 0


class BoundedMemoryStorage(MemoryStorage):
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
        """Count `amount` calls if the limit allows it; return whether it did."""
        now = self._clock()
        window = self._window(key, expiry, now)
        weighted = math.floor(window.previous * (window.ends - now) / expiry) + window.current
        if weighted + amount > limit:
            return False
        window.current += amount
        return True

    async def get_sliding_window(self, key: str, expiry: int) -> Counts:
        """Return the counts of a key."""
        now = self._clock()
        window = self._window(key, expiry, now)
        left = window.ends - now
        return window.previous, left, window.current, left + expiry

    async def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget the counts of a key."""
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
