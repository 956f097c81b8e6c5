"""Sandboxes that are kept ready: each has isolated itself and waits for its job, and serves one run like any other.

Keeping a few takes the fork out of a call's way; the number of slots bounds them and the runs together. Each zygote
has its own, as many as its calls make worth while (warm_target.py).
"""

import asyncio
import collections
import time
from collections.abc import Callable

from codeactions.sandbox.server.sandbox import Sandbox
from codeactions.sandbox.server.warm_target import WarmTarget

_AFTER_FAILURE = 1.0  # seconds
_AFTER_TAKING = 0.02  # seconds: longer than most runs, so that forking is not in their way


class WarmSandboxes:
    """The warm sandboxes of all zygotes. `len()` is their number.

    refill: called when it is time for `fill`.
    """

    def __init__(self, refill: Callable[[], None]) -> None:
        self._refill = refill
        self._warm: dict[str, collections.deque[Sandbox]] = {}  # by zygote; only those that have any kept
        self._targets: dict[str, WarmTarget] = {}
        self._not_before = 0.0

    def __len__(self) -> int:
        return sum(map(len, self._warm.values()))

    def __repr__(self) -> str:
        return f"<WarmSandboxes {', '.join(f'{name} {len(warm)}' for name, warm in self._warm.items())}>"

    def keep(self, zygote: str, least: int, most: int) -> None:
        """Keep sandboxes of this zygote from now on: `least`, up to `most` while calls come fast. 0: none."""
        if least > 0:
            self._warm[zygote] = collections.deque()
            self._targets[zygote] = WarmTarget(least, most, time.monotonic)

    def drop(self, zygote: str) -> None:
        """Discard this zygote's, and keep none from now on."""
        self._targets.pop(zygote, None)
        for sandbox in self._warm.pop(zygote, ()):
            sandbox.discard()

    def has(self, zygote: str) -> bool:
        """Tell whether one of this zygote's is there."""
        return bool(self._warm.get(zygote))

    def take(self, zygote: str) -> Sandbox | None:
        """Return a warm sandbox, which is the caller's from now on; None if there is none."""
        warm = self._warm.get(zygote)
        if warm is None:
            return None
        # Runs that end make room for new warm ones; should this one last, its place is taken a little later.
        self._refill_in(_AFTER_TAKING)
        while warm:
            sandbox = warm.popleft()
            if not sandbox.ended.done():
                return sandbox
        self._targets[zygote].missed()
        return None

    def give_up(self) -> bool:
        """End a warm sandbox, of the zygote that has the most of them; False if there is none."""
        fullest = max(self._warm.values(), key=len, default=None)
        if fullest:
            fullest.popleft().discard()
        return bool(fullest)

    def fill(self, start: Callable[[str], Sandbox | None]) -> None:
        """Start and end sandboxes until there are as many as wanted.

        `start` returns a new sandbox of a zygote, or None when there can be none now; it raises `OSError` when the
        server has too few descriptors left, which calls need more than this: then it is tried again a little later.
        """
        if asyncio.get_running_loop().time() < self._not_before:
            return
        for zygote, warm in self._warm.items():
            target = self._targets[zygote].target
            while len(warm) < target:
                try:
                    sandbox = start(zygote)
                except OSError:
                    self._pause()
                    return
                if sandbox is None:
                    break
                warm.append(sandbox)
            while len(warm) > target:
                warm.popleft().discard()

    def forget(self, sandbox: Sandbox) -> None:
        """Let go of a sandbox that has ended; nothing if it was no warm one."""
        warm = self._warm.get(sandbox.zygote)
        if warm is not None and sandbox in warm:
            warm.remove(sandbox)
            sandbox.close()  # no caller has taken it, so no caller will
            # It should have waited for a job. Whatever ended it would end the next one as soon.
            self._pause()

    def _pause(self) -> None:
        """Fill no more for a while."""
        self._not_before = asyncio.get_running_loop().time() + _AFTER_FAILURE
        self._refill_in(_AFTER_FAILURE)

    def _refill_in(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._refill)
