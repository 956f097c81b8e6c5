"""The one form of times as text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from codeactions.domain.moment import text_of


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 29, 21, 11, 43, 123456, UTC), "2026-11-29T21:11:43.123456Z"),
        (datetime(2026, 11, 29, 21, 11, 43, 120000, UTC), "2026-11-29T21:11:43.120000Z"),
        (datetime(2026, 11, 29, tzinfo=UTC), "2026-11-29T00:00:00.000000Z"),
        (datetime(2026, 11, 29, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))), "2026-11-28T19:30:00.000000Z"),
        (datetime(2026, 11, 29, 1), "2026-11-29T01:00:00.000000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
        (datetime.max, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_time_is_in_utc_with_six_digits_and_can_be_read_back(moment: datetime, text: str) -> None:
    assert text_of(moment) == text
    read = datetime.fromisoformat(text)
    assert read == (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
