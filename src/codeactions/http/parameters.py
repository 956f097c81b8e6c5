"""Query parameters that several routes share, and the rule that unknown ones are refused."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, Request
from pydantic import BeforeValidator

from codeactions.domain.errors import invalid
from codeactions.domain.text import SHORT_TEXT


def _refuse_number(value: object) -> object:
    """Refuse a bare number: Pydantic would take it for seconds or milliseconds, by its size."""
    if isinstance(value, str) and value.strip().lstrip("+-").replace(".", "", 1).isdigit():
        raise ValueError("write it as 2026-11-23T06:00:00Z")
    return value


ProjectUuid = Annotated[str, Query(min_length=1, max_length=SHORT_TEXT)]
Filter = Annotated[str | None, Query(min_length=1, max_length=SHORT_TEXT)]
ProjectFilter = Annotated[
    str | None, Query(min_length=1, max_length=SHORT_TEXT, description="All codes of this project")
]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000, description="Counted from 1")]
Moment = Annotated[
    datetime | None,
    BeforeValidator(_refuse_number),
    Query(description="A time with its zone, such as 2026-11-23T06:00:00Z"),
]
Id = Annotated[UUID, Path(description="A UUID")]


async def refuse_unknown(request: Request) -> None:
    """Refuse unknown parameters, so that a misspelt one is not ignored. Raises `Error` (invalid)."""
    route = request.scope["route"]
    known = {parameter.alias for parameter in route.dependant.query_params}
    known |= {parameter["name"] for parameter in (route.openapi_extra or {}).get("parameters", ())}  # see fields.py
    for name in request.query_params:
        if name not in known:
            allowed = f"there are {', '.join(sorted(known))}" if known else "there are none here"
            raise invalid(f"unknown parameter {name[:64]!r}; {allowed}")


def require_zone(moment: datetime | None, name: str) -> datetime | None:
    """Refuse a time without a zone, which means different moments in different places. Raises `Error` (invalid)."""
    if moment is not None and moment.tzinfo is None:
        raise invalid(f"{name} needs a time zone, such as 2026-11-23T06:00:00Z")
    return moment
