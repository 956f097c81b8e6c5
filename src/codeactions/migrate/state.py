"""Where a database stands, compared with the migration files."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from codeactions.domain.errors import ErrorCode
from codeactions.migrate import files
from codeactions.migrate.failure import NIL_VERSION, MigrationError

if TYPE_CHECKING:
    from codeactions.migrate.version import Recorded


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


def inspect(database_url: str, directory: Path | None = None) -> State:
    """Look without writing or locking. `MigrationError` on a bad URL, no connection, unreadable files.

    While golang-migrate is at work elsewhere, the answer is `dirty`: it marks the version before each file.
    """
    from codeactions.migrate import session

    migrations = files.read_directory(directory or files.find_directory())
    with session.opened(database_url) as opened:
        return compare(migrations, opened.table.read())


def compare(migrations: files.Migrations, recorded: "Recorded") -> State:
    """The state of a database that has `recorded` in its version table."""
    version, latest, pending = recorded.version, migrations.latest, tuple[int, ...]()
    if recorded.dirty:
        standing, message = Standing.DIRTY, _dirty(migrations, version)
    elif version != NIL_VERSION and migrations.find(version) is None:
        standing, message = Standing.AHEAD, _ahead(version, latest)
    elif version == latest:
        standing, message = Standing.CURRENT, f"the database is {_at(version)}; nothing to do"
    else:
        standing = Standing.BEHIND
        pending = tuple(item.version for item in migrations.items if item.version > version)
        message = f"the database is {_at(version)}, the files at {latest}: run `migrate up`"
    return State(standing, version, latest, pending, message)


def require_usable(migrations: files.Migrations, recorded: "Recorded") -> None:
    """Raise `conflict` on a database from which no migration can start: dirty, or ahead."""
    state = compare(migrations, recorded)
    if state.standing is Standing.DIRTY:
        tool = f"Dirty database version {state.version}. Fix and force version."
        raise MigrationError(ErrorCode.CONFLICT, state.message, tool=tool)
    if state.standing is Standing.AHEAD:
        tool = f"no migration found for version {state.version}: read down for version {state.version} .: "
        raise MigrationError(ErrorCode.CONFLICT, state.message, tool=tool + "file does not exist")


def _at(version: int) -> str:
    return "at no version (nothing is applied)" if version == NIL_VERSION else f"at version {version}"


def _dirty(migrations: files.Migrations, version: int) -> str:
    """The row names the version being gone to: nearly always by going up from the one below."""
    if version == NIL_VERSION:
        first = migrations.items[0].version if migrations.items else 1
        begun, other = f"undoing migration {first}", first
    else:
        migration = migrations.find(version)
        title = f" ({migration.title})" if migration else ""
        begun, other = f"migration {version}{title}", migrations.below(version)
    return (
        f"the database is dirty at version {version}: {begun} began and its end is not recorded; if it was "
        f"done in full, run `migrate force {_argument(version)}`, if nothing of it was, "
        f"`migrate force {_argument(other)}`, then `migrate up`"
    )


def _ahead(version: int, latest: int) -> str:
    relation = f"newer than the latest here ({latest})" if version > latest else "not among the files here"
    return (
        f"the database is at version {version}, {relation}: start the release that brought it, or go back "
        "with that release's `migrate down N`"
    )


def _argument(version: int) -> str:
    # A bare -1 is a flag for golang-migrate, and people will type this into either.
    return f"-- {version}" if version < 0 else str(version)
