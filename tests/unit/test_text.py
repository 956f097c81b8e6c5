"""What PostgreSQL can hold as text, and what becomes of the rest."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeactions.domain.errors import Error
from codeactions.domain.text import bytes_to_text, require_storable, require_text, storable


@given(st.text(st.characters()))
def test_storable_text_has_no_nul_no_lone_surrogate_and_the_same_length(text: str) -> None:
    kept = storable(text)
    assert "\x00" not in kept
    kept.encode("utf-8")
    assert len(kept) == len(text)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_text_that_can_be_stored_stays_as_it_is(text: str) -> None:
    assert storable(text) == text
    assert require_storable(text, "x") == text
    assert bytes_to_text(text.encode()) == (text, None)


@given(st.binary())
def test_bytes_come_back_from_what_is_stored(content: bytes) -> None:
    text, encoding = bytes_to_text(content)
    assert storable(text) == text
    assert (base64.b64decode(text) if encoding == "base64" else text.encode()) == content


@pytest.mark.parametrize("content", [b"\x00", b"a\x00b", b"\xff", b"\xed\xa0\x80", b"\xc0\x80"])
def test_bytes_that_are_no_storable_text_are_kept_in_base64(content: bytes) -> None:
    assert bytes_to_text(content) == (base64.b64encode(content).decode(), "base64")


@pytest.mark.parametrize(
    ("text", "kept"),
    [("a\x00b", "a\ufffdb"), ("\x00\x00", "\ufffd\ufffd"), ("\x00\udc80", "\ufffd?"), ("\ud800", "?")],
)
def test_what_cannot_be_stored_is_replaced_one_for_one(text: str, kept: str) -> None:
    assert len(storable(text)) == len(kept)
    assert storable(text).replace("\ufffd", "?") == kept.replace("\ufffd", "?")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (5, "field must be text"),
        (None, "field must be text"),
        (b"x", "field must be text"),
        ("", "field must not be empty"),
        (" \t\n", "field must not be empty"),
        ("xxxx", "field must have at most 3 characters, not 4"),
        ("a\x00", r"field must not contain the character U\+0000"),
        ("\udc80", "field must not contain lone surrogates"),
    ],
)
def test_wrong_text_is_refused_by_its_name(value: object, message: str) -> None:
    with pytest.raises(Error, match=f"^{message}$"):
        require_text(value, "field", 3)


def test_right_text_is_given_back_unchanged() -> None:
    assert require_text(" ü ", "field", 3) == " ü "
