"""How much is measured, what is compared with what, and what was found."""

from dataclasses import dataclass, field
from typing import Any

from bench.orders import Result
from bench.results import Recorded, Series, ratios
from bench.stats import Spread

# Ours.
TRIVIAL = "JavaScript, trivial"
TYPICAL = "JavaScript, typical"
GO = "Go, trivial"
PYTHON = "Python, trivial"
OURS = (TRIVIAL, TYPICAL, GO, PYTHON)
# Each peer starts a process for each call; a sandboxed one makes a sandbox for it first.
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
    """How much is measured. A phase ends with its calls or its seconds, whichever comes first."""

    rounds: int = 3
    levels: tuple[int, ...] = (1, 16)
    seconds: float = 2.0
    most: int = 2000  # calls in a phase, at any concurrency
    pause: float = 0.05  # seconds between two calls that are spaced
    deploys: int = 12  # of each language, each of a source never seen before


QUICK = Plan(rounds=1, seconds=0.5, most=16, deploys=2)


@dataclass(slots=True)
class Measured:
    """Everything that a run of the bench found."""

    plan: Plan
    machine: dict[str, Any]
    missing: dict[str, str] = field(default_factory=dict)  # peer → why it was not measured
    series: dict[str, dict[int, Series]] = field(default_factory=dict)
    spaced: dict[str, Series] = field(default_factory=dict)  # ours, one at a time, with pauses
    deploys: dict[str, list[float]] = field(default_factory=dict)  # language → ms of each
    recorded: dict[str, Recorded] = field(default_factory=dict)

    @property
    def answers_right(self) -> bool:
        """Whether no call was answered wrongly."""
        return not any(result.wrong for name in self.series for result in self.results(name))

    def results(self, name: str) -> list[Result]:
        """Of every phase of one contestant."""
        every = [*self.series[name].values(), *([self.spaced[name]] if name in self.spaced else [])]
        return [result for series in every for result in series.results]

    @property
    def complete(self) -> bool:
        """Whether every call is on record, and nothing else."""
        return all(found.ok for found in self.recorded.values())

    def faster(self, ours: str, peer: str, level: int) -> Spread:
        """How many times as long a call takes at the peer, p50, round by round."""
        mine, theirs = self.series[ours][level], self.series[peer][level]
        return ratios(theirs.values("p50_ms"), mine.values("p50_ms"))

    def more(self, ours: str, peer: str, level: int) -> Spread:
        """How many times as many runs we do in a second, round by round."""
        mine, theirs = self.series[ours][level], self.series[peer][level]
        return ratios(mine.values("per_second"), theirs.values("per_second"))
