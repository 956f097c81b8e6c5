"""How much of `migrate` is measured, and what was found."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.stats import Spread, spread

# The parts, and the contestants in them.
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
    """How much is measured. Every part alternates between those in it, round by round."""

    rounds: int = 7
    migrations: int = 1000
    starts: int = 30
    files: int = 10_000  # versions; each has a file for up and one for down
    large_starts: int = 15
    steps: int = 15


QUICK = Plan(rounds=1, migrations=20, starts=2, files=60, large_starts=1, steps=1)


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds by the clock, and of CPU in the process itself (not in PostgreSQL)."""

    wall: float
    cpu: float


Part = dict[str, list[Took]]


def timed(step: Callable[[], object]) -> Took:
    """What something takes in this process."""
    began, cpu = time.perf_counter(), time.process_time()
    step()
    return Took((time.perf_counter() - began) * 1000, (time.process_time() - cpu) * 1000)


@dataclass(slots=True)
class Measured:
    """Everything that a run found: by part and name, each round's value."""

    plan: Plan
    machine: dict[str, Any]
    parts: dict[str, Part] = field(default_factory=dict)

    def wall(self, part: str, name: str) -> Spread:
        """Milliseconds by the clock."""
        return spread([took.wall for took in self.parts[part][name]])

    def cpu(self, part: str, name: str) -> Spread:
        """Milliseconds of CPU."""
        return spread([took.cpu for took in self.parts[part][name]])

    def ratio(self, part: str, name: str, other: str) -> Spread:
        """How many times as long as `other`, round by round: what both met in the same minute cancels out."""
        pairs = zip(self.parts[part][name], self.parts[part][other], strict=True)
        return spread([one.wall / two.wall for one, two in pairs])


def interleaved(contestants: Mapping[str, Callable[[], Took]], rounds: int) -> Part:
    """Each once a round, every other round in reverse order, so that none always follows the same one."""
    part: Part = {name: [] for name in contestants}
    for number in range(rounds):
        for name in contestants if number % 2 == 0 else reversed(list(contestants)):
            part[name].append(contestants[name]())
    return part
