"""Running a file in one transaction with its version, which is how nearly all files run.

A migration that fails or dies so leaves the clean version before it, never a dirty one.
"""

import time

from codeactions.migrate import failures
from codeactions.migrate.database.errors import (
    INSUFFICIENT_PRIVILEGE,
    READ_ONLY_TRANSACTION,
    DatabaseError,
    ServerError,
)
from codeactions.migrate.database.libpq import TransactionStatus
from codeactions.migrate.database.session import Session
from codeactions.migrate.database.transaction import SharedTransaction
from codeactions.migrate.database.version_table import RecordedVersion
from codeactions.migrate.errors import ErrorCode, MigrationError
from codeactions.migrate.files.directory import checksum
from codeactions.migrate.plan import Step
from codeactions.migrate.recording import begun_sql
from codeactions.migrate.sending import send
from codeactions.migrate.statements.copy_data import without_data
from codeactions.migrate.statements.kind import may_end_transaction
from codeactions.migrate.statements.split import is_blank

# With these SQLSTATEs a file turns out to need no transaction around it: a statement that refuses one, a procedure
# that commits, a setting that has to come first.
_WANTS_NO_TRANSACTION = frozenset({"25001", "2D000"})
# The file has left its transaction unable to write the version: SET LOCAL ROLE, SET TRANSACTION READ ONLY.
_CANNOT_RECORD = frozenset({INSUFFICIENT_PRIVILEGE, READ_ONLY_TRANSACTION})
_ENDS_ITSELF = "it ends its transaction itself"


def run(session: Session, step: Step, text: bytes, before: RecordedVersion) -> str | None:
    """Run file and version in one transaction. Raises `MigrationError`.

    Returns None when that is done, or the reason why the file must run without a transaction. Nothing of it was kept
    in that case.
    """
    begin = time.perf_counter_ns()
    session.table.claim(before)
    shared = SharedTransaction(session.connection, doubted=may_end_transaction(without_data(text)))
    try:
        if not is_blank(text):
            send(session, text)
    except DatabaseError as error:
        return _after_failure(session, step, text, before, shared, error)
    except BaseException:  # a signal's exception in the middle of the file: the session ends, and all of it with it
        session.connection.close()
        raise
    if session.connection.status is not TransactionStatus.IN_TRANSACTION:
        said = _left_dirty(session, step, text, before).message
        raise MigrationError(ErrorCode.INTERNAL, said, hint=said, urgent=True)
    return _commit(session, step, text, before, shared, (time.perf_counter_ns() - begin) / 1e6)


def _after_failure(
    session: Session, step: Step, text: bytes, before: RecordedVersion, shared: SharedTransaction, error: DatabaseError
) -> str:
    """Return the reason why the file has to run without a transaction, or raise its failure."""
    driver = session.address.driver
    if session.connection.closed:
        raise failures.failed(step, text, error, failures.lost(), driver) from error
    if not shared.roll_back():
        raise failures.failed(step, text, error, _left_dirty(session, step, text, before), driver) from error
    if isinstance(error, ServerError) and error.sqlstate in _WANTS_NO_TRANSACTION:
        return error.message
    raise failures.failed(step, text, error, failures.kept_nothing(before.version), driver) from error


def _commit(
    session: Session, step: Step, text: bytes, before: RecordedVersion, shared: SharedTransaction, duration_ms: float
) -> str | None:
    """Write version and history and commit; returns and raises what `run` does."""
    driver = session.address.driver
    note = session.history.adding_sql(
        step.version,
        step.word,
        step.script,
        step.target,
        checksum=checksum(text) if step.script else None,
        duration_ms=duration_ms,
    )
    version = session.table.replacing_sql(RecordedVersion(step.target, False))
    try:
        session.finish(version, note, wait_for_disk=False)
    except ServerError as error:
        # If the transaction has ended, it was the COMMIT: a deferred constraint, which is the file's failure.
        in_time = shared.roll_back()
        if not shared.is_void():
            raise failures.failed(step, text, error, _left_dirty(session, step, text, before), driver) from error
        if not in_time:
            raise failures.failed(step, text, error, failures.kept_nothing(before.version), driver) from error
        if error.sqlstate in _CANNOT_RECORD:
            return f"its transaction may not write the version: {error.message}"
        # Scripts know this statement as the one that fails here.
        error.query = session.table.go_statement
        raise
    return None


def _left_dirty(session: Session, step: Step, text: bytes, before: RecordedVersion) -> failures.Outcome:
    """Mark the version as dirty after a file that committed unnoticed, and return that outcome.

    What the file did is kept, so it has to show. No file runs after that. The file's changes to the session may still
    be in force.
    """
    session.reset_role()
    session.write(begun_sql(session, step, text))
    return failures.left_dirty(step, before.version, why=_ENDS_ITSELF)
