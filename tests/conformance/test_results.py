"""What a code answers: values, and the kinds of answer they become."""

import json

import pytest
from conformance.languages import Language, run, run_return, run_set

TEXT, OCTETS, JSON, HTML = (
    "text/plain; charset=utf-8",
    "application/octet-stream",
    "application/json",
    "text/html; charset=utf-8",
)

# By kind: the value in Python, JavaScript and Go, the answer's type, and its body: bytes, or what is in the JSON.
VALUES: dict[str, tuple[str, str, str, str, object]] = {
    "text": ('"grüße"', '"grüße"', '"grüße"', TEXT, "grüße".encode()),
    "empty text": ('""', '""', '""', TEXT, b""),
    "text that looks like JSON": ("'[1]'", "'[1]'", "`[1]`", TEXT, b"[1]"),
    "bytes": (
        r'b"\x00\xff"',
        "new Uint8Array([0, 255])",
        "[]byte{0, 255}",
        OCTETS,
        b"\x00\xff",
    ),
    "other bytes": (
        r'bytearray(b"\x00\xff")',
        "new Uint16Array([1, 0x00ff, 2]).subarray(1, 2)",
        r'bytes.NewBufferString("\x00\xff").Bytes()',
        OCTETS,
        {"python": b"\x00\xff", "javascript": b"\xff\x00", "go": b"\x00\xff"},
    ),
    "more bytes": (
        r'memoryview(b"\x00\xff")',
        "new Uint8Array([0, 255]).buffer",
        r'[]byte("\x00\xff")',
        OCTETS,
        b"\x00\xff",
    ),
    "object": (
        '{"ü": [1, None]}',
        '{"ü": [1, null]}',
        'map[string]any{"ü": []any{1, nil}}',
        JSON,
        {"ü": [1, None]},
    ),
    "object of a class of its own": (
        '{"a": "<&>"}',
        'new (class { a = "<&>"; })()',
        'struct{ A string `json:"a"`; b int }{"<&>", 1}',
        JSON,
        {"a": "<&>"},
    ),
    "list": ('[1, "a", {}]', '[1, "a", {}]', '[]any{1, "a", struct{}{}}', JSON, [1, "a", {}]),
    "other list": ("(1, 2)", "[1, 2].values().toArray()", "[2]int{1, 2}", JSON, [1, 2]),
    "whole number": ("1234567890123456", "1234567890123456", "1234567890123456", JSON, 1234567890123456),
    "fraction": ("0.1", "0.1", "0.1", JSON, 0.1),
    "true": ("True", "true", "true", JSON, True),
    "false": ("False", "false", "false", JSON, False),
    "zero": ("0", "0", "0", JSON, 0),
    "empty list": ("[]", "[]", "[]int{}", JSON, []),
}
ARGUMENTS: dict[str, tuple[str, str, str, str, object]] = {
    "nothing, on purpose": ("None", "null", "nil", JSON, None),
    "text as text": (
        '"a", content_type="text"',
        '"a", {contentType: "text"}',
        '"a", codeactions.ContentType("text")',
        TEXT,
        b"a",
    ),
    "number as text": (
        '5, content_type="text"',
        '5, {contentType: "text"}',
        '5, codeactions.ContentType("text")',
        TEXT,
        b"5",
    ),
    "text as JSON": (
        "json.dumps({'status': 'ok'}), content_type='json'",
        'JSON.stringify({status: "ok"}), {contentType: "json"}',
        '`{"status": "ok"}`, codeactions.ContentType("json")',
        JSON,
        {"python": b'{"status": "ok"}', "javascript": b'{"status":"ok"}', "go": b'{"status": "ok"}'},
    ),
    "text that is no JSON as JSON": (
        '"a", content_type="json"',
        '"a", {contentType: "json"}',
        '"a", codeactions.ContentType("json")',
        JSON,
        b"a",
    ),
    "bytes as JSON": (
        "b'[1,  2]', content_type='json'",
        'Buffer.from("[1,  2]"), {contentType: "json"}',
        '[]byte("[1,  2]"), codeactions.ContentType("json")',
        JSON,
        b"[1,  2]",
    ),
    "object as text": (
        '{"a": None}, content_type="text"',
        '{a: null}, {contentType: "text"}',
        'map[string]any{"a": nil}, codeactions.ContentType("text")',
        TEXT,
        {"a": None},
    ),
    "list as HTML": (
        '[True, "<b>"], content_type="html"',
        '[true, "<b>"], {contentType: "html"}',
        '[]any{true, "<b>"}, codeactions.ContentType("html")',
        HTML,
        [True, "<b>"],
    ),
    "true as text": (
        'True, content_type="text"',
        'true, {contentType: "text"}',
        'true, codeactions.ContentType("text")',
        TEXT,
        b"true",
    ),
    "nothing as text": (
        'None, content_type="text"',
        'null, {contentType: "text"}',
        'nil, codeactions.ContentType("text")',
        TEXT,
        b"null",
    ),
    "text as HTML": (
        '"<p>ü</p>", content_type="html"',
        '"<p>ü</p>", {contentType: "html"}',
        '"<p>ü</p>", codeactions.ContentType("html")',
        HTML,
        "<p>ü</p>".encode(),
    ),
    "number as HTML": (
        '5, content_type="html"',
        '5, {contentType: "html"}',
        '5, codeactions.ContentType("html")',
        HTML,
        b"5",
    ),
    "bytes as HTML": (
        'b"<p>", content_type="html"',
        'new TextEncoder().encode("<p>"), {contentType: "html"}',
        '[]byte("<p>"), codeactions.ContentType("html")',
        HTML,
        b"<p>",
    ),
    "text as application/json": (
        "'[1,  2]', content_type='application/json'",
        "'[1,  2]', {contentType: 'application/json'}",
        '`[1,  2]`, codeactions.ContentType("application/json")',
        JSON,
        b"[1,  2]",
    ),
    "text as any type": (
        '"a,b", content_type="text/csv; header=absent"',
        '"a,b", {contentType: "text/csv; header=absent"}',
        '"a,b", codeactions.ContentType("text/csv; header=absent")',
        "text/csv; header=absent",
        b"a,b",
    ),
    "bytes as any type": (
        'b"\\x89PNG", content_type="image/png"',
        'Buffer.from("\\x89PNG", "latin1"), {contentType: "image/png"}',
        '[]byte("\\x89PNG"), codeactions.ContentType("image/png")',
        "image/png",
        b"\x89PNG",
    ),
    "object as any type": (
        '{"title": "x"}, content_type="application/problem+json"',
        '{title: "x"}, {contentType: "application/problem+json"}',
        'map[string]string{"title": "x"}, codeactions.ContentType("application/problem+json")',
        "application/problem+json",
        {"title": "x"},
    ),
}


