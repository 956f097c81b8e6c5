"""The plan of a bench and its results."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench import memory
from bench.orders import Result
from bench.peers import start
from bench.stats import Spread, spread

OURS = "codeactions"
HTTP = (OURS, *start.PEERS)
PARTS = (*HTTP, "floor", "memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured. A phase ends after its calls or its seconds, whichever comes first."""

    rounds: int = 3  # fewer if they do not fit into the budget
    budget: float = 150.0  # seconds for all rounds together
    levels: tuple[int, ...] = (1, 16, 64)
    seconds: float = 2.0
    most: int = 2000  # calls in a phase, at any concurrency
    floor_count: int = 200
    sleepers: int = 3
    only: frozenset[str] = frozenset(PARTS)


QUICK = Plan(rounds=1, levels=(1, 4), seconds=0.5, most=8, floor_count=20, sleepers=1)


@dataclass(frozen=True, slots=True)
class Series:
    """One server at one level of concurrency: a result from each round."""

    results: tuple[Result, ...]

    def values(self, what: str) -> list[float]:
        """Return one value of each round: `p50_ms`, `p99_ms` or `per_second`."""
        return [getattr(result, what) for result in self.results]

    def sums(self) -> dict[str, Any]:
        """Summarise the rounds as plain data."""
        numbers: dict[str, Any] = {
            name: asdict(spread(self.values(name))) for name in ("p50_ms", "p99_ms", "per_second")
        }
        for name in ("calls", "measured", "wrong", "reconnects"):
            numbers[name] = sum(getattr(result, name) for result in self.results)
        return {**numbers, "complaints": [text for result in self.results for text in result.complaints][:3]}


@dataclass(frozen=True, slots=True)
class Recorded:
    """The number of calls that were made, and of runs that the database holds."""

    calls: int
    completed: int
    other: int

    @classmethod
    def of(cls, calls: int, counts: Mapping[str, int]) -> "Recorded":
        """Compare the number of calls with `counts`, the number of recorded runs by status."""
        completed = counts.get("completed", 0)
        return cls(calls, completed, sum(counts.values()) - completed)

    @property
    def ok(self) -> bool:
        """Whether every call is recorded as completed, and no other run is."""
        return self.calls == self.completed and self.other == 0


@dataclass(slots=True)
class Measured:
    """The results of one run of the bench."""

    plan: Plan
    machine: dict[str, Any]
    rounds: int = 0  # that were measured
    series: dict[str, dict[int, Series]] = field(default_factory=dict)
    fork: list[float] = field(default_factory=list)  # p50 of each round, ms
    commit: list[float] = field(default_factory=list)
    fork_sizes: dict[str, int] = field(default_factory=dict)
    idle_before: dict[str, memory.Size] = field(default_factory=dict)
    idle_after: dict[str, memory.Size] = field(default_factory=dict)
    run_private: Spread | None = None
    recorded: dict[str, Recorded] = field(default_factory=dict)

    @property
    def floor(self) -> Spread | None:
        """The time of a fork followed by a commit, in milliseconds; None if it was not measured."""
        return spread([a + b for a, b in zip(self.fork, self.commit, strict=True)]) if self.fork else None

    @property
    def answers_right(self) -> bool:
        """Whether every call got the right answer."""
        return not any(r.wrong for levels in self.series.values() for s in levels.values() for r in s.results)


def ratios(upper: Sequence[float], lower: Sequence[float]) -> Spread:
    """Return the ratios of two series, round by round, so that the load of the same minute cancels out.

    A series that was not measured in every round was measured in the first ones.
    """
    return spread([a / b for a, b in zip(upper, lower, strict=False)])


def rounds_median(values: Sequence[float]) -> float:
    """Return the median of the rounds' values."""
    return statistics.median(values)
