"""Reading libpq's results: rows, and errors."""

from typing import Any

from codeactions.migrate.database import libpq
from codeactions.migrate.database.errors import ServerError

Row = tuple[str | None, ...]


def rows(library: Any, result: int) -> list[Row]:
    """Return the rows of a result, as text; None for NULL."""
    value, is_null = library.PQgetvalue, library.PQgetisnull
    columns = range(library.PQnfields(result))
    return [
        tuple(
            None if is_null(result, row, column) else value(result, row, column).decode(errors="replace")
            for column in columns
        )
        for row in range(library.PQntuples(result))
    ]


def error(library: Any, result: int) -> ServerError:
    """Return the error that a result is."""

    def field(code: int) -> str:
        raw = library.PQresultErrorField(result, code)
        return raw.decode(errors="replace") if raw else ""

    message = field(libpq.MESSAGE) or library.PQresultErrorMessage(result).decode(errors="replace").strip()
    detail, hint, context = map(field, (libpq.DETAIL, libpq.HINT, libpq.CONTEXT))
    position = int(field(libpq.POSITION) or 0)
    return ServerError(field(libpq.SQLSTATE), message, detail=detail, hint=hint, position=position, context=context)
