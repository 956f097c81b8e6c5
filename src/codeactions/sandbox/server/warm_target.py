"""How many sandboxes of one kind to keep ready: more while calls find none, fewer when they stop coming."""

from collections.abc import Callable

_COOLS_AFTER = 10.0  # seconds without a miss, for each sandbox fewer


class WarmTarget:
    """The number for one zygote, between `least` and `most`. `clock` gives seconds."""

    def __init__(self, least: int, most: int, clock: Callable[[], float]) -> None:
        self._least, self._most = least, max(least, most)
        self._clock = clock
        self._target = least
        self._since = clock()

    def __repr__(self) -> str:
        return f"<WarmTarget {self.target} of {self._least} to {self._most}>"

    @property
    def target(self) -> int:
        """The number to keep now."""
        steps = int((self._clock() - self._since) / _COOLS_AFTER)
        if steps > 0:
            self._target = max(self._least, self._target - steps)
            self._since += steps * _COOLS_AFTER
        return self._target

    def missed(self) -> None:
        """Note that a call found none ready."""
        if self._least:  # 0: none are wanted
            self._target = min(self._most, 2 * self.target)
        self._since = self._clock()
