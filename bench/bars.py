"""The bars: what the project promises of its speed and size, compared with the measured values."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.peers import start
from bench.results import OURS, Measured, ratios, rounds_median
from bench.stats import Spread, number

MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bar:
    """One promise. The value must be at most `bar` if `at_most` is true, else at least `bar`."""

    name: str
    value: float
    bar: float
    unit: str
    at_most: bool

    @property
    def ok(self) -> bool:
        """Whether the promise is kept."""
        return self.value <= self.bar if self.at_most else self.value >= self.bar

    def __str__(self) -> str:
        side = "≤" if self.at_most else "≥"
        return f"{number(self.value)} {self.unit}  (bar {side} {self.bar:g})"


def bars(measured: Measured) -> list[Bar]:
    """Return every promise for which this run has the numbers."""
    return [*_speed(measured), *_against_processes(measured), *_size(measured)]


def _speed(measured: Measured) -> Iterator[Bar]:
    ours = measured.series.get(OURS, {})
    if 1 in ours:
        yield Bar("p50, one at a time", rounds_median(ours[1].values("p50_ms")), 5.0, "ms", True)
    if 16 in ours:
        yield Bar("runs a second, 16 at a time", rounds_median(ours[16].values("per_second")), 250.0, "/s", False)


def _against_processes(measured: Measured) -> Iterator[Bar]:
    for peer in start.RECORDING:
        if (found := latency_ratio(measured, peer, 1)) is not None:
            yield Bar(f"p50 better than {peer}, one at a time", found.median, 10.0, "×", False)
        if (found := rate_ratio(measured, peer, 16)) is not None:
            yield Bar(f"runs a second over {peer}, 16 at a time", found.median, 20.0, "×", False)


def _size(measured: Measured) -> Iterator[Bar]:
    if measured.idle_after:
        together = measured.idle_after["together"]
        yield Bar("memory at rest, PSS", together.pss / MB, 150.0, "MB", True)
        yield Bar("memory at rest, RSS", together.rss / MB, 150.0, "MB", True)
    if measured.run_private:
        yield Bar("private memory of a run", measured.run_private.median / MB, 8.0, "MB", True)


def latency_ratio(measured: Measured, peer: str, level: int) -> Spread | None:
    """Return how many times longer a call takes at a peer, or None if it was not measured. Over 1, ours is faster."""
    ours, theirs = measured.series.get(OURS, {}), measured.series.get(peer, {})
    if level not in ours or level not in theirs:
        return None
    return ratios(theirs[level].values("p50_ms"), ours[level].values("p50_ms"))


def rate_ratio(measured: Measured, peer: str, level: int) -> Spread | None:
    """Return our runs a second divided by the peer's, or None if they were not measured. Over 1, ours does more."""
    ours, theirs = measured.series.get(OURS, {}), measured.series.get(peer, {})
    if level not in ours or level not in theirs:
        return None
    return ratios(ours[level].values("per_second"), theirs[level].values("per_second"))


def floor_ratio(measured: Measured) -> Spread | None:
    """Return the time of a call, one at a time, divided by the floor's; None if it was not measured."""
    ours = measured.series.get(OURS, {})
    if 1 not in ours or not measured.fork:
        return None
    floors = [fork + commit for fork, commit in zip(measured.fork, measured.commit, strict=True)]
    return ratios(ours[1].values("p50_ms"), floors)
