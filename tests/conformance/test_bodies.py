"""Request bodies, as text, as bytes and as JSON."""

import os

import pytest
from conformance.languages import Language, run, run_return
from conformance.requests import ECHO

BOTH = run_return(
    python="[engine.body, list(engine.request.content)]",
    javascript="[engine.body, [...engine.request.content]]",
    go="[]any{engine.Body, ints(engine.Request.Content)}",
)
BOTH["go"] += """
    func ints(content []byte) []int {
        found := []int{}
        for _, one := range content {
            found = append(found, int(one))
        }
        return found
    }
"""


def test_a_text_body_arrives(language: Language) -> None:
    assert language.call(ECHO, content="Grüße 🐍\r\n\x00end".encode()).json()["body"] == "Grüße 🐍\r\n\x00end"


def test_no_body_is_the_empty_string(language: Language) -> None:
    assert language.call(BOTH, method="GET").json() == ["", []]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a\xff\xfeb", "a\ufffd\ufffdb"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),  # a lone surrogate
        (b"\xc3", "\ufffd"),
        # The beginning of a character is replaced as a whole.
        (b"\xe2\x82(", "\ufffd("),
        (b"\xf0\x9f\x98", "\ufffd"),
        (b"\xf0\x9f\x98\xe2\x82\xff\xc3\xbc", "\ufffd\ufffd\ufffd\u00fc"),
        (b"\xe0\x80\xf4\x90\x80\xf1\x80\x80", "\ufffd" * 6),  # what no character begins with
        (b"\xc0\x80", "\ufffd\ufffd"),  # a NUL, written too long
        ("\ufeffa".encode(), "\ufeffa"),  # a byte order mark is part of a text that was sent
    ],
)
def test_a_body_that_is_not_utf_8_is_read_with_replacements_and_kept_as_bytes(
    language: Language, content: bytes, text: str
) -> None:
    assert content.decode("utf-8", "replace") == text
    assert language.call(BOTH, content=content).json() == [text, list(content)]


def test_a_body_in_chunks_arrives_in_one_piece(language: Language) -> None:
    answer = language.call(ECHO, content=iter([b"one ", b"two ", b"three"]))
    assert answer.json()["body"] == "one two three"


READ_JSON = run(
    python='return engine.request.json()["items"][1]',
    javascript="return engine.request.json().items[1];",
    go="""
        var given struct{ Items []any `json:"items"` }
        if err := engine.Request.JSON(&given); err != nil {
            return nil, err
        }
        return given.Items[1], nil
    """,
)


def test_a_json_body_can_be_read_as_such(language: Language) -> None:
    assert language.call(READ_JSON, json={"items": [1, {"ü": None}]}).json() == {"ü": None}


def test_a_json_body_that_is_none_is_an_exception(language: Language) -> None:
    error = language.failure(language.call(READ_JSON, content=b'{"items": [1,'))
    assert error["type"] == "exception"
    assert "JSON" in error["message"]


# By name: content type, and body.
MARKED = {
    "UTF-8": ("application/json", b"\xef\xbb\xbf" + '{"items": [0, "ü"]}'.encode()),
    "UTF-8 with a charset": ("application/json; charset=utf-8", b"\xef\xbb\xbf" + '{"items": [0, "ü"]}'.encode()),
    "a kind of JSON": ("application/vnd.api+json", b"\xef\xbb\xbf" + '{"items": [0, "ü"]}'.encode()),
    "UTF-16": ("application/json", '{"items": [0, "ü"]}'.encode("utf-16")),
    "UTF-16, big end first": ("application/json", b"\xfe\xff" + '{"items": [0, "ü"]}'.encode("utf-16-be")),
    "UTF-32": ("application/json", '{"items": [0, "ü"]}'.encode("utf-32")),
    "UTF-8 that is called a form": (
        "application/x-www-form-urlencoded",
        b"\xef\xbb\xbf" + '{"items": [0, "ü"]}'.encode(),
    ),
    "UTF-8 that is called text": ("text/plain", b"\xef\xbb\xbf" + '{"items": [0, "ü"]}'.encode()),
    "none, and Latin-1": ("application/json; charset=iso-8859-1", '{"items": [0, "ü"]}'.encode("latin-1")),
    "none, and UTF-8 that is called Latin-1": ("application/json; charset=iso-8859-1", '{"items": [0, "ü"]}'.encode()),
    "none": ("application/json", '{"items": [0, "ü"]}'.encode()),
}
PARSE_BODY = run(
    python='import json\nreturn json.loads(engine.body)["items"][1]',
    javascript="return JSON.parse(engine.body).items[1];",
    go="""
        var given struct{ Items []any `json:"items"` }
        err := json.Unmarshal([]byte(engine.Body), &given)
        return given.Items[1], err
    """,
)


