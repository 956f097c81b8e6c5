"""What to say about a migration file that failed."""

import psycopg

from codeactions.domain.errors import ErrorCode
from codeactions.migrate.failure import MigrationError
from codeactions.migrate.plan import Step


def refused(step: Step, text: bytes, message: str, left: str) -> MigrationError:
    """The failure of a file that is not even sent."""
    tool = f"migration failed: {message} in line 0: {text.decode(errors='backslashreplace')} "
    tool += f"(details: pq: {message})"
    return MigrationError(ErrorCode.INVALID, f"migration {step} failed: {message}; {left}", tool=tool)


def failed(step: Step, text: bytes, error: psycopg.Error, left: str) -> MigrationError:
    """The failure of `step`; `left` says in what state the database is now, and what to do."""
    query = text.decode(errors="backslashreplace")
    message = error.diag.message_primary
    if message is None:
        # Not the server's: a lost connection, mostly.
        reason = " ".join(str(error).split())
        place, tool = "", f"migration failed in line 0: {query} (details: {reason})"
    else:
        reason, (line, column) = message, position(query, error.diag.statement_position)
        place = f" in line {line}, column {column}" if column else ""
        reason += f", {error.diag.message_detail}" if error.diag.message_detail else ""
        at = f" (column {column})" if column else ""
        detail = f", {error.diag.message_detail}" if error.diag.message_detail else ""
        tool = f"migration failed: {message}{at}{detail} in line {line}: {query} (details: pq: {message})"
    if error.sqlstate:
        place += f" (SQLSTATE {error.sqlstate})"
    reason = " ".join(reason.split())
    return MigrationError(ErrorCode.INTERNAL, f"migration {step} failed: {reason}{place}; {left}", tool=tool)


def position(query: str, given: str | None) -> tuple[int, int]:
    """Line and column, both from 1, of the server's position (from 1, in characters); (0, 0) if unknown.

    An error "at end of input" points behind the text, which is no place in it.
    """
    offset = int(given) if given else 0
    if not 0 < offset <= len(query):
        return 0, 0
    before = query[: offset - 1]
    return before.count("\n") + 1, offset - 1 - before.rfind("\n")
