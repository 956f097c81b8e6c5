"""Using the engine wrongly is told to the code itself, by an exception it could catch, in words that help."""

import pytest
from conformance.languages import Language

MISUSES = {
    "status code too low": (
        "'x', status_code=100",
        "ValueError",
        "status_code must be a whole number from 200 to 599",
    ),
    "status code too high": (
        "'x', status_code=600",
        "ValueError",
        "status_code must be a whole number from 200 to 599",
    ),
    "status code as text": ("'x', status_code='200'", "ValueError", "status_code must be a whole number"),
    "status code as bool": ("'x', status_code=True", "ValueError", "status_code must be a whole number"),
    "status code as fraction": ("'x', status_code=200.0", "ValueError", "status_code must be a whole number"),
    "no status code": ("'x', status_code=None", "ValueError", "status_code must be a whole number"),
    "content type a number": ("'x', content_type=5", "ValueError", "content_type must be Latin-1 text"),
    "content type a list": ("'x', content_type=['json']", "ValueError", "content_type must be Latin-1 text"),
    "content type bytes": ("'x', content_type=b'json'", "ValueError", "content_type must be Latin-1 text"),
    "content type with a line break": (
        "'x', content_type='a/b\\r\\nX: y'",
        "ValueError",
        "without line breaks",
    ),
    "content type that is no Latin-1": ("'x', content_type='a/\u4e00'", "ValueError", "content_type must be"),
    "content type too long": ("'x', content_type='a' * 9000", "ValueError", "8192"),
    "header value with CRLF": (
        "'x', headers={'X-A': 'a\\r\\nX-B: b'}",
        "ValueError",
        "X-A must be Latin-1 text without",
    ),
    "header value with LF": (
        "'x', headers={'X-A': 'a\\nb'}",
        "ValueError",
        "header X-A must be Latin-1 text without",
    ),
    "header value with NUL": (
        "'x', headers={'X-A': 'a\\x00b'}",
        "ValueError",
        "header X-A must be Latin-1 text",
    ),
    "header value no Latin-1": (
        "'x', headers={'X-A': '\u4e00'}",
        "ValueError",
        "header X-A must be Latin-1 text",
    ),
    "header value too long": ("'x', headers={'X-A': 'a' * 9000}", "ValueError", "8192"),
    "header name with a colon": ("'x', headers={'X:A': 'a'}", "ValueError", "'X:A' is no header name"),
    "header name with CRLF": ("'x', headers={'X\\r\\nA': 'a'}", "ValueError", "is no header name"),
    "header name empty": ("'x', headers={'': 'a'}", "ValueError", "'' is no header name"),
    "header name too long": ("'x', headers={'a' * 300: 'a'}", "ValueError", "is no header name"),
    "header value bytes": ("'x', headers={'X-A': b'a'}", "ValueError", "header X-A must be"),
    "too many headers": (
        "'x', headers={f'X-{i}': '' for i in range(101)}",
        "ValueError",
        "at most 100 headers",
    ),
    "headers a list": ("'x', headers=[('X-A', 'a')]", "ValueError", "headers must be a mapping"),
    "headers a text": ("'x', headers='X-A: a'", "ValueError", "headers must be a mapping"),
    "no value": ("", "TypeError", "value"),
    "unknown option": ("'x', status=200", "TypeError", "status"),
}


@pytest.mark.parametrize("name", MISUSES)
def test_a_result_that_cannot_be_sent_raises_a_clear_error_in_the_code(python: Language, name: str) -> None:
    arguments, kind, message = MISUSES[name]
    source = f"""
        def Run(engine):
            engine.result.set("before")
            try:
                engine.result.set({arguments})
            except Exception as error:
                engine.log.error(f"{{type(error).__name__}}: {{error}}")
            else:
                engine.log.error("it was taken")
    """
    answer = python.call({"python": source})
    [(level, line)] = python.logs(answer)
    assert level == "error"
    assert line.startswith(f"{kind}: ")
    assert message in line
    assert len(line) < 500
    assert (answer.status_code, answer.text) == (200, "before"), "a refused result must leave the one before alone"


def test_an_uncaught_misuse_fails_the_run_with_that_error(python: Language) -> None:
    error = python.failure(python.call({"python": "def Run(engine):\n    engine.result.set('x', status_code=99)\n"}))
    assert error["type"] == "exception"
    assert error["message"] == "ValueError: status_code must be a whole number from 200 to 599, not 99"
    assert "line 2, in Run" in error["traceback"]


@pytest.mark.parametrize(
    "arguments",
    [
        "'x', headers={f'X-{i}': 'a' for i in range(100)}",
        "'x', headers={'X-A': 'a' * 8192}",
        "'x', headers={'a' * 256: 'b'}",
        "'x', headers=None",
        "'x', headers={}",
        "'x', content_type='x/' + 'a' * 1000",
        "'x', headers={f'X-{i}': 'a' * 600 for i in range(100)}",
    ],
)
def test_what_is_just_within_the_bounds_goes_through(python: Language, arguments: str) -> None:
    answer = python.call({"python": f"def Run(engine):\n    engine.result.set({arguments})\n"})
    assert (answer.status_code, answer.text) == (200, "x")


def test_a_missing_parameter_or_header_read_by_index_is_a_key_error(python: Language) -> None:
    for name in ("params", "header"):
        error = python.failure(python.call({"python": f"def Run(engine):\n    return engine.{name}['nope']\n"}))
        assert error["message"] == "KeyError: 'nope'"


def test_a_log_call_with_wrong_arguments_is_an_exception(python: Language) -> None:
    error = python.failure(python.call({"python": "def Run(engine):\n    engine.log.info('%d', 'x')\n"}))
    assert error["message"].startswith("TypeError: %d format")