@pytest.mark.parametrize("name", MARKED)
@pytest.mark.parametrize("sources", [READ_JSON, PARSE_BODY], ids=["request", "body"])
def test_a_json_body_may_begin_with_a_byte_order_mark(language: Language, name: str, sources: dict[str, str]) -> None:
    content_type, content = MARKED[name]
    answer = language.call(sources, content=content, headers={"Content-Type": content_type})
    assert answer.text == "ü", language.record(answer)["extra"].get("error")
    assert language.record(answer)["body"] == '{"items": [0, "ü"]}'


def test_a_byte_order_mark_is_skipped_whatever_the_body_is_called(language: Language) -> None:
    content = b"\xef\xbb\xbf" + '{"items": [0, "ü"]}'.encode()
    assert language.call(READ_JSON, content=content).text == "ü"


@pytest.mark.parametrize(
    ("content_type", "charset", "text"),
    [
        ("text/plain; charset=iso-8859-1", "latin-1", "Grüße"),
        ("text/plain; charset=windows-1252", "cp1252", "“Grüße” €"),
        ("text/plain;charset=UTF-16", "utf-16", "Grüße 🐍"),
        ("text/plain; charset=utf-16le", "utf-16-le", "Grüße 🐍"),
        ("text/plain; charset=utf-16be", "utf-16-be", "Grüße 🐍"),
        ('text/csv; header=absent; CharSet="Shift_JIS"', "shift_jis", "日本"),
        ("text/html; charset=gbk", "gbk", "中文"),
        ("application/xml; charset=koi8-r", "koi8-r", "Привет"),
        ("text/csv; charset=ibm850", "cp850", "Grüße"),
        ("text/plain; charset=utf-8", "utf-8", "Grüße 🐍"),
        ("text/plain; charset=us-ascii", "utf-8", "Grüße"),
        ("text/plain; charset=no-such", "utf-8", "Grüße"),
        ("text/plain; charset=", "utf-8", "Grüße"),
        ("text/plain; charset=bz2", "utf-8", "Grüße"),  # some of Python's codecs are no charsets
        ("text/plain", "utf-8", "Grüße"),
    ],
)
def test_the_charset_of_a_body_is_honoured(language: Language, content_type: str, charset: str, text: str) -> None:
    content = text.encode(charset)
    answer = language.call(BOTH, content=content, headers={"Content-Type": content_type})
    assert answer.json() == [text, list(content)]
    assert language.record(answer)["body"] == text


def test_bytes_that_a_charset_does_not_have_are_replaced_and_recorded_as_they_are(language: Language) -> None:
    answer = language.call(BOTH, content=b"a\x81", headers={"Content-Type": "text/plain; charset=shift_jis"})
    assert answer.json() == ["a\ufffd", [97, 0x81]]
    record = language.record(answer)
    assert (record["body"], record["extra"]["body_encoding"]) == ("YYE=", "base64")


@pytest.mark.parametrize("kind", ["bytes", "text"])
def test_ten_megabytes_go_in_and_out_unmangled(language: Language, kind: str) -> None:
    size = 10 * 1024 * 1024
    body = os.urandom(size) if kind == "bytes" else ("ü" * (size // 2)).encode()
    sources = {
        "bytes": run_return(
            python="engine.request.content", javascript="engine.request.content", go="engine.Request.Content"
        ),
        "text": run_return(python="engine.body", javascript="engine.body", go="engine.Body"),
    }[kind]
    answer = language.call(sources, content=body)
    assert answer.status_code == 200
    assert answer.content == body
    assert answer.headers["content-length"] == str(size)


def test_ten_megabytes_that_are_no_text_can_be_read_as_text(language: Language) -> None:
    size = 10 * 1024 * 1024
    sources = run_return(python="len(engine.body)", javascript="engine.body.length", go="len([]rune(engine.Body))")
    assert language.call(sources, content=b"\xff" * size).json() == size
