"""Running migration files, each together with its version. What the server does at start is `upgrade`."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from codeactions.domain.errors import ErrorCode
from codeactions.migrate import diagnosis, duration, plan, state
from codeactions.migrate.alone import is_too_long, mark_dirty, parts, run_alone, run_file, why_alone
from codeactions.migrate.database import lock, session
from codeactions.migrate.database.libpq import DatabaseError, ServerError, TransactionStatus
from codeactions.migrate.database.transaction import Transaction
from codeactions.migrate.database.version import Recorded
from codeactions.migrate.failure import MigrationError
from codeactions.migrate.script.kind import may_end_transaction
from codeactions.migrate.script.split import is_blank
from codeactions.migrate.source import files

LOCK_TIMEOUT = 15.0
# By these SQLSTATEs a file turns out to need to be alone: a statement that wants no transaction around it, a
# procedure that commits, a setting that has to come first.
WANTS_NO_TRANSACTION = frozenset({"25001", "2D000"})
# The file has left its transaction unable to write the version: SET LOCAL ROLE, SET TRANSACTION READ ONLY.
CANNOT_RECORD = frozenset({"42501", "25006"})
# The disk is waited for once, at the end of a run, and not for each file: a crash of the server can take the last
# files away again, but each of them together with its version.
LAZILY = "SET LOCAL synchronous_commit = off;"
# A transaction that has a number, and so a commit to wait for, and all before it as well.
FLUSH = "BEGIN READ WRITE; SELECT pg_catalog.txid_current(); COMMIT"
ENDS_ITSELF = "it ends its transaction itself"


class Progress:
    """Who wants to know how a run goes on. Does nothing by itself; durations are nanoseconds."""

    def planned(self, steps: Sequence[plan.Step]) -> None:
        """Before the first step."""

    def begins(self, step: plan.Step) -> None:
        """`step` is read and run now."""

    def ends(self, step: plan.Step, read: int, run: int) -> None:
        """`step` is recorded."""


class Lines(Progress):
    """Progress as one line for each file, as golang-migrate prints it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def ends(self, step: plan.Step, read: int, run: int) -> None:
        """Say it."""
        self._say(f"{step} ({duration.text(read + run)})")


def upgrade(
    database_url: str,
    *,
    directory: Path | None = None,
    lock_timeout: float = LOCK_TIMEOUT,
    progress: Callable[[str], None] | None = None,
) -> int:
    """Bring a database to the latest version and return that version.

    Any number of processes may call this at once: one applies, the others wait up to `lock_timeout` seconds
    and find nothing left to do. A database that is current is only read, without waiting for anything.
    `progress` gets a line for each file that was applied.

    Raises `MigrationError`: `conflict` if the database is dirty, ahead of the files, or locked for too long;
    `internal` if it cannot be reached or a file fails, in which case the database stays at the version
    before that file; `invalid` for a bad URL or folder. The message is one line that says what helps.
    """
    try:
        return _upgrade(database_url, directory, lock_timeout, Lines(progress) if progress else Progress())
    except MigrationError as error:
        # The name under which the server's own migrations are at hand.
        raise error.called("codeactions migrate") from error


def _upgrade(database_url: str, directory: Path | None, lock_timeout: float, progress: Progress) -> int:
    migrations = files.read_directory(directory or files.find_directory())
    if not migrations.items:
        raise MigrationError(ErrorCode.INVALID, f"there are no migrations in {directory}")
    with session.opened(database_url) as opened:
        # Dirty is not believed here: golang-migrate shows it while it works, holding the lock.
        if opened.table.read() == Recorded(migrations.latest, False):
            return migrations.latest
        with lock.held(opened.lock, lock_timeout):
            opened.table.ensure()
            opened.history.ensure()
            recorded = opened.table.read()
            state.require_clean(migrations, recorded, state.unfinished(opened, recorded))
            state.require_found(migrations, recorded.version)
            opened.history.catch_up(migrations, recorded.version)
            return run(opened, plan.up(migrations, recorded.version), recorded, progress).version


