"""The plan of the bench of languages, its contestants and its results."""

from dataclasses import dataclass, field
from typing import Any

from bench.orders import Result
from bench.results import Recorded, Series, ratios
from bench.stats import Spread

# The measured functions.
TRIVIAL = "JavaScript, trivial"
TYPICAL = "JavaScript, typical"
GO = "Go, trivial"
PYTHON = "Python, trivial"
OURS = (TRIVIAL, TYPICAL, GO, PYTHON)
# The peers start a process for each call; a sandboxed peer first makes a sandbox for it.
BUN_TRIVIAL = "bun, trivial"
BUN_TYPICAL = "bun, typical"
BUN_TRIVIAL_SANDBOXED = "bun in a sandbox, trivial"
BUN_TYPICAL_SANDBOXED = "bun in a sandbox, typical"
NODE_TRIVIAL = "node, trivial"
NODE_TYPICAL = "node, typical"
PROGRAM = "Go program"
PROGRAM_SANDBOXED = "Go program in a sandbox"
COMPARED = {
    TRIVIAL: (BUN_TRIVIAL, BUN_TRIVIAL_SANDBOXED, NODE_TRIVIAL),
    TYPICAL: (BUN_TYPICAL, BUN_TYPICAL_SANDBOXED, NODE_TYPICAL),
    GO: (PROGRAM, PROGRAM_SANDBOXED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured. A phase ends after its calls or its seconds, whichever comes first."""

    rounds: int = 3
    levels: tuple[int, ...] = (1, 16)
    seconds: float = 2.0
    most: int = 2000  # calls in a phase, at any concurrency
    pause: float = 0.05  # seconds between two spaced calls
    deploys: int = 12  # for each language, each of a new source


QUICK = Plan(rounds=1, seconds=0.5, most=16, deploys=2)


@dataclass(slots=True)
class Measured:
    """The results of one run of the bench."""

    plan: Plan
    machine: dict[str, Any]
    missing: dict[str, str] = field(default_factory=dict)  # peer → the reason why it was not measured
    series: dict[str, dict[int, Series]] = field(default_factory=dict)
    spaced: dict[str, Series] = field(default_factory=dict)  # ours, one at a time, with pauses
    deploys: dict[str, list[float]] = field(default_factory=dict)  # language → ms of each
    recorded: dict[str, Recorded] = field(default_factory=dict)

    @property
    def answers_right(self) -> bool:
        """Whether every call got the right answer."""
        return not any(result.wrong for name in self.series for result in self.results(name))

    def results(self, name: str) -> list[Result]:
        """Return the results of all phases of a contestant."""
        every = [*self.series[name].values(), *([self.spaced[name]] if name in self.spaced else [])]
        return [result for series in every for result in series.results]

    @property
    def complete(self) -> bool:
        """Whether every call is recorded, and no other run is."""
        return all(found.ok for found in self.recorded.values())

    def faster(self, ours: str, peer: str, level: int) -> Spread:
        """Return the p50 of the peer divided by ours, round by round."""
        mine, theirs = self.series[ours][level], self.series[peer][level]
        return ratios(theirs.values("p50_ms"), mine.values("p50_ms"))

    def more(self, ours: str, peer: str, level: int) -> Spread:
        """Return our runs a second divided by the peer's, round by round."""
        mine, theirs = self.series[ours][level], self.series[peer][level]
        return ratios(mine.values("per_second"), theirs.values("per_second"))
