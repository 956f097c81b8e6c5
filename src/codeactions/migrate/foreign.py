"""Databases whose recorded version other files than these have made.

The version table holds a number and not whose number it is. So what the files up to that number define is looked for.
Only a program with a schema of its own asks for this: `migrate` believes the number, as golang-migrate does.
"""

from dataclasses import dataclass

from codeactions.migrate.contents import Contents, tables_of
from codeactions.migrate.database.errors import UNDEFINED_COLUMN, ServerError
from codeactions.migrate.database.session import Session
from codeactions.migrate.database.things import differences, in_words
from codeactions.migrate.database.version_table import RecordedVersion
from codeactions.migrate.database_state import (
    DatabaseState,
    Inspection,
    ahead_error,
    compare,
    dirty_error,
    unfinished_step,
)
from codeactions.migrate.errors import ErrorCode, MigrationError
from codeactions.migrate.files.directory import Migrations
from codeactions.migrate.versions import NIL_VERSION


@dataclass(frozen=True)
class Owner:
    """The program to which the files belong, and its command that takes over a database that others made."""

    name: str
    takeover: str


def read_version(session: Session) -> RecordedVersion:
    """Return the recorded version. Raises `MigrationError` (conflict) if the table is another kind of program's."""
    try:
        return session.table.read()
    except ServerError as error:
        if error.sqlstate != UNDEFINED_COLUMN:
            raise
        name = session.address.table
        raise MigrationError(
            ErrorCode.CONFLICT,
            f"the table {name} is another program's ({' '.join(error.message.split())}): use a database of its own",
        ) from error


def inspect(session: Session, migrations: Migrations, recorded: RecordedVersion, owner: Owner) -> Inspection:
    """Return the state of a database: `foreign`, if other files made what is recorded as clean.

    The message for a dirty version, or one without a file, says so, too.
    """
    unfinished = unfinished_step(session, recorded)
    plain = compare(migrations, recorded, unfinished)
    if unfinished is not None:
        return plain
    contents = Contents(migrations)
    reason = _difference(session, migrations, contents, recorded)
    odd = plain.state in (DatabaseState.DIRTY, DatabaseState.AHEAD)
    if reason is not None:
        start = plain.message if odd else _start(recorded.version)
        message = f"{start}{';' if odd else ','} {_advice(session, contents, recorded, reason, owner)}"
        state = plain.state if odd else DatabaseState.FOREIGN
    elif odd and recorded.version not in session.history.applied_here():
        message = f"{plain.message}; or run `{owner.takeover}` if another program's migrations made this version"
        state = plain.state
    else:
        return plain
    return Inspection(state, plain.version, plain.latest, plain.pending, message)


def require_ours(session: Session, migrations: Migrations, recorded: RecordedVersion, owner: Owner) -> None:
    """Raise `MigrationError` (conflict) on a database that `inspect` finds dirty, ahead or foreign."""
    found = inspect(session, migrations, recorded, owner)
    match found.state:
        case DatabaseState.DIRTY:
            raise dirty_error(recorded.version, found.message, urgent=True)
        case DatabaseState.AHEAD:
            raise ahead_error(recorded.version, found.message, urgent=True)
        case DatabaseState.FOREIGN:
            raise MigrationError(ErrorCode.CONFLICT, found.message)


def has_any_table(session: Session, contents: Contents) -> bool:
    """Return whether the database has any table that the files make."""
    tables = {thing for thing in contents.latest if thing.kind == "table"}
    missing = [one for one in differences(session.connection, tables) if one.kind == "table"]
    return len(missing) < len(tables)


def _difference(session: Session, migrations: Migrations, contents: Contents, recorded: RecordedVersion) -> str | None:
    """Return how the database differs from what the files up to its version make; None if it does not.

    A dirty version may be there in part. Tables of later files must not be there: making them would fail.
    """
    there = contents.at(migrations.below(recorded.version) if recorded.dirty else recorded.version)
    later = set[str]() if recorded.dirty else tables_of(contents.latest) - tables_of(there)
    # In one query: of the tables that must not be there, those are that are not reported as missing.
    asked = there | {thing for thing in contents.latest if thing.kind == "table" and thing.table in later}
    found = differences(session.connection, asked)
    early = later - {one.table for one in found if one.kind == "table"}
    wrong = [str(one) for one in found if one.table not in later]
    wrong += [f"table {table} is there already" for table in sorted(early)]
    return in_words(wrong) if wrong else None


def _start(version: int) -> str:
    return "the database has no version" if version == NIL_VERSION else f"the database is at version {version}"


def _advice(session: Session, contents: Contents, recorded: RecordedVersion, reason: str, owner: Owner) -> str:
    if not has_any_table(session, contents):
        return (
            f"but no table of {owner.name} is there, so another program keeps its version here: use a database of its "
            f"own, since `{owner.takeover}` has nothing to take over; `migrate status` shows more"
        )
    if recorded.version in session.history.applied_here():
        return f"but {reason}: restore a backup, or run `{owner.takeover}`, which makes anew what it can, without rows"
    return (
        f"but {owner.name} did not make it so: {reason}; back it up, then run `{owner.takeover}`, "
        "which keeps every row and adds what is missing"
    )
