"""Query parameters that several routes share, and the rule that unknown ones are refused."""

import re
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, Request
from pydantic import AfterValidator, BeforeValidator, ValidatorFunctionWrapHandler, WithJsonSchema, WrapValidator

from codeactions.domain.errors import invalid
from codeactions.domain.ids import as_old_id
from codeactions.domain.text import SHORT_TEXT

# A time whose zone lost its plus sign: in a query, `+` means a blank.
_BLANK_FOR_PLUS = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?) (\d\d(?::?\d\d)?)")


def _prepared(value: object) -> object:
    """Return a time's text as Pydantic reads it; None for an empty one.

    A bare number is refused: Pydantic would take it for seconds or milliseconds, by its size.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.lstrip("+-").replace(".", "", 1).isdigit():
        raise ValueError("write it as 2026-11-23T06:00:00Z")
    if lost := _BLANK_FOR_PLUS.fullmatch(text):
        text = f"{lost[1]}+{lost[2]}"
    return text or None


def _in_utc(value: datetime | None) -> datetime | None:
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def _old_or_uuid(value: object, uuid: ValidatorFunctionWrapHandler) -> object:
    return (as_old_id(value) if isinstance(value, str) else None) or uuid(value)


def empty_is_absent(value: object) -> object:
    """Return None in place of an empty text: a parameter without a value is not given."""
    return None if value == "" else value


ProjectUuid = Annotated[str, Query(min_length=1, max_length=SHORT_TEXT)]
Filter = Annotated[str | None, Query(min_length=1, max_length=SHORT_TEXT)]
ProjectFilter = Annotated[
    str | None, Query(min_length=1, max_length=SHORT_TEXT, description="All codes of this project")
]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000, description="Counted from 1")]
Moment = Annotated[
    datetime | None,
    BeforeValidator(_prepared),
    AfterValidator(_in_utc),
    WithJsonSchema({"anyOf": [*({"type": "string", "format": kind} for kind in ("date-time", "date")), {"const": ""}]}),
    Query(description="A time such as 2026-11-23T06:00:00Z, or a day; in UTC if no zone is named"),
]
Id = Annotated[UUID, Path(description="A UUID")]
# To the type checker both kinds are UUIDs: what takes one of these takes `AnyId`.
_AnyId = Annotated[UUID, WrapValidator(_old_or_uuid)]
_AN_ID = "A UUID; in a database of flows-code-actions also the 24 digits of an old id"
PathId = Annotated[_AnyId, Path(description=_AN_ID)]
"""The id of a code or a run."""
QueryId = Annotated[
    _AnyId | None,
    BeforeValidator(empty_is_absent),
    Query(description=f"{_AN_ID}. One of the parameters that choose is required"),
]
"""The id of a code or a run by which a list is chosen, where there are other ways to choose."""


async def refuse_unknown(request: Request) -> None:
    """Refuse unknown parameters, so that a misspelt one is not ignored. Raises `Error` (invalid)."""
    route = request.scope["route"]
    known = {parameter.alias for parameter in route.dependant.query_params}
    known |= {parameter["name"] for parameter in (route.openapi_extra or {}).get("parameters", ())}  # see fields.py
    for name in request.query_params:
        if name not in known:
            allowed = f"there are {', '.join(sorted(known))}" if known else "there are none here"
            raise invalid(f"unknown parameter {name[:64]!r}; {allowed}")
