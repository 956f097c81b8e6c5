"""Sending a file's text to the server: as a whole, or in pieces if the URL says so."""

from codeactions.migrate.database.errors import DatabaseError
from codeactions.migrate.database.session import Session
from codeactions.migrate.statements.kind import outside_transaction
from codeactions.migrate.statements.split import is_blank, pieces


def parts(session: Session, text: bytes) -> list[bytes]:
    """Return what is sent one by one: the file's statements with x-multi-statement, else all of it. No blank parts."""
    found = pieces(text) if session.address.multi_statement else [text]
    return [part for part in found if not is_blank(part)]


def is_too_long(session: Session, part: bytes) -> bool:
    """Return whether x-multi-statement-max-size forbids to send this part."""
    return session.address.multi_statement and len(part) > session.address.multi_statement_max_size


def send(session: Session, part: bytes) -> None:
    """Send a part, or a whole file, within the time of x-statement-timeout. Raises `DatabaseError`."""
    limit = session.address.statement_timeout_ms
    timeout = limit / 1000 if limit else None
    # A negative time is over already; the server could be quicker than a cancel.
    if timeout is not None and timeout < 0:
        raise DatabaseError("context deadline exceeded")
    session.connection.execute_script(part, timeout)


def obstacle(session: Session, text: bytes) -> str | None:
    """Return what keeps a file from sharing a transaction with its version, for people; None if nothing does.

    It is a statement, or a property of the session. Only what can be seen beforehand counts: a procedure that commits
    shows when it is called.
    """
    if is_blank(text):
        return None
    found = outside_transaction(text)
    if found is None and session.read_only:
        # The version is written in spite of that, and the file must not be allowed more than it would be alone.
        found = "transactions are read-only here"
    if found is None and len(parts(session, text)) > 1:
        found = "x-multi-statement is set"
    return found
