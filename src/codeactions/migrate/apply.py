"""Running migration files, each together with its version."""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from codeactions.domain.errors import ErrorCode
from codeactions.migrate import diagnosis, duration, files, lock, plan, session, state
from codeactions.migrate.failure import NIL_VERSION, MigrationError
from codeactions.migrate.version import Recorded

LOCK_TIMEOUT = 15.0
# A file with one of these words may commit half of itself, so one transaction for it and its version is not
# to be had. Where such a word stands only in a comment, the file still runs as golang-migrate would run it.
ENDS_TRANSACTION = re.compile(
    rb"\b(commit|rollback|abort|end\s+(work|transaction)|prepare\s+transaction)\b", re.IGNORECASE
)
LOST = "the connection was lost: look with `migrate status`, then run `migrate up`"


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
    migrations = files.read_directory(directory or files.find_directory())
    if not migrations.items:
        raise MigrationError(ErrorCode.INVALID, f"there are no migrations in {directory}")
    with session.opened(database_url) as opened:
        # Dirty is not believed here: golang-migrate shows it while it works, holding the lock.
        if opened.table.read() == Recorded(migrations.latest, False):
            return migrations.latest
        with lock.held(opened.connection, opened.lock_number, lock_timeout):
            opened.table.ensure()
            recorded = opened.table.read()
            state.require_usable(migrations, recorded)
            return run(opened, plan.up(migrations, recorded.version), recorded, progress).version


def run(
    opened: session.Session,
    steps: Sequence[plan.Step],
    recorded: Recorded,
    progress: Callable[[str], None] | None = None,
) -> Recorded:
    """Run `steps` from the clean version `recorded`, stopping at the first failure; returns the new version.

    The caller holds the lock and has made the version table. What was done before a failure stays.
    """
    for step in steps:
        begin = time.perf_counter_ns()
        recorded = _run_one(opened, step, recorded)
        if progress is not None:
            progress(f"{step} ({duration.text(time.perf_counter_ns() - begin)})")
    return recorded


def _run_one(opened: session.Session, step: plan.Step, before: Recorded) -> Recorded:
    """Run one file in one transaction with its version, if it can be run in one.

    So a failing or dying migration leaves the clean version before it, and never a dirty one.
    """
    text = step.script.read() if step.script else b""
    if b"\0" in text:
        # libpq takes C strings: it would run what stands before the NUL and call it a success.
        raise diagnosis.refused(step, text, "invalid message format", _stays(before))
    if ENDS_TRANSACTION.search(text):
        return _run_alone(opened, step, text, before)
    connection, committing = opened.connection, False
    try:
        connection.execute("BEGIN")
        opened.table.claim(before)
        # Blanks alone are nothing to send. No parameters: that makes the whole file one simple query.
        if text.strip():
            connection.execute(text)
        opened.table.write(Recorded(step.target, False))
        committing = True
        connection.execute("COMMIT")
    except psycopg.Error as error:
        status, left = connection.info.transaction_status, _stays(before)
        _roll_back(connection)
        if isinstance(error, psycopg.errors.ActiveSqlTransaction) and status == TransactionStatus.INERROR:
            return _run_alone(opened, step, text, before)
        if status == TransactionStatus.UNKNOWN:
            left = LOST
        elif status == TransactionStatus.IDLE and not committing:
            # A bare END in the file has ended our transaction, and what stands before it is kept.
            opened.table.write(Recorded(step.target, True))
            left = _dirty(step)
        raise diagnosis.failed(step, text, error, left) from error
    except BaseException:  # Ctrl-C as well: the file must not stay half applied
        _roll_back(connection)
        raise
    return Recorded(step.target, False)


def _run_alone(opened: session.Session, step: plan.Step, text: bytes, before: Recorded) -> Recorded:
    """Run a file that refuses a transaction around it, the way golang-migrate runs all.

    The dirty row is written first: it is what there is to see if this process dies in between.
    """
    connection = opened.connection
    with connection.transaction():
        opened.table.claim(before)
        opened.table.write(Recorded(step.target, True))
    try:
        connection.execute(text)
        if connection.info.transaction_status != TransactionStatus.IDLE:
            raise psycopg.ProgrammingError("the file leaves a transaction open")
    except psycopg.Error as error:
        _roll_back(connection)
        raise diagnosis.failed(step, text, error, _dirty(step)) from error
    opened.table.write(Recorded(step.target, False))
    return Recorded(step.target, False)


def _roll_back(connection: psycopg.Connection[Any]) -> None:
    """End the transaction, if need be with the session: whatever is wrong there must not hide the cause."""
    try:
        connection.rollback()
    except psycopg.Error:
        connection.close()


def _dirty(step: plan.Step) -> str:
    return f"the database is left dirty at version {step.target}: see `migrate status`"


def _stays(before: Recorded) -> str:
    at = "at no version" if before.version == NIL_VERSION else f"at version {before.version}"
    return f"nothing of it was kept, the database is {at} and clean; mend the cause, then run `migrate up`"
