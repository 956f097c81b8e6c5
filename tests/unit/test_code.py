"""What a code is: defaults, bounds, and messages that name the wrong field."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from codeactions.domain.code import SOURCE_LIMIT, Code, CodeChange, CodeDraft, changed_code, new_code
from codeactions.domain.errors import Error, ErrorCode

ID = UUID("0190a5d8-7f3c-7cc0-8f00-3a1b2c3d4e5f")
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
FIELDS = {"name": "n", "type": "flow", "source": "s", "language": "python", "project_uuid": "p"}


def made(**fields: Any) -> Code:
    """A code of usual fields and these."""
    return new_code(CodeDraft.read({**FIELDS, **fields}), id=ID, now=NOW)


def test_a_new_code_has_defaults_and_the_given_id_and_time() -> None:
    code = made()
    assert (code.id, code.created_at, code.updated_at, code.timeout, code.url) == (ID, NOW, NOW, 60, None)
    assert (code.name, code.type, code.source, code.language, code.project_uuid) == ("n", "flow", "s", "python", "p")


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("absent", ["missing", "null"])
def test_a_required_field_that_is_absent_is_named(name: str, absent: str) -> None:
    fields: dict[str, Any] = dict(FIELDS)
    if absent == "null":
        fields[name] = None
    else:
        del fields[name]
    with pytest.raises(Error, match=f"^{name} is missing$") as caught:
        new_code(CodeDraft.read(fields), id=ID, now=NOW)
    assert caught.value.code is ErrorCode.INVALID


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x" * 255),
        ("name", "ü" * 255),
        ("project_uuid", "x" * 255),
        ("timeout", 5),
        ("timeout", 300),
        ("url", "http://x"),
        ("url", "HTTPS://example.com/" + "x" * 492),
        ("description", "ü" * 2000),
        ("mask_result", False),
        ("source", "x" * SOURCE_LIMIT),
        ("source", "ü" * (SOURCE_LIMIT // 2)),
    ],
)
def test_values_at_the_bounds_are_taken(field: str, value: object) -> None:
    assert getattr(made(**{field: value}), field) == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x" * 256),
        ("name", " "),
        ("name", 5),
        ("name", "a\x00"),
        ("name", "\ud800"),
        ("type", "Flow"),
        ("type", ["flow"]),
        ("project_uuid", ""),
        ("timeout", 4),
        ("timeout", 301),
        ("timeout", 60.0),
        ("timeout", "60"),
        ("timeout", True),
        ("timeout", None),
        ("url", "ftp://x"),
        ("url", "http://[::1"),
        ("url", "http://" + "x" * 506),
        ("description", "x" * 2001),
        ("description", " "),
        ("description", "a\x00"),
        ("mask_result", None),
        ("mask_result", "false"),
        ("mask_result", 0),
        ("source", " \n\t"),
        ("source", b"bytes"),
        ("source", "a\x00b"),
        ("id", ID),
        ("created_at", NOW),
    ],
)
def test_a_wrong_value_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(Error) as caught:
        made(**{field: value})
    assert caught.value.code is ErrorCode.INVALID
    assert field in caught.value.message
    with pytest.raises(Error, match=field):
        changed_code(made(), CodeChange.read({field: value}), now=LATER)


@pytest.mark.parametrize("source", ["x" * (SOURCE_LIMIT + 1), "ü" * (SOURCE_LIMIT // 2) + "x"])
def test_a_source_is_measured_in_bytes(source: str) -> None:
    with pytest.raises(Error, match=f"at most {SOURCE_LIMIT} bytes, not {SOURCE_LIMIT + 1}") as caught:
        made(source=source)
    assert caught.value.code is ErrorCode.TOO_LARGE


@pytest.mark.parametrize(("field", "value"), [("name", "m"), ("timeout", 9), ("url", "http://x"), ("source", "t")])
def test_a_change_changes_what_is_given_and_the_time(field: str, value: object) -> None:
    before = made()
    after = changed_code(before, CodeChange.read({field: value}), now=LATER)
    assert getattr(after, field) == value
    assert after.updated_at == LATER
    for name in ("id", "created_at", "name", "type", "source", "language", "url", "project_uuid", "timeout"):
        assert name == field or getattr(after, name) == getattr(before, name)


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize(("field", "value"), [("url", "http://x"), ("description", "what for"), ("timezone", "UTC")])
def test_what_is_no_duty_can_be_taken_away(field: str, value: str, nothing: str | None) -> None:
    assert getattr(changed_code(made(**{field: value}), CodeChange(**{field: nothing}), now=LATER), field) is None


def test_a_change_of_nothing_is_refused() -> None:
    with pytest.raises(Error, match="nothing to change"):
        changed_code(made(), CodeChange(), now=LATER)