def check(language: Language, sources: dict[str, str], content_type: str, body: object) -> None:
    """Whether a code answers so, whatever spaces its language puts into JSON."""
    answer = language.call(sources)
    if isinstance(body, dict) and language.name in body:  # JSON has blanks in one language and none in others
        body = body[language.name]
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    if isinstance(body, bytes):
        assert answer.content == body
    else:
        assert json.loads(answer.content) == body
    assert answer.headers["content-length"] == str(len(answer.content))
    assert "transfer-encoding" not in answer.headers


@pytest.mark.parametrize("name", VALUES | ARGUMENTS)
def test_a_value_set_becomes_its_kind_of_answer(language: Language, name: str) -> None:
    python, javascript, go, content_type, body = (VALUES | ARGUMENTS)[name]
    sources = run_set(python=python, javascript=javascript, go=go)
    sources["python"] = f"import json\n{sources['python']}"
    check(language, sources, content_type, body)


@pytest.mark.parametrize("name", VALUES)
def test_a_value_returned_becomes_the_same_answer(language: Language, name: str) -> None:
    python, javascript, go, content_type, body = VALUES[name]
    check(language, run_return(python=python, javascript=javascript, go=go), content_type, body)


def test_json_with_half_a_character_is_utf_8_all_the_same(language: Language) -> None:
    sources = run_return(
        python=r'["ü", "a\udce9b", "\ud83d\ude00"]',
        javascript=r'["ü", "a\udce9b", "\ud83d\ude00"]',
        go=r'[]string{"ü", "a\xe9b", "\U0001f600"}',
    )
    half = {"go": "\ufffd"}.get(language.name, "\udce9")
    assert json.loads(language.call(sources).content.decode()) == ["ü", f"a{half}b", "\U0001f600"]


# In Go a text is bytes, and goes out as they are.
@pytest.mark.parametrize("content_type", ["text", "html", "text/csv"])
def test_half_a_character_in_a_text_is_replaced(python: Language, javascript: Language, content_type: str) -> None:
    text = r'"ü a\udce9b \ud83d\ud83d\ude00 \ud83d"'
    sources = run_set(
        python=f'{text}, content_type="{content_type}"', javascript=f'{text}, {{contentType: "{content_type}"}}'
    )
    for language in (python, javascript):
        assert language.call(sources).content.decode() == "ü a\ufffdb \ufffd\U0001f600 \ufffd"


def test_half_a_character_in_a_header_is_an_exception(language: Language) -> None:
    sources = run_set(
        python=r'"x", headers={"X-Thing": "a\udce9b"}',
        javascript=r'"x", {headers: {"X-Thing": "a\udce9b"}}',
        go=r'"x", codeactions.Headers(map[string]string{"X-Thing": "a\xe9b"})',
    )
    error = language.failure(language.call(sources))
    assert error["type"] == "exception"
    assert "X-Thing must be text" in error["message"]


NOTHING = {
    "an empty Run": {
        "python": "def Run(engine):\n    pass\n",
        "javascript": "export function Run() {}",
        "go": "func Run(engine *codeactions.Engine) {}",
    },
    "a bare return": {
        "python": "def Run(engine):\n    return\n",
        "javascript": "export async function Run(engine) { return; }",
        "go": "func Run(*codeactions.Engine) error { return nil }",
    },
    "nothing returned": {
        "python": "def Run(engine):\n    return None\n",
        "javascript": "export const Run = (engine) => undefined;",
        "go": "func Run(_ *codeactions.Engine) (any, error) { return nil, nil }",
    },
}


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_set_and_nothing_returned_is_an_empty_answer(language: Language, name: str) -> None:
    answer = language.call(NOTHING[name])
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, TEXT, b"")
    assert language.record(answer)["status"] == "completed"


def test_the_last_result_set_counts_as_a_whole(language: Language) -> None:
    sources = run(
        python="""
            engine.result.set({"a": 1}, status_code=201, headers={"X-First": "1"})
            engine.result.set("b")
        """,
        javascript="""
            engine.result.set({a: 1}, {statusCode: 201, headers: {"X-First": "1"}});
            engine.result.set("b");
        """,
        go="""
            first := codeactions.Headers(map[string]string{"X-First": "1"})
            engine.Result.Set(map[string]any{"a": 1}, codeactions.StatusCode(201), first)
            engine.Result.Set("b")
        """,
    )
    answer = language.call(sources)
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, TEXT, "b")
    assert "x-first" not in answer.headers
