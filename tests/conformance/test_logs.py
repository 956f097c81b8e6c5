"""What a run writes: through the engine, by printing, or past both; in order, bounded, impossible to forge."""

import pytest
from conformance.languages import Language


def lines(language: Language, body: str) -> list[tuple[str, str]]:
    """The log of a Python code whose `Run` has this body."""
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    answer = language.call({"python": f"import os, subprocess, sys\ndef Run(engine):\n{indented}\n    return 'x'\n"})
    assert (answer.status_code, answer.text) == (200, "x"), language.record(answer)["extra"].get("error")
    return language.logs(answer)


def test_lines_are_kept_by_level_and_in_order(language: Language) -> None:
    sources = {
        "python": """
            def Run(engine):
                engine.log.info("one")
                engine.log.debug("two")
                engine.log.error("three")
                for number in range(60):
                    engine.log.info("%d of %s", number, "many")
        """
    }
    logs = language.logs(language.call(sources))
    assert logs[:3] == [("info", "one"), ("debug", "two"), ("error", "three")]
    assert logs[3:] == [("info", f"{number} of many") for number in range(60)]


@pytest.mark.parametrize(
    ("arguments", "content"),
    [
        ("'100%'", "100%"),
        ("'%s and %s', 1, None", "1 and None"),
        ("{'a': [1]}", "{'a': [1]}"),
        ("None", "None"),
        ("''", ""),
        ("ValueError('bad')", "bad"),
        ("'grüße 🐍'", "grüße 🐍"),
    ],
)
def test_anything_can_be_logged(python: Language, arguments: str, content: str) -> None:
    assert lines(python, f"engine.log.info({arguments})") == [("info", content)]


def test_printing_goes_to_the_log_line_by_line(python: Language) -> None:
    assert lines(python, "print('a', 1)\nprint()\nprint('b\\nc')\nprint('d', end='')\nprint('e')") == [
        ("info", "a 1"),
        ("info", ""),
        ("info", "b"),
        ("info", "c"),
        ("info", "de"),
    ]


def test_standard_error_goes_to_the_log_as_errors(python: Language) -> None:
    assert lines(python, "print('a', file=sys.stderr)\nsys.stderr.write('b\\n')\nimport warnings\nwarnings.warn('c')")[
        :2
    ] == [("error", "a"), ("error", "b")]


def test_the_logging_module_ends_up_in_the_log(python: Language) -> None:
    assert lines(python, "import logging\nlogging.warning('careful')") == [("error", "WARNING:root:careful")]


def test_printed_and_logged_lines_keep_their_order(python: Language) -> None:
    body = "for i in range(20):\n    print('print', i)\n    engine.log.debug('log %d', i)"
    assert lines(python, body) == [line for i in range(20) for line in (("info", f"print {i}"), ("debug", f"log {i}"))]


def test_a_last_line_without_its_end_is_kept(python: Language) -> None:
    assert lines(python, "sys.stderr.write('b')\nsys.stdout.write('a')") == [("info", "a"), ("error", "b")]
    assert lines(python, "os.write(1, b'c')") == [("info", "c")]


def test_what_is_printed_before_an_exception_is_kept(python: Language) -> None:
    answer = python.call({"python": "def Run(engine):\n    print('a', end='')\n    1 / 0\n"})
    assert answer.status_code == 500
    assert python.logs(answer) == [("info", "a")]


def test_what_is_printed_while_the_module_is_loaded_is_kept(python: Language) -> None:
    answer = python.call({"python": "print('loading')\ndef Run(engine):\n    return 1\n"})
    assert python.logs(answer) == [("info", "loading")]


def test_raw_writes_go_to_the_log_too(python: Language) -> None:
    assert sorted(lines(python, "os.write(1, b'a\\nb\\n')\nos.write(2, b'c\\n')")) == [
        ("error", "c"),
        ("info", "a"),
        ("info", "b"),
    ]


def test_what_other_programs_write_goes_to_the_log_too(python: Language) -> None:
    body = "code = 'import sys; print(1); print(2, file=sys.stderr); print(3, end=\"\")'\n"
    body += "subprocess.run([sys.executable, '-c', code], check=True)"
    logs = lines(python, body)
    assert [content for level, content in logs if level == "info"] == ["1", "3"]
    assert [content for level, content in logs if level == "error"] == ["2"]


@pytest.mark.parametrize(
    "write",
    ["engine.log.info('ü' * {n})", "print('ü' * {n})", "os.write(1, ('ü' * {n}).encode())"],
    ids=["engine", "print", "raw"],
)
def test_long_lines_are_cut_at_8000_characters(python: Language, write: str) -> None:
    [(level, whole)] = lines(python, write.format(n=8000))
    assert (level, whole) == ("info", "ü" * 8000)
    [(level, cut)] = lines(python, write.format(n=8001))
    assert (level, cut) == ("info", "ü" * 7999 + "…")
    [(level, cut)] = lines(python, write.format(n=12_000))
    assert (level, cut) == ("info", "ü" * 7999 + "…")


