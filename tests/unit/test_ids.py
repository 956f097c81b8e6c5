"""Ids: version 7, in order of time, and read back strictly."""

import time
from uuid import RFC_4122, UUID

import pytest

from codeactions.domain import ids
from codeactions.domain.errors import Error, ErrorCode


def test_ids_are_uuids_of_version_7() -> None:
    for _ in range(200):
        made = ids.new_id()
        assert (made.version, made.variant) == (7, RFC_4122)


def test_ids_hold_the_time_in_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 0x0190A5D87F3C * 1_000_000 + 999_999)
    assert str(ids.new_id()).startswith("0190a5d8-7f3c-7")


def test_ids_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1_700_000_000_000_000_000, 1_700_000_000_100_000_000, 1_000_000))
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    made = [ids.new_id() for _ in range(100)]
    assert made == sorted(made)
    assert [str(one) for one in made] == sorted(str(one) for one in made)


def test_ids_of_the_same_millisecond_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
    assert len({ids.new_id() for _ in range(10_000)}) == 10_000


def test_an_id_is_read_in_either_case() -> None:
    text = "0190a5d8-7f3c-7cc0-8f00-3a1b2c3d4e5f"
    assert ids.parse_id(text) == ids.parse_id(text.upper()) == UUID(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nope",
        "0190a5d87f3c7cc08f003a1b2c3d4e5f",
        "{0190a5d8-7f3c-7cc0-8f00-3a1b2c3d4e5f}",
        "urn:uuid:0190a5d8-7f3c-7cc0-8f00-3a1b2c3d4e5f",
        "0190a5d8-7f3c-7cc0-8f00-3a1b2c3d4e5g",
        "0190a5d8-7f3c-7cc0-8f00-3a1b2c3d4_5f",
        " 190a5d8-7f3c-7cc0-8f00-3a1b2c3d4e5f",
        "0190a5d8-7f3c-7cc0-8f00-3a1b2c3d4e5f\n",
    ],
)
def test_anything_else_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(Error, match=r"^run_id must be a UUID such as") as caught:
        ids.parse_id(text, "run_id")
    assert caught.value.code is ErrorCode.INVALID
