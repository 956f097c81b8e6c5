"""Python's `logging` and `warnings`: each record is one entry of its own level, however they are configured."""

import re

import pytest
from conformance.languages import Language, run

Lines = list[tuple[str, str]]


def lines(python: Language, body: str) -> Lines:
    """The log of a Python code whose `Run` has this body."""
    return python.lines({"python": "import io, logging, logging.config, sys, warnings\n" + run(python=body)["python"]})


ALL = """
for logger in (logging, logging.getLogger("shop"), logging.getLogger("shop.cart")):
    for level in ("debug", "info", "warning", "error", "critical"):
        getattr(logger, level)("%s", level)
"""
# By what is configured: the code, and from which level on something is logged.
CONFIGURED = {
    "nothing": ("", "warning"),
    "basicConfig": ("logging.basicConfig()", "warning"),
    "basicConfig twice": ("logging.basicConfig(level='INFO'); logging.basicConfig(level='DEBUG')", "info"),
    "basicConfig by force": ("logging.basicConfig(); logging.basicConfig(level='DEBUG', force=True)", "debug"),
    "a level": ("logging.basicConfig(level=logging.DEBUG)", "debug"),
    "another level": ("logging.basicConfig(level=logging.ERROR)", "error"),
    "standard output": ("logging.basicConfig(level=logging.INFO, stream=sys.stdout)", "info"),
    "a handler": ("logging.basicConfig(level=logging.INFO, handlers=[logging.StreamHandler(sys.stdout)])", "info"),
    "the root's level": ("logging.getLogger().setLevel(logging.INFO)", "info"),
    "the root's handler": ("logging.root.addHandler(logging.StreamHandler()); logging.root.setLevel('DEBUG')", "debug"),
    "dictConfig": (
        "logging.config.dictConfig({'version': 1, 'root': {'level': 'INFO', 'handlers': ['h']}, 'handlers': "
        "{'h': {'class': 'logging.StreamHandler', 'stream': 'ext://sys.stdout'}}})",
        "info",
    ),
    "a stream of the code's own around ours": (
        "sys.stderr = io.TextIOWrapper(sys.stderr.buffer); logging.basicConfig(level='INFO')",
        "info",
    ),
    "disabled": ("logging.disable(logging.WARNING)", "error"),
}


@pytest.mark.parametrize("name", CONFIGURED)
def test_each_record_is_logged_once_at_its_level(python: Language, name: str) -> None:
    configuration, lowest = CONFIGURED[name]
    told = [("debug", "debug"), ("info", "info"), ("warning", "warning"), ("error", "error"), ("error", "critical")]
    expected = told[[level for level, _ in told].index(lowest) :]
    assert lines(python, configuration + ALL) == expected * 3


