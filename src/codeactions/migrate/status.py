"""What has become of each migration file, by the version table, the history and the files themselves."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from codeactions.migrate import state
from codeactions.migrate.database.history import Entry
from codeactions.migrate.database.session import Session
from codeactions.migrate.source.files import Migration, Migrations, checksum


class Fate(StrEnum):
    """What a version is to this database."""

    APPLIED = "applied"
    PENDING = "pending"
    LATE = "late"
    """Not above the recorded version, and never ran."""
    MISSING = "missing"
    """Applied, and has no file any more."""
    CHANGED = "changed"
    """Applied, and the file is not the one that was."""
    DIRTY = "dirty"
    """Began and did not end, or so says the version table."""


@dataclass(frozen=True)
class Line:
    """One version."""

    version: int
    title: str
    state: Fate
    entry: Entry | None
    """The step that applied it, where the history has one."""


@dataclass(frozen=True)
class Status:
    """The whole picture, ascending by version."""

    state: state.State
    lines: tuple[Line, ...]

    def count(self, fate: Fate) -> int:
        """How many versions have this fate."""
        return sum(line.state is fate for line in self.lines)

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing to do and nothing odd."""
        return all(line.state is Fate.APPLIED for line in self.lines) and self.state.standing is state.Standing.CURRENT

    def as_json(self) -> dict[str, Any]:
        """For programs; times are ISO 8601 in UTC, durations milliseconds, unknown values null."""
        return {
            "version": None if self.state.version < 0 else self.state.version,
            "dirty": self.state.standing is state.Standing.DIRTY,
            "standing": self.state.standing.value,
            "latest": None if self.state.latest < 0 else self.state.latest,
            "message": self.state.message,
            "counts": {fate.value: self.count(fate) for fate in Fate},
            "migrations": [_as_json(line) for line in self.lines],
        }


def look(session: Session, migrations: Migrations) -> Status:
    """Compare without writing or locking. Reads every applied file, to see whether it has changed."""
    recorded = session.table.read()
    begun = state.unfinished(session, recorded)
    found = state.compare(migrations, recorded, begun)
    # The version table names the version that a step leads to, which may be another file's.
    dirty = None if not recorded.dirty else begun.entry.version if begun else found.version
    applied, before = session.history.applied() or {}, session.history.recorded()
    numbers = {item.version for item in migrations.items} | {number for number in applied if number <= found.version}
    numbers |= {number for number in (found.version, dirty) if number is not None and number >= 0}
    lines = []
    for number in sorted(numbers):
        item, entry = migrations.find(number), applied.get(number)
        fate = Fate.DIRTY if number == dirty else _fate(number, item, entry, found, before)
        noted = entry or (begun.entry if begun and number == dirty else None)
        title = item.title if item else noted.title if noted else ""
        lines.append(Line(number, title, fate, entry if fate not in (Fate.PENDING, Fate.LATE) else None))
    return Status(found, tuple(lines))


def _fate(number: int, item: Migration | None, entry: Entry | None, found: state.State, before: int) -> Fate:
    if number > found.version:
        return Fate.PENDING
    # What lies between the history's end and the recorded version, another tool has done meanwhile.
    if entry is None and number <= before:
        return Fate.LATE
    if item is None:
        return Fate.MISSING
    known = entry.checksum if entry else None
    return Fate.CHANGED if known and item.up and known != checksum(item.up.read()) else Fate.APPLIED


def _as_json(line: Line) -> dict[str, Any]:
    entry = asdict(line.entry) if line.entry else {}
    return {
        "version": line.version,
        "title": line.title,
        "state": line.state.value,
        "applied_at": entry.get("begun_at"),
        "duration_ms": entry.get("duration_ms"),
        "tool": entry.get("tool"),
        "checksum": entry.get("checksum"),
    }
