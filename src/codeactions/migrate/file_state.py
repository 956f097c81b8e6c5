"""The state of each migration file, by the version table, the history and the files themselves."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from codeactions.migrate.database.history import Entry
from codeactions.migrate.database.session import Session
from codeactions.migrate.database_state import DatabaseState, Inspection, compare, unfinished_step
from codeactions.migrate.files.directory import Migration, Migrations


class FileState(StrEnum):
    """The relation of one version to the database."""

    APPLIED = "applied"
    PENDING = "pending"
    LATE = "late"
    """Not above the recorded version, and never ran."""
    MISSING = "missing"
    """Applied, and its file is gone."""
    CHANGED = "changed"
    """Applied, and the file has changed since."""
    DIRTY = "dirty"
    """Began and is not finished, or so says the version table."""


@dataclass(frozen=True)
class FileReport:
    """One version's state."""

    version: int
    title: str
    state: FileState
    entry: Entry | None
    """The step that applied it, if the history has one."""


@dataclass(frozen=True)
class StatusReport:
    """The state of the database and of all files, ascending by version."""

    database: Inspection
    files: tuple[FileReport, ...]

    def count(self, state: FileState) -> int:
        """Return how many versions have this state."""
        return sum(file.state is state for file in self.files)

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing to do and nothing odd."""
        return self.database.state is DatabaseState.CURRENT and all(
            file.state is FileState.APPLIED for file in self.files
        )

    def as_json(self) -> dict[str, Any]:
        """Return the report for programs: times in ISO 8601, UTC; durations in milliseconds; null if unknown."""
        return {
            "version": None if self.database.version < 0 else self.database.version,
            "dirty": self.database.state is DatabaseState.DIRTY,
            "standing": self.database.state.value,
            "latest": None if self.database.latest < 0 else self.database.latest,
            "message": self.database.message,
            "counts": {state.value: self.count(state) for state in FileState},
            "migrations": [_as_json(file) for file in self.files],
        }


def examine(session: Session, migrations: Migrations) -> StatusReport:
    """Compare files and database without writing or locking. Reads every applied file for its checksum."""
    recorded = session.table.read()
    unfinished = unfinished_step(session, recorded)
    database = compare(migrations, recorded, unfinished)
    # The version table names the version that a step leads to, which may be another file's.
    dirty = None if not recorded.dirty else unfinished.entry.version if unfinished else database.version
    applied, before = session.history.applied() or {}, session.history.recorded()
    numbers = {item.version for item in migrations.items} | {number for number in applied if number <= database.version}
    numbers |= {number for number in (database.version, dirty) if number is not None and number >= 0}
    files = []
    for number in sorted(numbers):
        item, entry = migrations.find(number), applied.get(number)
        state = FileState.DIRTY if number == dirty else _state(number, item, entry, database, before)
        noted = entry or (unfinished.entry if unfinished and number == dirty else None)
        title = item.title if item else noted.title if noted else ""
        shown = entry if state not in (FileState.PENDING, FileState.LATE) else None
        files.append(FileReport(number, title, state, shown))
    return StatusReport(database, tuple(files))


def _state(number: int, item: Migration | None, entry: Entry | None, database: Inspection, before: int) -> FileState:
    if number > database.version:
        return FileState.PENDING
    # Versions between the history's end and the recorded version were applied by another tool.
    if entry is None and number <= before:
        return FileState.LATE
    if item is None:
        return FileState.MISSING
    known = entry.checksum if entry else None
    return FileState.CHANGED if known and item.up and known != item.up.checksum() else FileState.APPLIED


def _as_json(file: FileReport) -> dict[str, Any]:
    entry = file.entry._asdict() if file.entry else {}
    return {
        "version": file.version,
        "title": file.title,
        "state": file.state.value,
        "applied_at": entry.get("begun_at"),
        "duration_ms": entry.get("duration_ms"),
        "tool": entry.get("tool"),
        "checksum": entry.get("checksum"),
    }
