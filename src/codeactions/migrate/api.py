"""The package's face: everything that the rest of codeactions uses of `migrate`."""

from collections.abc import Callable
from pathlib import Path

from codeactions.migrate import apply, plan
from codeactions.migrate.database import lock
from codeactions.migrate.database.address import Address
from codeactions.migrate.database.address import parse as parse_address
from codeactions.migrate.database.session import opened
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
from codeactions.migrate.go_compat.duration import duration_text
from codeactions.migrate.main import main
from codeactions.migrate.plan import Step
from codeactions.migrate.versions import NIL_VERSION

__all__ = [
    "LOCK_TIMEOUT",
    "NIL_VERSION",
    "Address",
    "DatabaseState",
    "ErrorCode",
    "Inspection",
    "MigrationError",
    "inspect",
    "main",
    "parse_address",
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
    lock_timeout: float = LOCK_TIMEOUT,
    progress: Callable[[str], None] | None = None,
) -> int:
    """Bring a database to the latest version in `directory` and return that version.

    Any number of processes may call this at once: one applies, the others wait up to `lock_timeout` seconds and find
    nothing left to do. A current database is only read, without waiting for anything. `program` is the command that
    errors name. `progress` gets a line for each file that was applied.

    Raises `MigrationError`: `conflict` if the database is dirty, ahead of the files, or locked for too long;
    `internal` if it cannot be reached or a file fails, in which case the database stays at the version before that
    file; `invalid` for a bad URL or folder. The message is one line that names the command that helps.
    """
    try:
        return _upgrade(database_url, directory, lock_timeout, progress or (lambda _: None))
    except MigrationError as error:
        raise error.renamed(program) from error


def inspect(database_url: str, directory: Path, *, program: str = "migrate") -> Inspection:
    """Compare a database with the files in `directory`, without writing or locking.

    While golang-migrate is at work elsewhere, the state is `dirty`: it marks the version before each file. `program` is
    the command that messages name. Raises `MigrationError` on a bad URL, without a connection, and if the files cannot
    be read.
    """
    try:
        migrations = read_directory(directory)
        with opened(database_url) as session:
            recorded = session.table.read()
            found = compare(migrations, recorded, unfinished_step(session, recorded))
    except MigrationError as error:
        raise error.renamed(program) from error
    return found._replace(message=renamed(found.message, program))


def _upgrade(database_url: str, directory: Path, lock_timeout: float, say: Callable[[str], None]) -> int:
    migrations = read_directory(directory)
    if not migrations.items:
        raise MigrationError(ErrorCode.INVALID, f"there are no migrations in {directory}")
    with opened(database_url) as session:
        # A dirty version is not believed here: golang-migrate shows one while it works and holds the lock.
        if session.table.read() == RecordedVersion(migrations.latest, False):
            return migrations.latest
        if session.other_tables:
            say(f"warning: {second_table(session)}")
        with lock.held(session.lock, lock_timeout, lost=lambda problem: say(f"warning: {problem}")):
            session.table.ensure()
            session.history.ensure()
            recorded = session.table.read()
            require_clean(migrations, recorded, unfinished_step(session, recorded))
            require_found(migrations, recorded.version)
            session.history.catch_up(migrations, recorded.version)
            return apply.run(session, plan.up(migrations, recorded.version), recorded, _Lines(say)).version
