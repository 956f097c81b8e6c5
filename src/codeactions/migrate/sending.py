"""Sending a file's text to the server: as a whole, or in pieces if the URL says so."""

import re
import time

from codeactions.migrate.database.errors import DatabaseError, ServerError
from codeactions.migrate.database.session import Session
from codeactions.migrate.statements.copy_data import BadCopy, Part, separate, without_data
from codeactions.migrate.statements.split import is_blank, pieces

INVALID_FORMAT = "invalid message format"
"""The server's words for a NUL byte."""
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_LINE_OF_COPY = re.compile(r"^COPY .*?, line (\d+)", re.MULTILINE)


def parts(session: Session, text: bytes) -> list[bytes]:
    """Return what is sent one by one: the file's statements with x-multi-statement, else all of it. No blank parts."""
    found = _pieces_with_data(text) if session.address.multi_statement else [text]
    return [part for part in found if not is_blank(part)]


def unsendable(text: bytes) -> str | None:
    """Return why a file cannot be sent at all, for people; None if it can."""
    if b"\0" in text:
        # libpq takes C strings: it would run the text before the NUL and report success.
        is_wide = text[:2] in _UTF_16_MARKS or text[:20].count(0) >= len(text[:20]) // 2
        return "the file is UTF-16 or UTF-32: save it as UTF-8" if is_wide else INVALID_FORMAT
    try:
        separate(text)
    except BadCopy as error:
        return str(error)
    return None


def is_too_long(session: Session, part: bytes) -> bool:
    """Return whether x-multi-statement-max-size forbids to send this part."""
    limit = session.address.multi_statement_max_size
    return session.address.multi_statement and len(part) > limit and len(without_data(part)) > limit


def send(session: Session, part: bytes) -> None:
    """Send a part, or a whole file, within the time of x-statement-timeout. Raises `DatabaseError`.

    The data of a COPY FROM STDIN go in messages of their own. The position of an error is one in `part`.
    """
    limit = session.address.statement_timeout_ms
    timeout = limit / 1000 if limit else None
    # A negative time is over already; the server could be quicker than a cancel.
    if timeout is not None and timeout < 0:
        raise DatabaseError("context deadline exceeded")
    pieces_with_data = separate(part)
    if len(pieces_with_data) == 1 and pieces_with_data[0].data is None:
        session.connection.execute_script(part, timeout)
        return
    begin = time.monotonic()
    for piece in pieces_with_data:
        if is_blank(piece.sql):
            continue
        left = None if timeout is None else max(timeout - (time.monotonic() - begin), 0)
        try:
            session.connection.execute_script(piece.sql, left, piece.data)
        except ServerError as error:
            error.position = _position(part, piece, error)
            raise


def _pieces_with_data(text: bytes) -> list[bytes]:
    """Return the statements of a file, each COPY FROM STDIN with its data."""
    found: list[bytes] = []
    for part in separate(text):
        statements = pieces(part.sql)
        if part.data is not None:
            statements[-1] = text[part.start + len(part.sql) - len(statements[-1]) : part.end]
        found += statements
    return found


def _position(text: bytes, part: Part, error: ServerError) -> int:
    """Return the position of an error in the whole text, from that in one part of it, in characters; 0 if unknown."""
    start, offset = part.start, error.position
    line = _LINE_OF_COPY.search(error.context)
    if part.data is not None and line and not offset:
        lines = part.data.splitlines(keepends=True)
        start, offset = part.data_start + sum(map(len, lines[: int(line[1]) - 1])), 1
    return len(text[:start].decode(errors="backslashreplace")) + offset if offset else 0
