"""Using the engine wrongly is told to the code itself, by an error it could handle, in words that help."""

import pytest
from conformance.languages import Language, run, run_set

from codeactions.runtimes.protocol import SHORT_TYPES

_STATUS = {
    "python": "status_code must be a whole number from 200 to 599",
    "javascript": "statusCode must be a whole number from 200 to 599",
    "go": "the status code must be a whole number from 200 to 599",
}
_TYPE = "must be text without line breaks, at most 8192 bytes"


def status(python: str, javascript: str, go: str | None = None) -> tuple[dict[str, str], object]:
    """A wrong status code; in Go only numbers can be written at all."""
    arguments = {"python": f"'x', status_code={python}", "javascript": f"'x', {{statusCode: {javascript}}}"}
    return arguments | ({"go": f'"x", codeactions.StatusCode({go})'} if go else {}), _STATUS


def content_type(python: str, javascript: str, go: str | None = None) -> tuple[dict[str, str], object]:
    """A wrong content type."""
    arguments = {"python": f"'x', content_type={python}", "javascript": f"'x', {{contentType: {javascript}}}"}
    return arguments | ({"go": f'"x", codeactions.ContentType({go})'} if go else {}), _TYPE


def no_type(value: str) -> tuple[dict[str, str], object]:
    """A text that is neither a MIME type nor a short name; the error names it."""
    told = f"; there are MIME types, such as text/plain, and the short names {', '.join(SHORT_TYPES)}"
    words = {"python": repr(value), "javascript": f'"{value}"', "go": f'"{value}"'}
    arguments, _ = content_type(*words.values())
    return arguments, {language: f"there is no content type {word}{told}" for language, word in words.items()}


def headers(python: str, javascript: str, go: str | None, message: object) -> tuple[dict[str, str], object]:
    """Wrong headers."""
    arguments = {"python": f"'x', headers={python}", "javascript": f"'x', {{headers: {javascript}}}"}
    return arguments | ({"go": f'"x", codeactions.Headers({go})'} if go else {}), message


def header(name: str, value: str, message: str) -> tuple[dict[str, str], object]:
    """One wrong header, which is written the same in every language."""
    pair = f'{{"{name}": "{value}"}}'
    return headers(pair, pair, f"map[string]string{pair}", message)


# By name: the arguments of `engine.result.set` in each language that can say such a thing, and words of the error.
MISUSES = {
    "status code too low": status("100", "100", "100"),
    "status code too high": status("600", "600", "600"),
    "status code negative": status("-1", "-1", "-1"),
    "status code as text": status("'200'", "'200'"),
    "status code as bool": status("True", "true"),
    "status code as fraction": status("200.0", "200.5"),
    "no status code": status("None", "null"),
    "content type a number": content_type("5", "5"),
    "content type a list": content_type("['json']", "['json']"),
    "content type bytes": content_type("b'json'", "new Uint8Array(4)"),
    "content type with a line break": content_type(r"'a/b\r\nX: y'", r"'a/b\r\nX: y'", r'"a/b\r\nX: y"'),
    "content type with half a character": content_type(r"'a/\ud800'", r"'a/\ud800'", r'"a/\xed"'),
    "content type of one word that means nothing": no_type("pfd"),
    "content type without a subtype": no_type("text/"),
    "content type without a type": no_type("/csv; header=absent"),
    "content type with a blank": no_type("a b/c"),
    "content type with a blank before its slash": no_type("text /csv"),
    "content type of three parts": no_type("a/b/c"),
    "content type in other letters": no_type("text/ü"),
    "content type too long": content_type("'a' * 9000", "'a'.repeat(9000)", 'strings.Repeat("a", 9000)'),
    "header value with CRLF": header("X-A", r"a\r\nX-B: b", f"X-A {_TYPE}"),
    "header value with LF": header("X-A", r"a\nb", f"X-A {_TYPE}"),
    "header value with NUL": header("X-A", r"a\x00b", f"X-A {_TYPE}"),
    "header value too long in UTF-8": header("X-A", "ü" * 4097, f"X-A {_TYPE}"),
    "header value too long": header("X-A", "a" * 9000, f"X-A {_TYPE}"),
    "header name with a colon": header("X:A", "a", "X:A"),
    "header name with CRLF": header(r"X\r\nA", "a", "is no header name"),
    "header name not ASCII": header("X-ä", "a", "is no header name"),
    "header name empty": header("", "a", "is no header name"),
    "header name too long": header("a" * 300, "a", "is no header name"),
    "header value bytes": headers("{'X-A': b'a'}", "{'X-A': new Uint8Array(1)}", None, "header X-A must be"),
    "header value nothing": headers("{'X-A': None}", "{'X-A': null}", None, "header X-A must be"),
    "too many headers": headers(
        "{f'X-{i}': '' for i in range(101)}",
        "Object.fromEntries([...Array(101).keys()].map((i) => [`X-${i}`, '']))",
        'func() map[string]string { m := map[string]string{}; for i := range 101 { m[fmt.Sprint(i)] = "" }; '
        "return m }()",
        "at most 100 headers",
    ),
    "headers a list": headers("[('X-A', 'a')]", "[['X-A', 'a']]", None, "headers must be a"),
    "headers a text": headers("'X-A: a'", "'X-A: a'", None, "headers must be a"),
    "unknown option": ({"python": "'x', status=200", "javascript": "'x', {status: 200}"}, "status"),
    "options of the wrong kind": ({"python": "'x', 200, 'json', {}, 1", "javascript": "'x', 201"}, ""),
    "value still to come": (
        {"python": "[(x for x in 'ab')]", "javascript": "Promise.resolve(1)", "go": "make(chan int)"},
        {"python": "result[0] is a generator", "javascript": "await it first", "go": "result is a chan int"},
    ),
    "a function": (
        {"python": "print", "javascript": "() => 1", "go": "func() {}"},
        {"python": "call it first", "javascript": "call it first", "go": "result is a func()"},
    ),
}


