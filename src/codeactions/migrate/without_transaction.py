"""Running a file that refuses a transaction around it, in the way golang-migrate runs all files."""

import re
import time

from codeactions.migrate import failures
from codeactions.migrate.database import sql
from codeactions.migrate.database.errors import ACTIVE_TRANSACTION, DatabaseError, ServerError
from codeactions.migrate.database.libpq import TransactionStatus
from codeactions.migrate.database.session import Session
from codeactions.migrate.database.version_table import RecordedVersion
from codeactions.migrate.manner import is_alone
from codeactions.migrate.plan import Step
from codeactions.migrate.recording import begun_sql
from codeactions.migrate.sending import is_too_long, parts, send
from codeactions.migrate.statements.copy_data import separate

_DEADLOCK = "40P01"


def run(session: Session, step: Step, text: bytes, before: RecordedVersion, why: str) -> RecordedVersion:
    """Mark the version as dirty, run the file, mark the version as clean. Returns the new version.

    If this process dies in between, the dirty row shows it, and so does the open entry in the history. `why` is for
    people: what kept the file out of a transaction. Raises `MigrationError`.
    """
    after = RecordedVersion(step.target, False)
    session.table.claim(before)
    session.finish(begun_sql(session, step, text))
    begin = time.perf_counter_ns()
    with session.settled():
        _send(session, step, text, before, why)
    finished = session.history.finishing_sql((time.perf_counter_ns() - begin) / 1e6)
    try:
        session.write(session.table.replacing_sql(after), finished)
    except ServerError as error:
        # For instance, the file has dropped the table.
        session.roll_back()
        error.query = session.table.go_statement
        outcome = failures.left_dirty(step, before.version, ended=True)
        raise failures.unrecorded(step, error, outcome, session.address.driver) from error
    return after


def _send(session: Session, step: Step, text: bytes, before: RecordedVersion, why: str) -> None:
    """Send the file. In pieces, each is a transaction of its own, unless the pieces begin one."""
    address, done = session.address, 0
    coming = parts(session, text)

    def outcome(commits: int | None = None, advice: str = "") -> failures.Outcome:
        kept = None
        if len(coming) > 1:
            # The work of an open transaction is void, so it is not counted.
            kept = failures.Kept(f"Of its {len(coming)} statements {_first(done)} done")
        elif commits is not None:
            kept = _kept(text, commits)
        return failures.left_dirty(step, before.version, why=why, kept=kept, advice=advice)

    for sent, part in enumerate(coming, 1):
        if is_too_long(session, part):
            session.roll_back()
            raise failures.too_long(step, address.multi_statement_max_size, outcome())
        try:
            send(session, part)
        except DatabaseError as error:
            session.roll_back()
            told = outcome()
            if isinstance(error, ServerError) and not session.connection.closed:
                told = outcome(error.commits, _advice(session, part, error))
            raise failures.failed(step, part, error, told, address.driver) from error
        if session.connection.status is TransactionStatus.IDLE:
            done = sent
    if session.in_transaction:
        commits = session.connection.commits
        session.roll_back()
        raise failures.open_transaction(step, outcome(commits))


def _advice(session: Session, part: bytes, error: ServerError) -> str:
    """Return what else a human needs to know about the failure."""
    advice = []
    if error.sqlstate == ACTIVE_TRANSACTION:
        advice.append(failures.PUT_ALONE)
    concurrently = re.search(rb"\bconcurrently\b", part, re.IGNORECASE)
    if concurrently and error.sqlstate == _DEADLOCK:
        advice.append(
            "The index waited for a golang-migrate that waits for the lock: have none running while an index is built "
            "CONCURRENTLY"
        )
    if concurrently and (invalid := session.invalid_indexes()):
        listed = "; ".join(map(sql.drop_index, invalid))
        advice.append(f"Invalid indexes are left, as of a CREATE INDEX CONCURRENTLY that failed: {listed}")
    return ". ".join(advice)


def _first(number: int) -> str:
    return {0: "none was", 1: "the first was"}.get(number, f"the first {number} were")


def _kept(text: bytes, commits: int) -> failures.Kept | None:
    """Return what was kept of a file that was sent at once, of whose statements so many were a COMMIT that was done.

    They are one transaction up to the first COMMIT. None for a single statement, since a CALL may have committed some
    of its work, and for a file with rows for a COPY, since they cut it into several transactions.
    """
    if is_alone(text) or len(separate(text)) > 1:
        return None
    if commits:
        return failures.Kept(
            f"What stands before COMMIT number {commits} of the file is kept, and nothing that stands behind it"
        )
    return failures.Kept("Nothing of it was kept", nothing=True)
