"""The state of a database, compared with the migration files: whether a migration, or a server, can start."""

from enum import StrEnum
from typing import NamedTuple

from codeactions.migrate.database.history import Entry
from codeactions.migrate.database.session import Session
from codeactions.migrate.database.version_table import RecordedVersion
from codeactions.migrate.errors import ErrorCode, MigrationError, sentence
from codeactions.migrate.failures import late_way_out, way_out
from codeactions.migrate.files.directory import Migrations
from codeactions.migrate.versions import NIL_VERSION


class DatabaseState(StrEnum):
    """The five states. Only a server on a `current` database may start."""

    CURRENT = "current"
    BEHIND = "behind"
    DIRTY = "dirty"
    AHEAD = "ahead"
    FOREIGN = "foreign"
    """Other files have made what is recorded. `foreign.inspect` alone looks for that."""


class Inspection(NamedTuple):
    """A database's state at one moment. `message` is one line and names the command that helps."""

    state: DatabaseState
    version: int
    """NIL_VERSION if nothing is applied."""
    latest: int
    """The highest version that has a file."""
    pending: tuple[int, ...]
    """The versions that `migrate up` would apply; empty unless `behind`."""
    message: str


class UnfinishedStep(NamedTuple):
    """The step that left the version dirty."""

    entry: Entry
    late: bool
    """Whether it applied a file that had been passed over. The version is then still what it was before."""


def unfinished_step(session: Session, recorded: RecordedVersion) -> UnfinishedStep | None:
    """Return the step that left the version dirty, if the history knows it."""
    newest = session.history.last() if recorded.dirty else None
    if newest is None or newest[1] or newest[0].recorded != recorded.version:
        return None
    entry = newest[0]
    return UnfinishedStep(entry, late=entry.direction == "up" and entry.recorded == session.history.recorded())


def compare(migrations: Migrations, recorded: RecordedVersion, unfinished: UnfinishedStep | None = None) -> Inspection:
    """Return the state of a database whose version table holds `recorded`."""
    version, latest, pending = recorded.version, migrations.latest, tuple[int, ...]()
    if recorded.dirty:
        state, message = DatabaseState.DIRTY, _dirty(migrations, version, unfinished)
    elif version != NIL_VERSION and migrations.find(version) is None:
        state, message = DatabaseState.AHEAD, _ahead(version, latest)
    elif version == latest:
        state, message = DatabaseState.CURRENT, f"the database is {_at(version)}; nothing to do"
    else:
        state = DatabaseState.BEHIND
        pending = tuple(item.version for item in migrations.items if item.version > version)
        message = f"the database is {_at(version)}, the files at {latest}: run `migrate up`"
    return Inspection(state, version, latest, pending, message)


def require_clean(migrations: Migrations, recorded: RecordedVersion, unfinished: UnfinishedStep | None = None) -> None:
    """Raise `MigrationError` (conflict) on a dirty database.

    The hint is urgent only if the history knows more than golang-migrate's sentence says.
    """
    if recorded.dirty:
        message = compare(migrations, recorded, unfinished).message
        raise dirty_error(recorded.version, message, urgent=unfinished is not None)


def require_found(migrations: Migrations, version: int) -> None:
    """Raise `MigrationError` (conflict) if `version` has no file: its neighbours are then unknown."""
    if version == NIL_VERSION or migrations.find(version):
        return
    raise ahead_error(version, _ahead(version, migrations.latest))


def dirty_error(version: int, message: str, *, urgent: bool = False) -> MigrationError:
    """Return the error for a dirty database, with golang-migrate's sentence for it. `message` is an inspection's."""
    go_text = f"Dirty database version {version}. Fix and force version."
    return MigrationError(ErrorCode.CONFLICT, message, go_text=go_text, hint=sentence(message), urgent=urgent)


def ahead_error(version: int, message: str, *, urgent: bool = False) -> MigrationError:
    """Return the error for a version without a file, in the same way."""
    go_text = f"no migration found for version {version}: read down for version {version} .: file does not exist"
    return MigrationError(ErrorCode.CONFLICT, message, go_text=go_text, hint=sentence(message), urgent=urgent)


def second_table(session: Session) -> str:
    """Return the warning for a version table in another schema of the search path."""
    name = session.address.table
    return (
        f"{name} in the schema {session.schema} is used, and there is another one in {session.other_tables}, which is "
        "in the search path too: to use that one, put its schema first (search_path), or name it in the URL "
        '(x-migrations-table-quoted=true&x-migrations-table="SCHEMA"."TABLE")'
    )


def _at(version: int) -> str:
    return "at no version (nothing is applied)" if version == NIL_VERSION else f"at version {version}"


def _dirty(migrations: Migrations, version: int, unfinished: UnfinishedStep | None) -> str:
    """Return the message for a dirty database.

    The row names the version that the step leads to, nearly always by going up from the one below.
    """
    if unfinished:
        entry, up = unfinished.entry, unfinished.entry.direction == "up"
        what = f"{'applying' if up else 'undoing'} migration {entry.version} ({entry.title})"
        other = migrations.below(entry.version) if up else entry.version
    elif version == NIL_VERSION:
        other = migrations.items[0].version if migrations.items else 1
        what = f"undoing migration {other}"
    else:
        migration, other = migrations.find(version), migrations.below(version)
        what = f"migration {version}" + (f" ({migration.title})" if migration else "")
    late = unfinished is not None and unfinished.late
    then = late_way_out(version) if late else way_out(nothing=other, everything=version)
    return f"the database is dirty at version {version}: {what} began and its end is not recorded; {then}"


def _ahead(version: int, latest: int) -> str:
    relation = f"newer than the latest here ({latest})" if version > latest else "not among the files here"
    return (
        f"the database is at version {version}, {relation}: start the release that brought it, or go back "
        "with that release's `migrate down N`"
    )