def run(
    opened: session.Session,
    steps: Sequence[plan.Step],
    recorded: Recorded,
    progress: Progress,
    stopped: Callable[[], bool] = lambda: False,
) -> Recorded:
    """Run `steps` from the clean version `recorded`, stopping at the first failure; returns the new version.

    The caller holds the lock and has made the tables. What was done before a failure stays. `stopped` is asked
    before each step; when it says so, the rest is left undone. What was done is on disk when this ends.
    """
    progress.planned(steps)
    begun = False
    try:
        for step in steps:
            if stopped():
                break
            progress.begins(step)
            begun = True
            begin = time.perf_counter_ns()
            text = step.script.read() if step.script else b""
            read = time.perf_counter_ns()
            recorded = _run_one(opened, step, text, recorded)
            progress.ends(step, read - begin, time.perf_counter_ns() - read)
    finally:
        # A broken session has nothing more to say; the server writes what it has within a second.
        if begun and not opened.connection.closed and opened.connection.status() is TransactionStatus.IDLE:
            opened.connection.run(FLUSH)
    return recorded


def _run_one(opened: session.Session, step: plan.Step, text: bytes, before: Recorded) -> Recorded:
    """Run one file in one transaction with its version, if it can be run in one.

    So a failing or dying migration leaves the clean version before it, and never a dirty one.
    """
    if b"\0" in text:
        # libpq takes C strings: it would run what stands before the NUL and call it a success.
        error = ServerError("08P01", "invalid message format")
        raise diagnosis.refused(step, text, error, diagnosis.kept_nothing(before.version), opened.address.driver)
    why = why_alone(opened, text)
    if why is None and any(is_too_long(opened, part) for part in parts(opened, text)):
        outcome = diagnosis.kept_nothing(before.version)
        raise diagnosis.too_long(step, opened.address.multi_statement_max_size, outcome)
    if why is None:
        why = _run_together(opened, step, text, before)
    if why is None:
        return Recorded(step.target, False)
    return run_alone(opened, step, text, before, why)


def _run_together(opened: session.Session, step: plan.Step, text: bytes, before: Recorded) -> str | None:
    """Run file and version in one transaction. A text: why the file has to be alone; nothing of it was kept then."""
    connection, driver = opened.connection, opened.address.driver
    kept_nothing = diagnosis.kept_nothing(before.version)
    begin = time.perf_counter_ns()
    opened.table.claim(before)
    shared = Transaction(connection, doubted=may_end_transaction(text))
    try:
        if not is_blank(text):
            run_file(opened, text)
    except DatabaseError as error:
        if connection.closed:
            raise diagnosis.failed(step, text, error, diagnosis.lost(), driver) from error
        if not shared.roll_back():
            raise diagnosis.failed(step, text, error, _left_dirty(opened, step, text, before), driver) from error
        if isinstance(error, ServerError) and error.sqlstate in WANTS_NO_TRANSACTION:
            return error.message
        raise diagnosis.failed(step, text, error, kept_nothing, driver) from error
    except BaseException:  # a signal's exception in the middle of the file: end the session, and all of it with it
        connection.close()
        raise
    if connection.status() is not TransactionStatus.IN_TRANSACTION:
        said = _left_dirty(opened, step, text, before).message
        raise MigrationError(ErrorCode.INTERNAL, said, hint=said, urgent=True)
    note = opened.history.writing(
        step.version,
        "up" if step.direction == "u" else "down",
        step.script,
        step.target,
        checksum=files.checksum(text) if step.script else None,
        duration_ms=(time.perf_counter_ns() - begin) / 1e6,
    )
    writing = opened.table.writing(Recorded(step.target, False))
    try:
        connection.run(writing + note + LAZILY + "COMMIT")
    except ServerError as error:
        # Or else it was the COMMIT: a deferred constraint, which is the file's failure.
        in_time = shared.roll_back()
        if not shared.is_void():
            raise diagnosis.failed(step, text, error, _left_dirty(opened, step, text, before), driver) from error
        if not in_time:
            raise diagnosis.failed(step, text, error, kept_nothing, driver) from error
        if error.sqlstate in CANNOT_RECORD:
            return f"its transaction may not write the version: {error.message}"
        # Of all that was sent, what scripts know as the statement that fails here.
        error.query = opened.table.known_as
        raise
    return None


def _left_dirty(opened: session.Session, step: plan.Step, text: bytes, before: Recorded) -> diagnosis.Outcome:
    """What to say of a file that commits in a way that nobody recognised: what it did is kept, so it has to show."""
    mark_dirty(opened, step, text)
    return diagnosis.left_dirty(step, before.version, why=ENDS_ITSELF)
