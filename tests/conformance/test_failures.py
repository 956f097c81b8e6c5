"""How runs fail: what the caller learns, which is little, and what the history holds, which is everything."""

import pytest
from conformance.languages import Language

SECRET = "the user's own words"


def test_an_exception_is_a_500_that_tells_its_caller_nothing(python: Language) -> None:
    sources = {
        "python": f"""
            def Run(engine):
                engine.log.info("before")
                explode()

            def explode():
                raise ValueError("{SECRET}")
        """
    }
    answer = python.call(sources)
    error = python.failure(answer)
    for part in (SECRET, "ValueError", "explode", "Traceback"):
        assert part not in answer.text
    assert error["type"] == "exception"
    assert error["message"] == f"ValueError: {SECRET}"
    assert python.logs(answer) == [("info", "before")]


def test_the_traceback_shows_the_users_own_lines_and_none_of_ours(python: Language) -> None:
    sources = {"python": "import json\ndef Run(engine):\n    # a comment\n    return json.loads('{')  # here\n"}
    trace = python.failure(python.call(sources))["traceback"]
    assert 'File "action.py", line 4, in Run' in trace
    assert "return json.loads('{')  # here" in trace
    assert "JSONDecodeError" in trace
    assert "codeactions" not in trace
    assert "worker.py" not in trace
    assert trace.count("action.py") == 1


def test_the_traceback_shows_the_right_line_whatever_separators_the_source_holds(python: Language) -> None:
    # Only \\n, \\r\\n and \\r end a line of Python; str.splitlines knows many more.
    source = 'x = """\x0c\u2028\u0085"""\n\ndef Run(engine):\n    raise KeyError("wanted")  # the line\n'
    trace = python.failure(python.call({"python": source}))["traceback"]
    assert 'line 4, in Run\n    raise KeyError("wanted")  # the line' in trace


def test_the_traceback_of_a_chained_exception_holds_both(python: Language) -> None:
    sources = {
        "python": """
            def Run(engine):
                try:
                    1 / 0
                except ZeroDivisionError as error:
                    raise LookupError("second") from error
        """
    }
    error = python.failure(python.call(sources))
    assert error["message"] == "LookupError: second"
    assert error["traceback"].index("ZeroDivisionError: division by zero") < error["traceback"].index("second")


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


def test_endless_recursion_is_an_exception(python: Language) -> None:
    error = python.failure(python.call({"python": "def Run(engine):\n    return Run(engine)\n"}))
    assert (error["type"], error["message"].partition(":")[0]) == ("exception", "RecursionError")
    assert len(error["traceback"]) < 8000


def test_an_exception_while_the_module_is_loaded_is_one_too(python: Language) -> None:
    error = python.failure(python.call({"python": "import no_such_module\ndef Run(engine):\n    pass\n"}))
    assert error["type"] == "exception"
    assert error["message"] == "ModuleNotFoundError: No module named 'no_such_module'"
    assert 'File "action.py", line 1, in <module>' in error["traceback"]


def test_an_exception_whose_text_cannot_be_made_is_recorded_all_the_same(python: Language) -> None:
    sources = {
        "python": """
            class Hostile(Exception):
                def __str__(self):
                    raise OSError("not you")

            def Run(engine):
                raise Hostile
        """
    }
    error = python.failure(python.call(sources))
    assert error["type"] == "exception"
    assert error["message"].startswith("Hostile (its text could not be made")


def test_a_message_without_end_is_cut(python: Language) -> None:
    error = python.failure(python.call({"python": "def Run(engine):\n    raise ValueError('ü' * 10_000_000)\n"}))
    assert error["type"] == "exception"
    assert error["message"].startswith("ValueError: üü")
    assert len(error["message"]) < 10_000
    assert len(error["traceback"]) < 20_000


