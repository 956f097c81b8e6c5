"""Python's own exceptions, and how they show."""

import pytest
from conformance.languages import Language


def test_the_traceback_shows_the_right_line_whatever_separators_the_source_holds(python: Language) -> None:
    # Only \\n, \\r\\n and \\r end a line of Python; str.splitlines knows many more.
    source = 'x = """\x0c\u2028\u0085"""\n\ndef Run(engine):\n    raise KeyError("wanted")  # the line\n'
    trace = python.failure(python.call({"python": source}))["traceback"]
    assert 'line 4, in Run\n    raise KeyError("wanted")  # the line' in trace


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("raise SystemExit", "SystemExit"),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("import sys; sys.exit('bye')", "SystemExit: bye"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise BaseException('base')", "BaseException: base"),
        ("raise ExceptionGroup('several', [ValueError('a')])", "ExceptionGroup: several (1 sub-exception)"),
        ("raise StopIteration(1)", "StopIteration: 1"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("assert engine is None, 'no'", "AssertionError: no"),
    ],
)
@pytest.mark.parametrize("head", ["def", "async def"])
def test_everything_that_can_be_raised_is_a_recorded_exception(
    python: Language, head: str, statement: str, message: str
) -> None:
    error = python.failure(python.call({"python": f"{head} Run(engine):\n    {statement}\n"}))
    assert error["type"] == "exception"
    if head == "async def" and "StopIteration" in statement:
        message = "RuntimeError: coroutine raised StopIteration"  # as Python itself has it
    assert error["message"] == message


@pytest.mark.parametrize(
    "source",
    ["def Run():\n    pass\n", "def Run(engine):\n    return object()\n", "Run = len\n"],
    ids=["no argument", "no JSON", "not its own"],
)
def test_a_traceback_without_a_line_of_the_users_shows_none(python: Language, source: str) -> None:
    error = python.failure(python.call({"python": source}))
    assert error["message"].startswith("TypeError: ")
    assert error["traceback"] == error["message"] + "\n"


def test_an_exception_while_the_module_is_loaded_is_one_too(python: Language) -> None:
    source = "import no_such_module\ndef Run(engine):\n    pass\n"
    error = python.failure(python.call({"python": source}, fields={"check": "false"}))
    assert error["type"] == "exception"
    assert error["message"] == "ModuleNotFoundError: No module named 'no_such_module'"
    assert 'File "action.py", line 1, in <module>' in error["traceback"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def Run(engine):\n    return (\n", "'(' was never closed"),
        ("def Run(engine)\n    pass\n", "expected ':'"),
        ("def Run(engine):\npass\n", "expected an indented block"),
        ("def run(engine):\n    pass\n", "defines no function Run"),
        ("Run = 5\n", "Run must be a function, not int"),
        ("Run = None\n", "defines no function Run"),
        ("# nothing\n", "defines no function Run"),
        ("def Run(engine):\n\tif 1:\n        pass\n", "inconsistent use of tabs"),
        ("def Run(engine):\n    await engine\n", "'await' outside async function"),
        ("x = " + "(" * 5000 + ")" * 5000, ""),
    ],
    ids=["open", "colon", "indent", "no Run", "number", "None", "comment", "tabs", "await", "deep"],
)
def test_a_source_that_cannot_be_run_says_why(python: Language, source: str, message: str) -> None:
    error = python.failure(python.call({"python": source}, fields={"check": False}))
    assert error["type"] == "invalid_source"
    assert message in error["message"]
    assert error["message"]


def test_a_syntax_error_is_shown_with_its_line(python: Language) -> None:
    trace = python.failure(python.call({"python": "import json\nx = = 1\n"}, fields={"check": False}))["traceback"]
    assert 'File "action.py", line 2' in trace
    assert "x = = 1" in trace
    assert "SyntaxError" in trace


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("object()", "TypeError: "),
        ("{'a': float('nan')}", "ValueError: "),
        ("{(1, 2): 3}", "TypeError: "),
        ("[(x for x in 'ab')]", "TypeError: "),
    ],
)
@pytest.mark.parametrize("how", ["engine.result.set({})", "return {}"])
def test_a_value_that_is_no_json_is_an_exception(python: Language, how: str, value: str, kind: str) -> None:
    error = python.failure(python.call({"python": "def Run(engine):\n    " + how.format(value)}))
    assert error["type"] == "exception"
    assert error["message"].startswith(kind), "what follows differs between versions of Python"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("os._exit(0)", "exited with code 0 before it gave a result"),
        ("os._exit(3)", "exited with code 3 before it gave a result"),
        # A namespace's first process does not get its own SIGABRT; abort() then ends it by a fault.
        ("os.abort()", "before it gave a result"),
        ("engine.result.set('x'); os._exit(0)", "exited with code 0 before it gave a result"),
        (
            "engine.result.set('x'); import ctypes; ctypes.string_at(0)",
            "ended by SIGSEGV before it gave a result",
        ),
    ],
)
def test_a_process_that_ends_without_a_result_failed(python: Language, statement: str, message: str) -> None:
    error = python.failure(python.call({"python": f"import os\ndef Run(engine):\n    {statement}\n"}))
    assert error["type"] == "killed"
    assert message in error["message"]
