"""Sending a file's text to the server: as a whole, or in pieces if the URL says so."""

from codeactions.migrate.database.errors import DatabaseError
from codeactions.migrate.database.session import Session
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
