"""The plan of the bench of `migrate` and its results."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.stats import Spread, spread

# The parts and their contestants.
UP = "tiny migrations"
PROGRAM = "migrate up"
IN_PROCESS = "upgrade(), in-process"
REPLAY = "golang-migrate's way, replayed"
VERSION = "one start"
LOOK = "migrate version"
PYTHON = "python -c pass"
BARE = "python -I -S -c pass"
PSQL = "psql -c 'select 1'"
LARGE = "start with many files"
NOTHING = "migrate up, which says `no change`"
STATUS = "migrate status"
STEPS = "inside a tiny migration"
ROUND_TRIP = "a round trip alone"
CLAIM = "begin, lock, compare the version"
FILE = "the file: CREATE TABLE"
RECORD = "version, history, commit"
NO_DISK = "the same, not waiting for the disk"
NO_HISTORY = "the same without the history"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured. The contestants of a part take turns, round by round."""

    rounds: int = 7
    migrations: int = 1000
    starts: int = 30
    files: int = 10_000  # versions, each with a file for up and one for down
    large_starts: int = 15
    steps: int = 15


QUICK = Plan(rounds=1, migrations=20, starts=2, files=60, large_starts=1, steps=1)


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds by the clock, and milliseconds of CPU of the process itself, without PostgreSQL."""

    wall: float
    cpu: float


Part = dict[str, list[Took]]


def timed(step: Callable[[], object]) -> Took:
    """Measure a step in this process."""
    began, cpu = time.perf_counter(), time.process_time()
    step()
    return Took((time.perf_counter() - began) * 1000, (time.process_time() - cpu) * 1000)


@dataclass(slots=True)
class Measured:
    """The results of one run of the bench: the value of each round, by part and name."""

    plan: Plan
    machine: dict[str, Any]
    parts: dict[str, Part] = field(default_factory=dict)

    def wall(self, part: str, name: str) -> Spread:
        """Return the milliseconds by the clock."""
        return spread([took.wall for took in self.parts[part][name]])

    def cpu(self, part: str, name: str) -> Spread:
        """Return the milliseconds of CPU."""
        return spread([took.cpu for took in self.parts[part][name]])

    def ratio(self, part: str, name: str, other: str) -> Spread:
        """Return the ratio to the time of `other`, round by round, so that the load of the same minute cancels out."""
        pairs = zip(self.parts[part][name], self.parts[part][other], strict=True)
        return spread([one.wall / two.wall for one, two in pairs])


def interleaved(contestants: Mapping[str, Callable[[], Took]], rounds: int) -> Part:
    """Run each contestant once a round.

    Every other round runs in reverse order, so that a contestant does not always follow the same one.
    """
    part: Part = {name: [] for name in contestants}
    for number in range(rounds):
        for name in contestants if number % 2 == 0 else reversed(list(contestants)):
            part[name].append(contestants[name]())
    return part
