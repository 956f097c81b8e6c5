"""A draft to be tried: its request, and the code that it would be."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from codeactions.domain.charsets import decode_body
from codeactions.domain.code import CodeDraft, new_code
from codeactions.domain.errors import Error
from codeactions.domain.trial import TrialDraft, tried_code

CODE = new_code(
    CodeDraft(name="n", type="flow", source="own", language="python", project_uuid="p", timeout=9, timezone="UTC"),
    id=UUID(int=1),
    now=datetime(2026, 11, 23, tzinfo=UTC),
)


def draft(**fields: Any) -> TrialDraft:
    """A draft, as it is read from JSON."""
    return TrialDraft.read(fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("own", "python", 9, "UTC")),
        ({"source": "new", "language": "go", "timeout": 5, "timezone": "Asia/Tokyo"}, ("new", "go", 5, "Asia/Tokyo")),
        ({"timezone": None}, ("own", "python", 9, None)),
        ({"timezone": "", "method": "GET", "params": {"source": "x"}}, ("own", "python", 9, None)),
    ],
    ids=repr,
)
def test_what_is_given_takes_the_place_of_the_codes_own(fields: dict[str, Any], expected: tuple[object, ...]) -> None:
    tried = tried_code(CODE, draft(**fields))
    assert (tried.source, tried.language, tried.timeout, tried.timezone) == expected
    assert (tried.id, tried.name, tried.project_uuid, tried.type) == (CODE.id, "n", "p", "flow")
    assert (tried.version, CODE.version) == (None, 1)


@pytest.mark.parametrize(
    ("path", "raw", "decoded"),
    [
        ("/a b", "/a%20b", "/a b"),
        ("/a%2Fb", "/a%2Fb", "/a/b"),
        ("/grüße", "/gr%C3%BC%C3%9Fe", "/grüße"),
        ("/100%", "/100%", "/100%"),
        ("x", "x", "x"),
        ("/a;b=1&c+d@e:f,g!$'()*~", "/a;b=1&c+d@e:f,g!$'()*~", "/a;b=1&c+d@e:f,g!$'()*~"),
    ],
)
def test_a_path_may_be_percent_encoded_or_not(path: str, raw: str, decoded: str) -> None:
    made = draft(path=path)
    assert (made.raw_path, made.decoded_path) == (raw, decoded)


def test_values_are_texts_one_by_one() -> None:
    made = draft(params={"a": ["x", 1, 1.5, True], "b": []}, headers={"X-A": [" y ", "z"], "X-N": 5})
    assert made.pairs == [("a", "x"), ("a", "1"), ("a", "1.5"), ("a", "true")]
    assert made.header_pairs == [("x-a", "y"), ("x-a", "z"), ("x-n", "5")]


@pytest.mark.parametrize(
    ("body", "content", "headers"),
    [
        ("grüße", "grüße".encode(), []),
        ({"a": "ü"}, b'{"a": "\xc3\xbc"}', [("content-type", "application/json")]),
        (0, b"0", [("content-type", "application/json")]),
        (None, b"", []),
    ],
    ids=repr,
)
def test_a_body_is_a_text_or_json(body: Any, content: bytes, headers: list[tuple[str, str]]) -> None:
    made = draft(body=body)
    assert (made.content, made.header_pairs) == (content, headers)
    own = draft(body=body, headers={"Content-Type": "text/x"})
    assert own.header_pairs == [("content-type", "text/x")]


@pytest.mark.parametrize("body", ["\u00e9", {"a": "\u00e9"}])
@pytest.mark.parametrize("charset", ["latin1", "utf-16", "utf-8", "unknown"])
@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
def test_a_body_is_in_the_charset_that_its_headers_name(body: Any, kind: str, charset: str) -> None:
    content_type = f"{kind}; charset={charset}"
    content = draft(body=body, headers={"Content-Type": content_type}).content
    text = decode_body(content, content_type)[0] or content.decode()
    assert text == (body if isinstance(body, str) else '{"a": "\u00e9"}')


def nested(depth: int) -> Any:
    """Lists in lists."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("body", "headers", "told"),
    [
        (float("inf"), {}, "body must not contain numbers that JSON does not have, such as NaN"),
        ([float("nan")], {}, "body must not contain numbers that JSON does not have, such as NaN"),
        ("\ud800", {}, "body must not contain lone surrogates"),
        ({"\udfff": 1}, {}, "body must not contain lone surrogates"),
        ("\u4e2d", {"Content-Type": "a/b; charset=l1"}, "body has a character that a/b; charset=l1 does not have"),
        (nested(200_000), {}, "body is nested too deeply"),
    ],
    ids=lambda value: str(value)[:30] if not isinstance(value, list) else "list",
)
def test_a_body_that_cannot_be_sent_is_refused(body: Any, headers: dict[str, str], told: str) -> None:
    with pytest.raises(Error, match=f"^{told}$"):
        _ = draft(body=body, headers=headers).content