def test_characters_that_cannot_be_stored_are_replaced_in_messages(python: Language) -> None:
    source = r"def Run(engine):" + "\n" + r"    raise ValueError('nul \x00 surrogate \udc80 end')" + "\n"
    error = python.failure(python.call({"python": source}))
    assert error["message"].startswith("ValueError: nul ")
    assert error["message"].endswith(" end")
    assert "\x00" not in error["message"]


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
    error = python.failure(python.call({"python": source}))
    assert error["type"] == "invalid_source"
    assert message in error["message"]
    assert error["message"]


def test_a_syntax_error_is_shown_with_its_line(python: Language) -> None:
    trace = python.failure(python.call({"python": "import json\nx = = 1\n"}))["traceback"]
    assert 'File "action.py", line 2' in trace
    assert "x = = 1" in trace
    assert "SyntaxError" in trace


RETURNS_X = "def Run(engine):\n    return 'x'\n"


@pytest.mark.parametrize(
    "source",
    [
        "\ufeff" + RETURNS_X,
        RETURNS_X.replace("\n", "\r\n"),
        RETURNS_X.replace("\n", "\r"),
        RETURNS_X.replace("    ", "\t"),
        "from __future__ import annotations\ndef Run(engine: Unknown) -> Unknown:\n    return 'x'\n",
        '"""Doc."""\nfrom __future__ import annotations\n' + RETURNS_X,
        "# -*- coding: latin-1 -*-\n" + RETURNS_X,
        "#!/usr/bin/env python\n" + RETURNS_X,
        RETURNS_X.rstrip("\n"),
        "def Run(engine):\n    grüße = 'x'\n    return grüße\n",
        RETURNS_X + "\n\n\x0c\n",
        RETURNS_X + "if __name__ == '__main__':\n    raise SystemExit('this is no script')\n",
    ],
    ids=[
        "BOM",
        "CRLF",
        "CR",
        "tabs",
        "future",
        "doc and future",
        "coding",
        "shebang",
        "no line end",
        "names",
        "feed",
        "main",
    ],
)
def test_every_usual_form_of_source_runs(python: Language, source: str) -> None:
    answer = python.call({"python": source})
    assert (answer.status_code, answer.text) == (200, "x")


def test_sources_of_any_line_ending_have_right_line_numbers(python: Language) -> None:
    trace = python.failure(python.call({"python": "x = 1\r\n\r\ndef Run(engine):\r\n    1 / 0\r\n"}))["traceback"]
    assert "line 4, in Run\n    1 / 0" in trace


def test_dataclasses_type_hints_and_pickles_work_in_a_code(python: Language) -> None:
    sources = {
        "python": """
            from __future__ import annotations
            import dataclasses, pickle, typing

            @dataclasses.dataclass
            class Point:
                x: int = dataclasses.field(default=1)

            def Run(engine):
                again = pickle.loads(pickle.dumps(Point(5)))
                return [again.x, typing.get_type_hints(Point)["x"].__name__, Point.__module__]
        """
    }
    assert python.call(sources).json() == [5, "int", "action"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{1, 2}", "TypeError: Object of type set is not JSON serializable"),
        ("object()", "TypeError: Object of type object is not JSON serializable"),
        ("{'a': float('nan')}", "ValueError: Out of range float values are not JSON compliant"),
        ("{(1, 2): 3}", "TypeError: keys must be str, int, float, bool or None, not tuple"),
        ("(x for x in 'ab')", "TypeError: Object of type generator is not JSON serializable"),
    ],
)
@pytest.mark.parametrize("how", ["engine.result.set({})", "return {}"])
def test_a_value_that_is_no_json_is_an_exception(python: Language, how: str, value: str, message: str) -> None:
    error = python.failure(python.call({"python": "def Run(engine):\n    " + how.format(value)}))
    assert (error["type"], error["message"]) == ("exception", message)


def test_a_failure_after_a_result_counts_as_failure(python: Language) -> None:
    answer = python.call({"python": "def Run(engine):\n    engine.result.set('x')\n    1 / 0\n"})
    assert python.failure(answer)["message"] == "ZeroDivisionError: division by zero"
    assert "x-run-id" in answer.headers


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
