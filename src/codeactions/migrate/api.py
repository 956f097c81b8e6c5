"""The package's face: everything that the rest of codeactions uses of `migrate`."""

from collections.abc import Callable
from pathlib import Path

from codeactions.migrate import adoption, apply, foreign, plan
from codeactions.migrate.addition import Added, Addition, NoAddition, Queries
from codeactions.migrate.adoption import Adoption
from codeactions.migrate.contents import Contents
from codeactions.migrate.database import lock
from codeactions.migrate.database.address import Address
from codeactions.migrate.database.address import parse as parse_address
from codeactions.migrate.database.session import opened
from codeactions.migrate.database.sql import create_version_table
from codeactions.migrate.database.things import Difference, as_json, differences_of, in_words, statement
from codeactions.migrate.database.version_table import RecordedVersion
from codeactions.migrate.database_state import (
    DatabaseState,
    Inspection,
    compare,
    require_clean,
    require_found,
    second_table,
    unfinished_step,
)
from codeactions.migrate.errors import ErrorCode, MigrationError, renamed
from codeactions.migrate.files.directory import read_directory
from codeactions.migrate.foreign import Owner
from codeactions.migrate.go_compat.duration import duration_text
from codeactions.migrate.go_compat.url_options import DEFAULT_TABLE
from codeactions.migrate.main import main
from codeactions.migrate.plan import Step
from codeactions.migrate.statements.definitions import Definitions
from codeactions.migrate.terminal.streams import open_closed_streams
from codeactions.migrate.versions import NIL_VERSION

__all__ = [
    "LOCK_TIMEOUT",
    "NIL_VERSION",
    "Added",
    "Addition",
    "Address",
    "Adoption",
    "DatabaseState",
    "Difference",
    "ErrorCode",
    "Inspection",
    "MigrationError",
    "Owner",
    "Queries",
    "adopt",
    "differences_of",
    "in_words",
    "inspect",
    "main",
    "open_closed_streams",
    "parse_address",
    "plan_adoption",
    "schema_of",
    "statement_of_differences",
    "upgrade",
]
LOCK_TIMEOUT = 15.0


class _Lines(apply.Progress):
    """Progress as one line for each file, as golang-migrate prints it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def ends(self, step: Step, read: int, run: int) -> None:
        self._say(f"{step} ({duration_text(read + run)})")


def upgrade(
    database_url: str,
    directory: Path,
    *,
    program: str = "migrate",
    owner: Owner | None = None,
    lock_timeout: float = LOCK_TIMEOUT,
    progress: Callable[[str], None] | None = None,
) -> int:
    """Bring a database to the latest version in `directory` and return that version.

    Any number of processes may call this at once: one applies, the others wait up to `lock_timeout` seconds and find
    nothing left to do. A current database is only read, without waiting for anything. `program` is the command that
    errors name. With an `owner`, what the recorded version stands for is looked for first. `progress` gets a line for
    each file that was applied.

    Raises `MigrationError`: `conflict` if the database is dirty, ahead of the files, foreign, or locked for too long;
    `internal` if it cannot be reached or a file fails, in which case the database stays at the version before that
    file; `invalid` for a bad URL or folder. The message is one line that names the command that helps.
    """
    try:
        return _upgrade(database_url, directory, lock_timeout, progress or (lambda _: None), owner)
    except MigrationError as error:
        raise error.renamed(program) from error


def inspect(database_url: str, directory: Path, *, program: str = "migrate", owner: Owner | None = None) -> Inspection:
    """Compare a database with the files in `directory`, without writing or locking.

    While golang-migrate is at work elsewhere, the state is `dirty`: it marks the version before each file. Only with
    an `owner` can the state be `foreign`. `program` is the command that messages name. Raises `MigrationError` on a
    bad URL, without a connection, if the files cannot be read, and if the version table is another kind of program's.
    """
    try:
        migrations = read_directory(directory)
        with opened(database_url) as session:
            if owner is not None:
                found = foreign.inspect(session, migrations, foreign.read_version(session), owner)
            else:
                recorded = session.table.read()
                found = compare(migrations, recorded, unfinished_step(session, recorded))
    except MigrationError as error:
        raise error.renamed(program) from error
    return found._replace(message=renamed(found.message, program))


def plan_adoption(
    database_url: str, directory: Path, owner: Owner, *, program: str = "migrate", addition: Addition | None = None
) -> Adoption:
    """Return what `adopt` would do, without writing or locking. Raises what `adopt` raises."""
    migrations = read_directory(directory)
    try:
        with opened(database_url) as session:
            return adoption.plan(session, migrations, owner, addition or NoAddition())
    except MigrationError as error:
        raise error.renamed(program) from error


def adopt(
    database_url: str,
    directory: Path,
    owner: Owner,
    planned: Adoption,
    *,
    program: str = "migrate",
    progress: Callable[[str], None] | None = None,
    addition: Addition | None = None,
) -> None:
    """Take over a database whose version other files have made, in one transaction and as planned.

    What is there stays. The files whose tables, columns, triggers and functions are missing are applied, and the latest
    version is recorded. The `addition` runs after them, in the same transaction. Raises `MigrationError` and changes
    nothing: `conflict` if the database is not as it was when this was planned, if something there has another shape,
    or if another migration runs; else as `upgrade` does.
    """
    migrations = read_directory(directory)
    try:
        with opened(database_url) as session, lock.held(session.lock, LOCK_TIMEOUT):
            lines = _Lines(progress) if progress else apply.Progress()
            adoption.run(session, migrations, owner, planned, lines, addition or NoAddition())
    except MigrationError as error:
        raise error.renamed(program) from error


def schema_of(directory: Path) -> str:
    """Return what the files in `directory` define, and the version table, as `statement_of_differences` takes it."""
    definitions = Definitions()
    definitions.run(create_version_table(DEFAULT_TABLE).encode())
    return as_json(Contents(read_directory(directory)).latest | definitions.things())


def statement_of_differences(parameter: str) -> str:
    """Return the query for what a database lacks of a schema; its rows are for `differences_of`.

    parameter: the place of the schema's JSON in the query, as a driver of databases writes it.
    """
    return statement(parameter)


def _upgrade(
    database_url: str, directory: Path, lock_timeout: float, say: Callable[[str], None], owner: Owner | None
) -> int:
    migrations = read_directory(directory)
    if not migrations.items:
        raise MigrationError(ErrorCode.INVALID, f"there are no migrations in {directory}")
    with opened(database_url) as session:
        # A dirty version is not believed here: golang-migrate shows one while it works and holds the lock.
        recorded = foreign.read_version(session) if owner else session.table.read()
        if recorded == RecordedVersion(migrations.latest, False):
            if owner:
                foreign.require_ours(session, migrations, recorded, owner)
            return migrations.latest
        if session.other_tables:
            say(f"warning: {second_table(session)}")
        with lock.held(session.lock, lock_timeout, lost=lambda problem: say(f"warning: {problem}")):
            if owner:
                foreign.require_ours(session, migrations, session.table.read(), owner)
            session.table.ensure()
            session.history.ensure()
            recorded = session.table.read()
            require_clean(migrations, recorded, unfinished_step(session, recorded))
            require_found(migrations, recorded.version)
            session.history.catch_up(migrations, recorded.version)
            return apply.run(session, plan.up(migrations, recorded.version), recorded, _Lines(say)).version