SAID = [(language, name) for name, (arguments, _) in MISUSES.items() for language in arguments]


@pytest.mark.parametrize(("language", "name"), SAID, indirect=["language"])
def test_a_result_that_cannot_be_sent_is_a_clear_error_in_the_code(language: Language, name: str) -> None:
    arguments, message = MISUSES[name]
    sources = run(
        python=f"""
            engine.result.set("before")
            try:
                engine.result.set({arguments.get("python", "")})
            except (TypeError, ValueError) as error:
                engine.log.error(str(error))
        """,
        javascript=f"""
            engine.result.set("before");
            try {{
                engine.result.set({arguments.get("javascript", "")});
            }} catch (error) {{
                engine.log.error(error.message);
            }}
        """,
        go=f"""
            engine.Result.Set("before")
            if err := engine.Result.Set({arguments.get("go", "nil")}); err != nil {{
                engine.Log.Error(err.Error())
            }}
        """,
    )
    answer = language.call(sources)
    [(level, line)] = language.logs(answer)
    assert level == "error"
    assert (message[language.name] if isinstance(message, dict) else str(message)) in line
    assert len(line) < 600
    assert (answer.status_code, answer.text) == (200, "before"), "a refused result must leave the one before alone"


def test_an_uncaught_misuse_fails_the_run_with_that_error(language: Language) -> None:
    sources = run_set(
        python="'x', status_code=99", javascript="'x', {statusCode: 99}", go='"x", codeactions.StatusCode(99)'
    )
    error = language.failure(language.call(sources))
    assert error["type"] == "exception"
    kind = {"python": "ValueError: ", "javascript": "RangeError: ", "go": ""}[language.name]
    assert error["message"] == f"{kind}{_STATUS[language.name]}, not 99"
    if language.name != "go":  # whose errors have no trace
        assert {"python": "line 2, in Run", "javascript": "at Run (action.js:2:"}[language.name] in error["traceback"]


# By name: arguments that are just allowed.
ALLOWED = {
    "100 headers": headers(
        "{f'X-{i}': 'a' * 600 for i in range(100)}",
        "Object.fromEntries([...Array(100).keys()].map((i) => [`X-${i}`, 'a'.repeat(600)]))",
        'func() map[string]string { m := map[string]string{}; for i := range 100 { m[fmt.Sprint("X-", i)] = '
        'strings.Repeat("a", 600) }; return m }()',
        None,
    ),
    "long value": headers(
        "{'X-A': 'a' * 8192}",
        "{'X-A': 'a'.repeat(8192)}",
        'map[string]string{"X-A": strings.Repeat("a", 8192)}',
        None,
    ),
    "long name": headers(
        "{'a' * 256: 'b'}",
        "{['a'.repeat(256)]: 'b'}",
        'map[string]string{strings.Repeat("a", 256): "b"}',
        None,
    ),
    "no headers": headers("None", "undefined", "nil", None),
    "empty headers": headers("{}", "{}", "map[string]string{}", None),
    "long content type": content_type(
        "'x/' + 'a' * 1000", "'x/' + 'a'.repeat(1000)", '"x/" + strings.Repeat("a", 1000)'
    ),
    "content type of all letters that there are": content_type(
        *["' aZ0!#$%&\\'*+-.^_`|~/x ;'"] * 2, '" aZ0!#$%&\'*+-.^_`|~/x ;"'
    ),
    "empty content type": content_type("''", "''", '""'),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_is_just_within_the_bounds_goes_through(language: Language, name: str) -> None:
    answer = language.call(run_set(**ALLOWED[name][0]))
    assert (answer.status_code, answer.text) == (200, "x")
