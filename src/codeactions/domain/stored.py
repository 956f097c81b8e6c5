"""Values of rows that another program may have written, such as the service that this one replaces.

Its tables have no checks: where a type here has a wider form than what this server writes, that form is shown as it is.
"""

from datetime import UTC, datetime

StoredTime = datetime | str | None
"""A time of a row. One that Python cannot hold, such as infinity, is text as PostgreSQL writes it."""


def time_text(value: StoredTime) -> str | None:
    """Return a stored time as text. A time without a zone is in UTC."""
    if not isinstance(value, datetime):
        return value
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
