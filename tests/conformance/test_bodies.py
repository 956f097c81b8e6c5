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
        ("\ufeffa".encode(), "\ufeffa"),  # a byte order mark is part of what was sent
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
