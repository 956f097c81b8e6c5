"""The charset of a request's body."""

import codecs

import pytest

from codeactions.domain.charsets import _BY_LABEL, _CODECS, decode_body, encode_body


@pytest.mark.parametrize("codec", _CODECS)
def test_every_codec_is_one_of_python_that_makes_text_of_bytes(codec: str) -> None:
    assert codecs.lookup(codec)._is_text_encoding
    assert "a".encode(codec).decode(codec) == "a"


@pytest.mark.parametrize("name", ["idna", "punycode", "bz2", "zlib", "rot13", "unicode_escape", "utf-7", "undefined"])
def test_codecs_that_are_no_charsets_are_not_taken(name: str) -> None:
    assert name not in _BY_LABEL
    assert decode_body(b"abc", f"text/plain; charset={name}") == (None, None)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain; charset=latin1",
        "text/plain;charset=ISO-8859-1",
        'text/plain; charset="iso-8859-1"',
        "text/plain; charset='iso-8859-1'; format=flowed",
        "text/plain; format=flowed; Charset = windows-1252",
        "application/x-www-form-urlencoded; charset=l1",
        "text/plain; charset=ISO_8859_1",
    ],
)
def test_a_charset_is_found_however_it_is_written(content_type: str) -> None:
    assert decode_body(b"\xfc\x80", content_type) == ("ü€", "cp1252")


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "charset=latin1",
        "text/plain; charset=utf-8",
        "text/plain; charset=UTF8",
        "text/plain; xcharset=latin1",
    ],
)
def test_anything_else_is_left_to_the_engines(content_type: str) -> None:
    assert decode_body(b"\xfc", content_type) == (None, None)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/octet-stream"]
)
@pytest.mark.parametrize("text", ["[1]", "{}", '\r\n {"a": 1}'])
def test_marked_json_is_json_whatever_it_is_called(content_type: str, text: str) -> None:
    assert decode_body(b"\xef\xbb\xbf" + text.encode(), content_type) == (text, "utf-8-sig")


def test_only_json_has_a_byte_order_mark_that_is_no_text() -> None:
    content = b"\xef\xbb\xbf[1]"
    assert decode_body(content, "application/json") == ("[1]", "utf-8-sig")
    assert decode_body(content, "Application/Problem+JSON; charset=utf-8") == ("[1]", "utf-8-sig")
    assert decode_body(b"\xef\xbb\xbfa,b", "text/plain") == (None, None)
    assert decode_body("[1]".encode("utf-16"), "text/json") == ("[1]", "utf-16")
    assert decode_body("[1]".encode("utf-16"), "text/plain") == (None, None)


def test_bytes_that_a_charset_does_not_have_are_replaced() -> None:
    assert decode_body(b"a\x81", "text/plain; charset=shift_jis") == ("a\ufffd", "cp932")
    assert decode_body(b"a", "text/plain; charset=utf-16") == ("\ufffd", "utf-16")


@pytest.mark.parametrize("charset", ["", *(f"; charset={labels.split()[0]}" for labels in _CODECS.values())])
@pytest.mark.parametrize("kind", ["text/plain", "application/problem+json"])
@pytest.mark.parametrize("text", ['{"a": [1]}', "plain"])
def test_an_encoded_text_is_read_again(text: str, kind: str, charset: str) -> None:
    content = encode_body(text, kind + charset)
    assert (decode_body(content, kind + charset)[0] or content.decode()) == text


@pytest.mark.parametrize(
    ("text", "content_type", "content"),
    [
        ("\u00e9\u20ac", "text/plain; charset=latin1", b"\xe9\x80"),
        ("\u00e9", "text/plain", b"\xc3\xa9"),
        ("\u00e9", "application/json; charset=latin1", b"\xc3\xa9"),
        ("\u00e9", "application/json; charset=utf-16le", b"\xe9\x00"),
    ],
)
def test_a_text_is_encoded_by_the_charset_that_is_named(text: str, content_type: str, content: bytes) -> None:
    assert encode_body(text, content_type) == content


def test_what_a_charset_does_not_have_cannot_be_encoded() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode_body("\u4e2d", "text/plain; charset=latin1")
