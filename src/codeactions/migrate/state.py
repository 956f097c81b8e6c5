"""Where a database stands, compared with the migration files: whether a migration, or a server, can start."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from codeactions.domain.errors import ErrorCode
from codeactions.migrate.database.history import Entry
from codeactions.migrate.database.session import Session, opened
from codeactions.migrate.database.version import Recorded
from codeactions.migrate.diagnosis import late_way_out, way_out
from codeactions.migrate.failure import NIL_VERSION, MigrationError
from codeactions.migrate.source.files import Migrations, find_directory, read_directory


class Standing(StrEnum):
    """The four answers. Only a server on a `current` database may start."""

    CURRENT = "current"
    BEHIND = "behind"
    DIRTY = "dirty"
    AHEAD = "ahead"


@dataclass(frozen=True)
class State:
    """A database's version at one moment; `message` is one line and names the command that helps."""

    standing: Standing
    version: int
    """NIL_VERSION if nothing is applied."""
    latest: int
    """The highest version that has a file."""
    pending: tuple[int, ...]
    """What `migrate up` would apply; empty unless `behind`."""
    message: str


@dataclass(frozen=True)
class Begun:
    """The step that left the version dirty."""

    entry: Entry
    late: bool
    """Whether it applied a file that had been passed over: then the version is still what it was before."""


def inspect(database_url: str, directory: Path | None = None) -> State:
    """Look without writing or locking. `MigrationError` on a bad URL, no connection, unreadable files.

    While golang-migrate is at work elsewhere, the answer is `dirty`: it marks the version before each file.
    """
    migrations = read_directory(directory or find_directory())
    with opened(database_url) as session:
        recorded = session.table.read()
        return compare(migrations, recorded, unfinished(session, recorded))


def unfinished(session: Session, recorded: Recorded) -> Begun | None:
    """The step that left the version dirty, if the history knows it."""
    newest = session.history.last() if recorded.dirty else None
    if newest is None or newest[1] or newest[0].recorded != recorded.version:
        return None
    entry = newest[0]
    return Begun(entry, late=entry.direction == "up" and entry.recorded == session.history.recorded())


def compare(migrations: Migrations, recorded: Recorded, begun: Begun | None = None) -> State:
    """The state of a database that has `recorded` in its version table; `begun` as `unfinished` has it."""
    version, latest, pending = recorded.version, migrations.latest, tuple[int, ...]()
    if recorded.dirty:
        standing, message = Standing.DIRTY, _dirty(migrations, version, begun)
    elif version != NIL_VERSION and migrations.find(version) is None:
        standing, message = Standing.AHEAD, _ahead(version, latest)
    elif version == latest:
        standing, message = Standing.CURRENT, f"the database is {_at(version)}; nothing to do"
    else:
        standing = Standing.BEHIND
        pending = tuple(item.version for item in migrations.items if item.version > version)
        message = f"the database is {_at(version)}, the files at {latest}: run `migrate up`"
    return State(standing, version, latest, pending, message)


def require_clean(migrations: Migrations, recorded: Recorded, begun: Begun | None = None) -> None:
    """Raise `conflict` on a dirty database. golang-migrate's sentence says it all where nothing more is known."""
    if recorded.dirty:
        message = compare(migrations, recorded, begun).message
        tool = f"Dirty database version {recorded.version}. Fix and force version."
        hint = f"{message[0].upper()}{message[1:]}."
        raise MigrationError(ErrorCode.CONFLICT, message, tool=tool, hint=hint, urgent=begun is not None)


def require_found(migrations: Migrations, version: int) -> None:
    """Raise `conflict` if `version` has no file: then nobody knows what comes before or after it."""
    if version == NIL_VERSION or migrations.find(version):
        return
    message = _ahead(version, migrations.latest)
    raise MigrationError(
        ErrorCode.CONFLICT,
        message,
        tool=f"no migration found for version {version}: read down for version {version} .: file does not exist",
        hint=f"{message[0].upper()}{message[1:]}.",
    )


def _at(version: int) -> str:
    return "at no version (nothing is applied)" if version == NIL_VERSION else f"at version {version}"


def _dirty(migrations: Migrations, version: int, begun: Begun | None) -> str:
    """The row names the version being gone to: nearly always by going up from the one below."""
    if begun:
        entry, up = begun.entry, begun.entry.direction == "up"
        what = f"{'applying' if up else 'undoing'} migration {entry.version} ({entry.title})"
        other = migrations.below(entry.version) if up else entry.version
    elif version == NIL_VERSION:
        other = migrations.items[0].version if migrations.items else 1
        what = f"undoing migration {other}"
    else:
        migration, other = migrations.find(version), migrations.below(version)
        what = f"migration {version}" + (f" ({migration.title})" if migration else "")
    then = late_way_out(version) if begun and begun.late else way_out(nothing=other, everything=version)
    return f"the database is dirty at version {version}: {what} began and its end is not recorded; {then}"


def _ahead(version: int, latest: int) -> str:
    relation = f"newer than the latest here ({latest})" if version > latest else "not among the files here"
    return (
        f"the database is at version {version}, {relation}: start the release that brought it, or go back "
        "with that release's `migrate down N`"
    )