# By what is done: the code, and its lines.
RECORDS: dict[str, tuple[str, Lines]] = {
    "a format": (
        "logging.basicConfig(format='%(name)s %(levelname)s %(message)s')\nlogging.getLogger('shop').error('a')",
        [("error", "shop ERROR a")],
    ),
    "levels between": (
        "logging.basicConfig(level=1)\nfor level in (5, 15, 20, 25, 35, 45, 99): logging.log(level, level)",
        [
            ("debug", "5"),
            ("debug", "15"),
            ("info", "20"),
            ("info", "25"),
            ("warning", "35"),
            ("error", "45"),
            ("error", "99"),
        ],
    ),
    "a logger of its own": (
        """
logger = logging.getLogger("shop")
logger.propagate = False
logger.setLevel(logging.INFO)
logger.addHandler(logging.StreamHandler())
logger.info("a")
logging.basicConfig()
logger.warning("b")
""",
        [("info", "a"), ("warning", "b")],
    ),
    "lines": ("logging.error('a\\nb\\n\\nc')", [("error", "a\nb\n\nc")]),
    "nothing": ("logging.error('')", [("error", "")]),
    "letters": ("logging.error('grüße 🐍 \\udcff')", [("error", "grüße 🐍 \\udcff")]),
    "in order": (
        "for i in range(3):\n    print('p', i)\n    logging.warning('l %d', i)\n    engine.log.info('e %d', i)",
        [line for i in range(3) for line in (("info", f"p {i}"), ("warning", f"l {i}"), ("info", f"e {i}"))],
    ),
    "within a line": (
        "print('working ... ', end='')\nlogging.warning('slow')\nprint('done')",
        [("warning", "slow"), ("info", "working ... done")],
    ),
    "to a stream of the code's own": (
        "sys.stderr = io.StringIO()\nlogging.basicConfig()\nlogging.error('a')\nprint(repr(sys.stderr.getvalue()))",
        [("info", "'ERROR:root:a\\n'")],
    ),
    "to a file": (
        "logging.basicConfig(filename='/tmp/log')\nlogging.error('a')\nprint(open('/tmp/log').read())",
        [("info", "ERROR:root:a"), ("info", "")],
    ),
    "a handler of the code's own": (
        """
class Own(logging.StreamHandler):
    def emit(self, record):
        record.msg = f"own {record.msg}"
        super().emit(record)
logging.root.addHandler(Own())
logging.error("a")
""",
        [("error", "own a")],
    ),
    "a stream that is closed": ("sys.stderr.close()\nlogging.error('a')", [("error", "a")]),
    "a warning": ("warnings.warn('a')", [("warning", "action.py:3: UserWarning: a")]),
    "warnings that are logged": (
        "logging.captureWarnings(True)\nwarnings.warn('a')",
        [("warning", "action.py:4: UserWarning: a")],
    ),
    "warnings that are logged by a handler": (
        "logging.basicConfig(format='%(name)s')\nlogging.captureWarnings(True)\nwarnings.warn('a')",
        [("warning", "py.warnings")],
    ),
    "warnings that are no longer logged": (
        "logging.captureWarnings(True)\nlogging.captureWarnings(False)\nwarnings.warn('a')",
        [("warning", "action.py:5: UserWarning: a")],
    ),
    "warnings that are caught": (
        "with warnings.catch_warnings(record=True) as caught: warnings.warn('a')\nprint(caught[0].message)",
        [("info", "a")],
    ),
    "a warning into a stream of the code's own": (
        "sys.stderr = io.StringIO()\nwarnings.warn('a')\nprint('a' in sys.stderr.getvalue())",
        [("info", "True")],
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_one_entry(python: Language, name: str) -> None:
    body, expected = RECORDS[name]
    assert lines(python, body) == expected


def test_an_exception_is_one_entry_with_its_traceback(python: Language) -> None:
    logs = lines(python, "try: 1 / 0\nexcept ZeroDivisionError: logging.getLogger('shop').exception('failed')")
    [(level, content)] = logs
    assert level == "error"
    assert content.startswith("failed\nTraceback (most recent call last):\n")
    assert content.endswith("ZeroDivisionError: division by zero")


def test_what_asyncio_has_to_say_is_logged(python: Language) -> None:
    source = """
        import asyncio, gc
        async def fails(): raise ValueError("lost")
        async def Run(engine):
            asyncio.create_task(fails())
            await asyncio.sleep(0.01)
            gc.collect()
    """
    [(level, content)] = python.lines({"python": source})
    assert level == "error"
    assert content.startswith("Task exception was never retrieved\n")
    assert content.endswith("ValueError: lost")


def test_a_warning_of_the_compiler_is_one_entry(python: Language) -> None:
    answer = python.call({"python": "def Run(engine):\n    return 1 is 1\n"})
    [(level, content)] = python.logs(answer)
    assert level == "warning"
    assert content.startswith('action.py:2: SyntaxWarning: "is" with ')


# By what is wrong: the code, which logs by its last line, and the error that is told of it.
BROKEN = {
    "an argument": ("logging.warning('bad %d', 'x')", "TypeError: %d format: a real number is required, not str"),
    "the number of arguments": (
        "logging.getLogger('shop').error('bad', 1)",
        "TypeError: not all arguments converted during string formatting",
    ),
    "an argument's text": (
        "class Bad:\n    def __repr__(self): raise KeyError('no')\nlogging.error('bad %s', Bad())",
        "KeyError: 'no'",
    ),
    "a formatter": (
        """
class Own(logging.Formatter):
    def format(self, record): return 1 / 0
handler = logging.StreamHandler()
handler.setFormatter(Own())
logging.root.addHandler(handler)
logging.error("bad")""",
        "ZeroDivisionError: division by zero",
    ),
    "a stream that is detached": (
        "handler = logging.StreamHandler()\nsys.stderr = io.TextIOWrapper(sys.stderr.detach())\n"
        "logging.root.addHandler(handler)\nlogging.error('bad')",
        "ValueError: underlying buffer has been detached",
    ),
    "a stream of the code's own": (
        "class Full(io.StringIO):\n    def write(self, text): raise OSError(28, 'full')\n"
        "logging.basicConfig(stream=Full())\nlogging.error('bad')",
        "OSError: [Errno 28] full",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_record_that_cannot_be_written_is_told_by_one_entry_and_harms_nothing(python: Language, name: str) -> None:
    body, error = BROKEN[name]
    (level, content), after = lines(python, f"{body}\nprint('after')")
    assert (level, after) == ("error", ("info", "after"))
    told = content.splitlines()
    assert told[0] == "--- Logging error ---"
    assert error in told
    if name == "an argument's text":
        assert told[-1] == "Its message and arguments cannot be shown"
    else:
        assert told[-3] == f'Logged by: File "action.py", line {3 + body.count(chr(10))}, in Run'
        assert told[-2].startswith("Message: 'bad")
    assert set(re.findall('File "(.*?)"', content)) <= {"action.py"}


def test_a_record_that_cannot_be_written_is_not_told_if_the_code_wants_so(python: Language) -> None:
    assert lines(python, "logging.raiseExceptions = False\nlogging.error('%d', 'a')\nlogging.error('b')") == [
        ("error", "b")
    ]


def test_a_flood_of_records_ends_the_run(python: Language) -> None:
    source = "import logging\ndef Run(engine):\n    while True:\n        try: logging.error('x' * 5000)\n        except Exception: pass\n"
    assert python.failure(python.call({"python": source}))["type"] == "output_limit"
