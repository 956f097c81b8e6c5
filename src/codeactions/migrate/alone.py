"""Running a file that refuses a transaction around it, the way golang-migrate runs all of them."""

import contextlib
import re
import time

from codeactions.migrate import diagnosis
from codeactions.migrate.database.libpq import DatabaseError, ServerError, TransactionStatus
from codeactions.migrate.database.session import Session
from codeactions.migrate.database.version import Recorded
from codeactions.migrate.plan import Step
from codeactions.migrate.script.kind import outside_transaction
from codeactions.migrate.script.split import is_blank, pieces
from codeactions.migrate.source import files

ACTIVE_TRANSACTION = "25001"
# Not those of partitioned tables, which may be invalid for long, nor those that others are building now.
INVALID_INDEXES = """
SELECT indexrelid::regclass FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE NOT indisvalid AND relkind = 'i'
  AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index WHERE index_relid = indexrelid)
ORDER BY 1 LIMIT 20
"""


def statement_timeout(opened: Session) -> float | None:
    """Seconds that a file, or a piece of one, may take; by x-statement-timeout."""
    limit = opened.address.statement_timeout_ms
    return limit / 1000 if limit else None


def run_file(opened: Session, text: bytes) -> None:
    """Send a file, or a piece of one, within its time. Raises `DatabaseError`."""
    timeout = statement_timeout(opened)
    # The server could be quicker than a cancel.
    if timeout is not None and timeout < 0:
        raise DatabaseError("context deadline exceeded")
    opened.connection.run_file(text, timeout)


def parts(opened: Session, text: bytes) -> list[bytes]:
    """What is sent of a file, each by itself: its statements if the URL says so, else the whole. Without blank ones."""
    found = pieces(text) if opened.address.multi_statement else [text]
    return [part for part in found if not is_blank(part)]


def is_too_long(opened: Session, part: bytes) -> bool:
    """Whether x-multi-statement-max-size forbids to send this one of `parts`."""
    return opened.address.multi_statement and len(part) > opened.address.multi_statement_max_size


def why_alone(opened: Session, text: bytes) -> str | None:
    """What keeps a file from sharing a transaction with its version, for people: a statement, or what the URL says.

    None if nothing does that can be seen beforehand; a procedure that commits shows only when it is called.
    """
    if is_blank(text):
        return None
    why = outside_transaction(text)
    if why is None and opened.read_only:
        # The version is written in spite of that, and the file is not to be allowed more than it would be alone.
        why = "transactions are read-only here"
    if why is None and len(parts(opened, text)) > 1:
        why = "x-multi-statement is set"
    return why


def run_alone(opened: Session, step: Step, text: bytes, before: Recorded, why: str) -> Recorded:
    """Mark the version as dirty, run the file, mark it as clean.

    The dirty row, and the history's open entry with it, is what there is to see if this process dies in
    between. `why` is for people: what kept the file out of a transaction.
    """
    connection, after = opened.connection, Recorded(step.target, False)
    opened.table.claim(before)
    connection.run(_marking(opened, step, text) + "COMMIT")
    begin = time.perf_counter_ns()
    _send(opened, step, text, before, why)
    if connection.status() is not TransactionStatus.IDLE:
        connection.run("ROLLBACK")
        raise diagnosis.open_transaction(step, diagnosis.left_dirty(step, before.version, why=why))
    ending = opened.history.ending((time.perf_counter_ns() - begin) / 1e6)
    writing = opened.table.writing(after)
    try:
        connection.run(f"BEGIN READ WRITE;{writing}{ending}COMMIT")
    except ServerError as error:
        # For instance, the file has changed to a role that may not do this, and that is its own affair.
        _roll_back(opened)
        opened.reset_role()
        error.query = opened.table.known_as
        outcome = diagnosis.left_dirty(step, before.version, ended=True)
        raise diagnosis.unrecorded(step, error, outcome, opened.address.driver) from error
    return after


def mark_dirty(opened: Session, step: Step, text: bytes) -> None:
    """Mark the version as dirty after a file that was thought to share a transaction with it. No file runs after that.

    Outside of a transaction; whatever the file has done to the session may still be in force.
    """
    opened.reset_role()
    opened.connection.run(f"BEGIN READ WRITE;{_marking(opened, step, text)}COMMIT")


def _marking(opened: Session, step: Step, text: bytes) -> str:
    """The statements that mark the version as dirty, and note the step as begun."""
    direction = "up" if step.direction == "u" else "down"
    note = opened.history.writing(
        step.version, direction, step.script, step.target, checksum=files.checksum(text), duration_ms=0, done=False
    )
    return opened.table.writing(Recorded(step.target, True)) + note


def _send(opened: Session, step: Step, text: bytes, before: Recorded, why: str) -> None:
    """Send the file, in pieces if the URL says so: each is a transaction of its own then, unless they begin one."""
    connection, address, kept = opened.connection, opened.address, 0
    coming = parts(opened, text)

    def outcome(*advice: str) -> diagnosis.Outcome:
        # What an open transaction has done so far is void, so it is not counted.
        said = [f"Of its {len(coming)} statements the first {kept} were done"] if len(coming) > 1 else []
        return diagnosis.left_dirty(step, before.version, why=why, advice=". ".join([*said, *advice]))

    for sent, part in enumerate(coming, 1):
        if is_too_long(opened, part):
            _roll_back(opened)
            raise diagnosis.too_long(step, address.multi_statement_max_size, outcome())
        try:
            run_file(opened, part)
        except DatabaseError as error:
            _roll_back(opened)
            raise diagnosis.failed(step, part, error, outcome(*_advice(opened, part, error)), address.driver) from error
        if connection.status() is TransactionStatus.IDLE:
            kept = sent


def _roll_back(opened: Session) -> None:
    """End the transaction that a file has left open, if there is one, and a connection to do that with."""
    if not opened.connection.closed and opened.connection.status() is not TransactionStatus.IDLE:
        opened.connection.run("ROLLBACK")


def _advice(opened: Session, part: bytes, error: DatabaseError) -> list[str]:
    """What else a human will want to know."""
    if opened.connection.closed or not isinstance(error, ServerError):
        return []
    advice = []
    if error.sqlstate == ACTIVE_TRANSACTION:
        advice.append(
            "PostgreSQL runs several statements as one transaction: put this one in a file of its own, or add "
            "x-multi-statement=true to the database URL"
        )
    concurrently = re.search(rb"\bconcurrently\b", part, re.IGNORECASE)
    invalid: list[str] = []
    with contextlib.suppress(ServerError):  # before version 12 it does not tell which are being built
        invalid = [str(name) for (name,) in opened.connection.run(INVALID_INDEXES)] if concurrently else []
    if invalid:
        listed = "; ".join(f"DROP INDEX {name}" for name in invalid)
        advice.append(f"Invalid indexes are left, as of a CREATE INDEX CONCURRENTLY that failed: {listed}")
    return advice
