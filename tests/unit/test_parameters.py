"""Query parameters that several routes share: times and ids."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError

from codeactions.domain.ids import OldId
from codeactions.http.parameters import Moment, PathId, QueryId

MOMENT, PATH_ID, QUERY_ID = (TypeAdapter[Any](kind) for kind in (Moment, PathId, QueryId))
AT = datetime(2024, 1, 1, 2, 3, 4, tzinfo=UTC)
DAY = datetime(2024, 1, 1, tzinfo=UTC)
ID = UUID(int=7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-01T02:03:04", AT),
        ("2024-01-01 02:03:04", AT),
        ("2024-01-01T02:03:04Z", AT),
        ("2024-01-01T02:03:04.000", AT),
        ("2024-01-01T02:03:04.000Z", AT),
        (" 2024-01-01T02:03:04 ", AT),
        ("2024-01-01T02:03:04+00:00", AT),
        ("2024-01-01T02:03:04 00:00", AT),
        ("2024-01-01 02:03:04 00:00", AT),
        ("2024-01-01T04:03:04+02:00", AT),
        ("2024-01-01T04:03:04 02:00", AT),
        ("2024-01-01T04:03:04.000000 0200", AT),
        ("2024-01-01T00:03:04-02:00", AT),
        ("2024-01-01T07:33:04 05:30", AT),
        ("2024-01-01", DAY),
        ("2024-01-01T00:00", DAY),
        ("2024-01-01 00:00", DAY),
        ("2024-01-01T00:00 00:00", DAY),
        ("", None),
        (" ", None),
    ],
)
def test_a_time_is_in_utc_unless_it_names_a_zone(text: str, expected: datetime | None) -> None:
    assert MOMENT.validate_python(text) == expected


def test_the_zone_of_a_time_that_was_not_encoded_is_kept() -> None:
    query = "after=2024-01-01T04:03:04+02:00"
    assert MOMENT.validate_python(dict(parse_qsl(query))["after"]) == AT
    encoded = urlencode({"after": AT.astimezone(timezone(timedelta(hours=2))).isoformat()})
    assert MOMENT.validate_python(dict(parse_qsl(encoded))["after"]) == AT


@pytest.mark.parametrize(
    "text",
    ["yesterday", "2024-13-01", "2024-01-01T25:00:00", "1704067200", "-1.5", "2024-01-01 02:03:04 25:00", "infinity",
     "2024-01-01 +02:00", "20000-01-01T00:00:00Z", "24", "2024"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        MOMENT.validate_python(text)


def test_an_id_is_a_uuid_or_an_old_one() -> None:
    assert PATH_ID.validate_python(str(ID)) == QUERY_ID.validate_python(str(ID)) == ID
    old = PATH_ID.validate_python("507F1F77BCF86CD799439011")
    assert (type(old), old) == (OldId, "507f1f77bcf86cd799439011")
    assert QUERY_ID.validate_python("507f1f77bcf86cd799439011") == old
    assert QUERY_ID.validate_python("") is None
    for wrong in ("", "507f1f77bcf86cd79943901", "507f1f77bcf86cd7994390111", "507f1f77bcf86cd79943901g", "nope"):
        with pytest.raises(ValidationError):
            PATH_ID.validate_python(wrong)
