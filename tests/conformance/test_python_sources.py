"""Forms of source that are Python's alone."""

import pytest
from conformance.languages import Language

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


def test_asyncio_may_be_imported_inside_run(python: Language) -> None:
    sources = {
        "python": """
            async def Run(engine):
                import asyncio
                await asyncio.sleep(0.01)
                async with asyncio.timeout(5):
                    return await asyncio.to_thread(lambda: "from a thread")
        """
    }
    assert python.call(sources).text == "from a thread"


@pytest.mark.parametrize(
    "definition",
    [
        "Run = lambda engine: 'x'",
        "class Action:\n    def __call__(self, engine):\n        return 'x'\nRun = Action()",
        "class Run:\n    def __init__(self, engine):\n        engine.result.set('x')",
        "import functools\nRun = functools.partial(lambda text, engine: text, 'x')",
    ],
    ids=["lambda", "object", "class", "partial"],
)
def test_run_may_be_anything_that_can_be_called(python: Language, definition: str) -> None:
    assert python.call({"python": definition}).text == "x"


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio\ndef Run(engine):\n    return asyncio.sleep(0.01, 'x')\n",
        """
            import asyncio

            async def Run(engine):
                asyncio.get_running_loop()
                asyncio.create_task(asyncio.sleep(50))
                return "x"
        """,
        """
            async def Run(engine):
                from asyncio import create_task, sleep
                create_task(sleep(50))
                return "x"
        """,
    ],
    ids=["returned", "task", "imported within"],
)
def test_a_run_that_awaits_nothing_itself_has_its_loop(python: Language, source: str) -> None:
    answer = python.call({"python": source})
    assert answer.text == "x", python.record(answer)["extra"].get("error")


def test_run_may_be_async_without_waiting(python: Language) -> None:
    sources = {
        "python": """
            async def double(number):
                return 2 * number

            async def Run(engine):
                return await double(21)
        """
    }
    assert python.call(sources).json() == 42


def test_what_a_run_does_to_the_interpreter_stays_in_it(python: Language) -> None:
    sources = {
        "python": """
            import builtins, json, os, sys

            def Run(engine):
                seen = [hasattr(builtins, "left"), hasattr(json, "left"), "LEFT" in os.environ]
                seen += ["left" in sys.modules, sys.getrecursionlimit() == 4321, "left" in sys.path]
                builtins.left = json.left = 1
                os.environ["LEFT"] = "1"
                sys.modules["left"] = json
                sys.path.append("left")
                sys.setrecursionlimit(4321)
                type(engine).params = property(lambda self: "poisoned")
                return seen + [engine.params]
        """
    }
    code_id = python.deploy(sources)
    assert [python.server.client.post(f"/endpoint/{code_id}").json() for _ in range(3)] == [
        [False] * 6 + ["poisoned"]
    ] * 3
    echo = {"python": "def Run(engine):\n    return dict(engine.params.items())"}
    assert python.call(echo, params={"a": "1"}).json() == {"a": "1"}


def test_a_run_inside_another_code_knows_nothing_of_the_first(python: Language) -> None:
    python.call({"python": "secret = 'mine'\nimport sys\nsys.modules['shared'] = sys\ndef Run(engine): pass"})
    sources = {"python": "import sys\ndef Run(engine):\n    return ['shared' in sys.modules, 'secret' in globals()]"}
    assert python.call(sources).json() == [False, False]


@pytest.mark.parametrize(
    "use",
    [
        "import sqlite3; c = sqlite3.connect(':memory:'); return c.execute('select 6*7').fetchone()[0]",
        "import decimal; return int(decimal.Decimal('42'))",
        "import zlib, base64; return int(zlib.decompress(zlib.compress(b'42')))",
        "import xml.etree.ElementTree as e; return int(e.fromstring('<a>42</a>').text)",
        "import csv, io; return int(next(csv.reader(io.StringIO('42')))[0])",
        "import re; return int(re.search('[0-9]+', 'x42').group())",
        "import datetime as d; return (d.datetime(2026, 2, 12) - d.datetime(2026, 1, 1)).days",
        "import concurrent.futures as f; return f.ThreadPoolExecutor().submit(lambda: 42).result()",
        "import ssl, http.client, email, hashlib, ctypes; return 42",
        "import multiprocessing as m; return m.get_context('fork').Pool(1).apply(int, ('42',))",
        "import subprocess; return int(subprocess.check_output(['/bin/sh', '-c', 'echo 42']))",
    ],
)
def test_the_standard_library_just_works(python: Language, use: str) -> None:
    answer = python.call({"python": f"def Run(engine):\n    {use}\n"})
    assert answer.text == "42", python.record(answer)["extra"].get("error")


def test_a_missing_parameter_or_header_read_by_index_is_a_key_error(python: Language) -> None:
    for name in ("params", "header"):
        error = python.failure(python.call({"python": f"def Run(engine):\n    return engine.{name}['nope']\n"}))
        assert error["message"] == "KeyError: 'nope'"


def test_a_log_call_with_wrong_arguments_is_an_exception(python: Language) -> None:
    error = python.failure(python.call({"python": "def Run(engine):\n    engine.log.info('%d', 'x')\n"}))
    assert error["message"].startswith("TypeError: %d format")


def test_a_whole_number_may_have_any_size(python: Language) -> None:
    assert python.call({"python": "def Run(engine):\n    return 10 ** 100\n"}).text == "1" + "0" * 100
