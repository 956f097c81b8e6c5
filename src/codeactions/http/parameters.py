"""Query parameters that several routes share, and the rule that unknown ones are refused."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, Request
from pydantic import BeforeValidator

from codeactions.domain.errors import invalid


def _refuse_number(value: object) -> object:
    """Pydantic takes a bare number for seconds or milliseconds, by its size; nobody means that here."""
    if isinstance(value, str) and value.strip().lstrip("+-").replace(".", "", 1).isdigit():
        raise ValueError("write it as 2026-11-23T06:00:00Z")
    return value


PageNumber = Annotated[int, Query(ge=1, le=1_000_000, description="Counted from 1")]
Moment = Annotated[
    datetime | None,
    BeforeValidator(_refuse_number),
    Query(description="A time with its zone, such as 2026-11-23T06:00:00Z"),
]
Id = Annotated[UUID, Path(description="A UUID")]


async def refuse_unknown(request: Request) -> None:
    """Dependency: a misspelt parameter is an error, not a silent nothing. Raises `Error` (invalid)."""
    known = {parameter.alias for parameter in request.scope["route"].dependant.query_params}
    for name in request.query_params:
        if name not in known:
            allowed = f"there are {', '.join(sorted(known))}" if known else "there are none here"
            raise invalid(f"unknown parameter {name[:64]!r}; {allowed}")


def require_zone(moment: datetime | None, name: str) -> datetime | None:
    """Refuse a time without a zone, which would mean different moments in different places."""
    if moment is not None and moment.tzinfo is None:
        raise invalid(f"{name} needs a time zone, such as 2026-11-23T06:00:00Z")
    return moment
