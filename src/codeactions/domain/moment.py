"""Times as text: one format for answers, the command line, messages and the audit log."""

from datetime import UTC, datetime

StoredTime = datetime | str | None
"""A time of a row. One that Python cannot hold, such as infinity, is text as PostgreSQL writes it."""


def text_of(moment: datetime) -> str:
    """Return a time in UTC with microseconds, such as `2026-11-23T06:00:00.000000Z`.

    The form is always the same, so that texts sort as their times do. A time without a zone is taken for one in UTC.
    """
    in_utc = moment if moment.tzinfo is None else moment.astimezone(UTC)
    return f"{in_utc.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def stored_text_of(moment: StoredTime) -> str | None:
    """Return a row's time as `text_of` does; one that Python cannot hold is text already."""
    return text_of(moment) if isinstance(moment, datetime) else moment
