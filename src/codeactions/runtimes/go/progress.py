"""The progress of compiling many packages, and the time that is left, by what was measured so far."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping

# Bytes of source that take as long as what each package costs beside its source, and as what follows the last one.
# Measured: 0.067 s a package and 1.8 s a megabyte.
_OF_A_PACKAGE, _OF_THE_END = 36_000, 1_000_000
_WINDOW = 30.0  # seconds: the load of a machine changes, and the last while tells more than the beginning
_LEAST = 0.02  # of the work: before that nothing is known


class Progress:
    """Packages with the size of their sources in bytes, and which of them are compiled. clock: seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._weights: dict[str, int] = {}
        self._begun: set[str] = set()
        self._current = ""
        self._done = self._total = 0
        self._before: deque[tuple[float, int]] = deque()  # times, and what was done then

    def __repr__(self) -> str:
        return f"<Progress {self.fraction:.0%}>"

    def begin(self, sizes: Mapping[str, int], compiled: Iterable[str] = ()) -> None:
        """Begin to measure. compiled: those packages that were compiled earlier."""
        self._weights = {name: size + _OF_A_PACKAGE for name, size in sizes.items()}
        self._begun = {name for name in compiled if name in self._weights}
        self._done = sum(self._weights[name] for name in self._begun)
        self._total = sum(self._weights.values()) + _OF_THE_END
        self._current = ""
        self._before = deque([(self._clock(), self._done)])

    def compiling(self, package: str) -> None:
        """Note that a package is begun, and so the one before it is done."""
        self._done += self._weights.get(self._current, 0)
        self._current = "" if package in self._begun else package
        self._begun.add(package)
        now = self._clock()
        self._before.append((now, self._done))
        while len(self._before) > 2 and self._before[1][0] < now - _WINDOW:
            self._before.popleft()

    @property
    def fraction(self) -> float:
        """How much of the work is done, from 0 to 1."""
        return min(self._done / self._total, 1.0) if self._total else 0.0

    @property
    def seconds_left(self) -> int | None:
        """The seconds that the rest takes at the pace of the last half minute; None while that is not known."""
        if not self._before:
            return None
        (at, done), (last_at, last_done) = self._before[0], self._before[-1]
        if last_at <= at or last_done <= done or (last_done - done < _LEAST * self._total and last_at - at < _WINDOW):
            return None
        # Of the package that is being compiled, as much is done as at this pace; it may take longer than it should.
        now = self._clock()
        pace = (last_done - done) / (last_at - at)
        current = min(self._weights.get(self._current, 0), pace * (now - last_at))
        left = (self._total - last_done - current) * (now - at) / (last_done - done + current)
        return max(1, math.ceil(left))