@pytest.mark.parametrize(
    "write",
    [
        "engine.log.info('x' * 1_000_000)",
        "print('x' * 1_000_000)",
        "for _ in range(1000): print('x' * 1000, end='')\nprint()",
        "for _ in range(1000): os.write(1, b'x' * 1000)\nos.write(1, b'\\n')",
    ],
    ids=["engine", "print", "printed in parts", "raw"],
)
def test_a_very_long_line_is_still_one_line(python: Language, write: str) -> None:
    assert lines(python, write + "\nengine.log.info('after')") in (
        [("info", "x" * 7999 + "…"), ("info", "after")],
        [("info", "after"), ("info", "x" * 7999 + "…")],  # raw writes take another way
    )


@pytest.mark.parametrize(
    "write",
    ["engine.log.info('line %d', i)", "print('line', i)", "os.write(1, b'line %d\\n' % i)"],
    ids=["engine", "print", "raw"],
)
def test_lines_over_a_thousand_are_dropped_and_counted(python: Language, write: str) -> None:
    source = f"import os\ndef Run(engine):\n    for i in range(1234):\n        {write}\n"
    answer = python.call({"python": source})
    assert python.logs(answer) == [("info", f"line {i}") for i in range(1000)]
    extra = python.record(answer)["extra"]
    assert extra["log_lines"] == 1000
    assert extra["log_lines_dropped"] == 234


def test_a_thousand_lines_are_all_kept(python: Language) -> None:
    answer = python.call({"python": "def Run(engine):\n    for i in range(1000):\n        print(i)\n"})
    assert len(python.logs(answer)) == 1000
    assert "log_lines_dropped" not in python.record(answer)["extra"]


def test_writing_without_end_ends_the_run(python: Language) -> None:
    source = "def Run(engine):\n    while True:\n        engine.log.info('x' * 5000)\n"
    error = python.failure(python.call({"python": source}))
    assert error["type"] == "output_limit"
    assert "log" in error["message"]


@pytest.mark.parametrize(
    ("written", "content"),
    [
        (r"a\xff\xfeb", r"a\xff\xfeb"),
        (r"a\x00b", "a\ufffdb"),
        (r"a\x1b[2J\x1b[31mb", "a\x1b[2J\x1b[31mb"),
        (r"a\rb", "a\rb"),
        (r"\xc3\xbc", "ü"),
        (r"\xed\xa0\x80", r"\xed\xa0\x80"),
    ],
)
@pytest.mark.parametrize("way", ["os.write(1, b'{}\\n')", "sys.stdout.buffer.write(b'{}\\n')"], ids=["raw", "buffer"])
def test_bytes_that_are_no_text_are_shown_and_nothing_is_lost(
    python: Language, way: str, written: str, content: str
) -> None:
    assert lines(python, way.format(written)) == [("info", content)]


@pytest.mark.parametrize("way", ["print({}, end='')", "os.write(1, {}.encode())"])
def test_windows_line_ends_are_line_ends(python: Language, way: str) -> None:
    logs = lines(python, way.format(r"'a\r\nb\r\n'"))
    assert [(level, content.removesuffix("\r")) for level, content in logs] == [("info", "a"), ("info", "b")]


FORGERIES = [
    r"a\nerror forged",
    r"a\r\n2026-01-01T00:00:00Z error forged",
    r"a\x00\x00forged",
    r"\x03\x00\x00\x00\x05forged",
    r"a\u2028forged\x0bforged\x0cforged\x85forged",
    r"a\x1b[1A\x1b[2Kforged",
    r"', 'error'); forged --",
    r"{\"type\": \"error\", \"content\": \"forged\"}",
    r"\udcff\ud800 forged",
]


@pytest.mark.parametrize("text", FORGERIES)
def test_one_call_of_the_engine_is_one_entry_of_its_own_level_whatever_it_holds(python: Language, text: str) -> None:
    [(level, content)] = lines(python, f'engine.log.debug("{text}")')
    assert level == "debug"
    assert "forged" in content


def test_a_stream_that_was_closed_or_replaced_harms_nothing(python: Language) -> None:
    assert lines(python, "engine.log.info('a')\nsys.stdout.close()\nsys.stderr = None") == [("info", "a")]
    assert lines(python, "import io\nsys.stdout = io.StringIO()\nprint('gone')\nengine.log.info('kept')") == [
        ("info", "kept")
    ]


def test_lines_from_threads_are_whole(python: Language) -> None:
    body = "import threading\n"
    body += "work = lambda n: [engine.log.info('%s', str(n) * 500) for _ in range(50)]\n"
    body += "threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n"
    body += "[t.start() for t in threads]\n[t.join() for t in threads]"
    logs = lines(python, body)
    assert sorted(logs) == sorted(("info", str(n) * 500) for n in range(4) for _ in range(50))
