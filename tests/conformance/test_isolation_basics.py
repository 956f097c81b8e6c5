"""Every run begins anew: files, globals, modules, environment, chance. (Attacks are another suite.)"""

import time

import pytest
from conformance.languages import Language
from harness import TOKEN


def results(language: Language, sources: dict[str, str], times: int = 5) -> list[object]:
    """What one deployed code answers, called several times."""
    code_id = language.deploy(sources)
    answers = [language.server.client.post(f"/endpoint/{code_id}") for _ in range(times)]
    assert [answer.status_code for answer in answers] == [200] * times, answers[0].text
    return [answer.json() for answer in answers]


def test_temporary_files_can_be_written_and_are_gone_in_the_next_run(language: Language) -> None:
    sources = {
        "python": """
            import os, tempfile

            def Run(engine):
                before = sorted(os.listdir("/tmp"))
                with open("/tmp/kept", "x") as file:
                    file.write("data")
                with tempfile.NamedTemporaryFile("w+") as file:
                    file.write("more")
                    file.seek(0)
                    return [before, open("/tmp/kept").read(), file.read(), tempfile.gettempdir()]
        """
    }
    assert results(language, sources) == [[[], "data", "more", "/tmp"]] * 5


def test_the_working_folder_is_the_runs_own(language: Language) -> None:
    sources = {
        "python": """
            import os

            def Run(engine):
                before = os.listdir(".")
                open("notes.txt", "w").write("x")
                return [before, os.path.exists("notes.txt")]
        """
    }
    assert results(language, sources) == [[[], True]] * 5


def test_globals_are_fresh(language: Language) -> None:
    sources = {
        "python": """
            calls = []

            def Run(engine):
                calls.append(1)
                return len(calls)
        """
    }
    assert results(language, sources) == [1] * 5


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
    assert results(python, sources) == [[False] * 6 + ["poisoned"]] * 5
    echo = {"python": "def Run(engine):\n    return dict(engine.params.items())"}
    assert python.call(echo, params={"a": "1"}).json() == {"a": "1"}


def test_a_run_inside_another_code_knows_nothing_of_the_first(python: Language) -> None:
    python.call({"python": "secret = 'mine'\nimport sys\nsys.modules['shared'] = sys\ndef Run(engine): pass"})
    sources = {"python": "import sys\ndef Run(engine):\n    return ['shared' in sys.modules, 'secret' in globals()]"}
    assert python.call(sources).json() == [False, False]


def test_chance_differs_from_run_to_run(language: Language) -> None:
    sources = {
        "python": """
            import os, random, secrets, uuid

            def Run(engine):
                numbers = [random.random(), random.getrandbits(64)]
                return numbers + [secrets.token_hex(), os.urandom(8).hex(), str(uuid.uuid4())]
        """
    }
    for values in zip(*results(language, sources), strict=True):
        assert len(set(values)) == 5


def test_the_clock_is_the_real_one(language: Language) -> None:
    sources = {
        "python": """
            import time, datetime

            def Run(engine):
                return [time.time(), datetime.datetime.now(datetime.timezone.utc).timestamp()]
        """
    }
    began = time.time()
    for values in results(language, sources):
        assert all(began - 1 < value < time.time() + 1 for value in values)


def test_a_run_finds_no_secret_of_the_server_in_its_environment(python: Language) -> None:
    environment = python.call({"python": "import os\ndef Run(engine):\n    return dict(os.environ)"}).json()
    assert environment["PATH"]
    assert [name for name in environment if name == "DATABASE_URL" or name.startswith("CODEACTIONS_")] == []
    assert TOKEN not in str(environment)


def test_what_a_run_leaves_running_does_not_hold_up_its_answer(python: Language) -> None:
    sources = {
        "python": """
            import subprocess, sys, threading, time

            def Run(engine):
                threading.Thread(target=time.sleep, args=(50,)).start()
                subprocess.Popen([sys.executable, "-c", "import time; time.sleep(50)"])
                import atexit
                atexit.register(time.sleep, 50)
                return "done"
        """
    }
    answer = python.call(sources)
    assert answer.text == "done"
    assert answer.elapsed.total_seconds() < 10


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
