"""Running a file in one transaction with its version, which is how nearly all files run.

A migration that fails or dies so leaves the clean version before it, never a dirty one. A file with a BEGIN and a
COMMIT of its own runs that way too, without those two statements.
"""

import re
import time
from typing import NamedTuple

from codeactions.migrate import failures
from codeactions.migrate.database import file_sql
from codeactions.migrate.database.errors import (
    ACTIVE_TRANSACTION,
    INVALID_TRANSACTION_END,
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
from codeactions.migrate.manner import Manner, is_alone, needs_savepoint
from codeactions.migrate.plan import Step
from codeactions.migrate.recording import begun_sql
from codeactions.migrate.sending import parts, send
from codeactions.migrate.statements.copy_data import without_data
from codeactions.migrate.statements.kind import may_end_transaction
from codeactions.migrate.statements.own_transaction import OwnTransaction
from codeactions.migrate.statements.split import heading, is_blank

_ENDS_ITSELF = "it ends its transaction itself"
_SHOW_IT = "code that the file calls has made its transaction read-only: write SET TRANSACTION READ ONLY in the file"
# Statements that the server refuses before they do anything. The others can run code of the user's first.
_CHECKED_FIRST = re.compile("ALTER|CLUSTER|CREATE|DROP|REFRESH|REINDEX|REPACK")


class _File(NamedTuple):
    """A file on its way."""

    session: Session
    step: Step
    text: bytes
    before: RecordedVersion
    how: Manner

    def failed(self, error: DatabaseError, outcome: failures.Outcome, part: bytes | None = None) -> MigrationError:
        """Return its failure at `part`; None: at no place in particular."""
        part = self.text if part is None else part
        return failures.failed(self.step, part, error, outcome, self.session.address.driver)

    def kept_nothing(self, advice: str = "") -> failures.Outcome:
        """Return the outcome of a rollback."""
        return failures.kept_nothing(self.before.version, told=self.how.brings_its_own, advice=advice)

    def left_dirty(self) -> failures.Outcome:
        """Mark the version as dirty after the file has committed unnoticed, and return that outcome.

        What the file did is kept, so it has to show. No file runs after that.
        """
        self.session.write(begun_sql(self.session, self.step, self.text))
        return failures.left_dirty(self.step, self.before.version, why=_ENDS_ITSELF)


def run(session: Session, step: Step, text: bytes, before: RecordedVersion, how: Manner) -> str | None:
    """Run file and version in one transaction. Raises `MigrationError`.

    Returns None when that is done, or the reason why the file must run without a transaction. Nothing of it was done
    in that case, so it still runs just once.
    """
    begin = time.perf_counter_ns()
    file, own = _File(session, step, text, before, how), how.own or OwnTransaction(text)
    session.table.claim(before, own.modes)
    shared = SharedTransaction(session.connection, doubted=may_end_transaction(without_data(own.text)))
    in_savepoint = needs_savepoint(text)
    if in_savepoint:
        session.connection.execute(file_sql.SAVEPOINT + (file_sql.READ_ONLY if own.read_only else ""))
    for part, sent in _parts(session, text, own):
        try:
            send(session, sent)
        except DatabaseError as error:
            return _after_failure(file, part, shared, error)
        except BaseException:  # a signal's exception in the middle of the file: the session ends, and all of it with it
            session.connection.close()
            raise
    if session.connection.status is not TransactionStatus.IN_TRANSACTION:
        said = file.left_dirty().message
        raise MigrationError(ErrorCode.INTERNAL, said, hint=said, urgent=True)
    if own.begins and not own.commits:
        session.roll_back()
        raise failures.open_transaction(step, file.kept_nothing())
    _commit(file, shared, in_savepoint, (time.perf_counter_ns() - begin) / 1e6)
    return None


def _parts(session: Session, text: bytes, own: OwnTransaction) -> list[tuple[bytes, bytes]]:
    """Return what is sent one by one: each as it stands in the file, for errors, and as it is sent."""
    found, start = [], 0
    for part in parts(session, text):
        start = text.index(part, start)
        found.append((part, own.text[start : start + len(part)]))
        start += len(part)
    return [(part, sent) for part, sent in found if not is_blank(sent)]


def _after_failure(file: _File, part: bytes, shared: SharedTransaction, error: DatabaseError) -> str:
    """Return the reason why the file has to run without a transaction, or raise its failure."""
    if file.session.connection.closed:
        raise file.failed(error, failures.lost(), part) from error
    if not shared.roll_back():
        raise file.failed(error, file.left_dirty(), part) from error
    advice = ""
    if isinstance(error, ServerError) and error.sqlstate in (ACTIVE_TRANSACTION, INVALID_TRANSACTION_END):
        if _was_refused_at_once(file.text, error):
            return error.message
        advice = _advice(file)
    raise file.failed(error, file.kept_nothing(advice), part) from error


def _was_refused_at_once(text: bytes, error: ServerError) -> bool:
    """Return whether the server has refused the file's only statement before it did anything."""
    if error.sqlstate != ACTIVE_TRANSACTION or not is_alone(text):
        return False
    found = _CHECKED_FIRST.match(heading(text, 1))
    # A context is code that was running, but for REINDEX, where it is the partitioned table.
    return found is not None and (not error.context or found[0] == "REINDEX")


def _advice(file: _File) -> str:
    if file.how.brings_its_own:
        return "what needs to run without a transaction cannot stand between BEGIN and COMMIT"
    return "" if is_alone(file.text) else failures.PUT_ALONE


def _commit(file: _File, shared: SharedTransaction, in_savepoint: bool, duration_ms: float) -> None:
    """Write version and history and commit; raises what `run` does."""
    session, step = file.session, file.step

    def statements() -> str:
        return session.table.replacing_sql(RecordedVersion(step.target, False)) + session.history.adding_sql(
            step.version,
            step.word,
            step.script,
            step.target,
            checksum=checksum(file.text) if step.script else None,
            duration_ms=duration_ms,
        )

    try:
        session.end_file(statements, in_savepoint=in_savepoint)
    except ServerError as error:
        in_time = shared.roll_back()
        if not shared.is_void():
            raise file.failed(error, file.left_dirty()) from error
        # A deferred constraint, which is the file's failure: checked before all else, or by the COMMIT, after which no
        # transaction is open.
        if not in_time or not error.done:
            raise file.failed(error, file.kept_nothing()) from error
        # Scripts know this statement as the one that fails here.
        error.query = session.table.go_statement
        if error.sqlstate == READ_ONLY_TRANSACTION:
            raise failures.unrecorded(step, error, file.kept_nothing(_SHOW_IT), session.address.driver) from error
        raise
