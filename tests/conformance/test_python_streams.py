"""Python's own streams, and what goes past them."""

import pytest
from conformance.languages import Language, run


def lines(python: Language, body: str) -> list[tuple[str, str]]:
    """The log of a Python code whose `Run` has this body."""
    return python.lines({"python": "import os, subprocess, sys\n" + run(python=body)["python"]})


def test_standard_error_goes_to_the_log_as_errors(python: Language) -> None:
    assert lines(python, "print('a', file=sys.stderr)\nsys.stderr.write('b\\n')\nimport warnings\nwarnings.warn('c')")[
        :2
    ] == [("error", "a"), ("error", "b")]


def test_what_is_printed_while_the_module_is_loaded_is_kept(python: Language) -> None:
    answer = python.call({"python": "print('loading')\ndef Run(engine):\n    return 1\n"})
    assert python.logs(answer) == [("info", "loading")]


def test_raw_writes_go_to_the_log_too(python: Language) -> None:
    assert sorted(lines(python, "os.write(1, b'a\\nb\\n')\nos.write(2, b'c\\n')")) == [
        ("error", "c"),
        ("info", "a"),
        ("info", "b"),
    ]


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


@pytest.mark.parametrize(
    "start",
    [
        "threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n"
        "[thread.start() for thread in threads]\n[thread.join() for thread in threads]",
        "with concurrent.futures.ThreadPoolExecutor(4) as threads: list(threads.map(work, range(4)))",
        "[_thread.start_new_thread(work, (n,)) for n in range(4)]\nwhile len(done) < 4: pass",
        "async def all_of_them(): await asyncio.gather(*(asyncio.to_thread(work, n) for n in range(4)))\n"
        "asyncio.run(all_of_them())",
    ],
    ids=["threads", "a pool", "bare threads", "asyncio"],
)
def test_lines_that_threads_print_are_whole(python: Language, start: str) -> None:
    body = "\n".join(
        [
            "import _thread, asyncio, concurrent.futures, threading",
            "done = []",
            "def work(n):",
            "    for i in range(100): print(n, 'x' * 300, i)",
            "    done.append(n)",
            "print('begun ', end='')",
            start,
            "print('last', end='')",
        ]
    )
    expected = [f"{n} {'x' * 300} {i}" for n in range(4) for i in range(100)]
    found = [content.removeprefix("begun ") for _, content in lines(python, body)]
    assert sorted(found) == sorted([*expected, "last"])


def test_what_a_thread_has_flushed_is_there_when_the_run_is_ended(python: Language) -> None:
    body = """
        import os, threading
        def work():
            print("step 1 ...", end=" ", flush=True)
            os._exit(0)
        def Run(engine):
            threading.Thread(target=work).start()
            threading.Event().wait()
    """
    assert python.logs(python.call({"python": body})) == [("info", "step 1 ... ")]


def test_a_stream_that_was_put_back_leads_to_the_log(python: Language) -> None:
    body = (
        "import io, logging\nsys.stdout = io.StringIO()\nprint('gone')\nsys.stdout = sys.__stdout__\nprint('a', end='')"
    )
    assert lines(python, body) == [("info", "a")]
    assert lines(
        python,
        "import logging\nlogging.StreamHandler(sys.__stderr__).emit(logging.makeLogRecord({'levelno': 30, 'msg': 'a'}))",
    ) == [("warning", "a")]


def test_a_stream_that_was_closed_or_replaced_harms_nothing(python: Language) -> None:
    assert lines(python, "engine.log.info('a')\nsys.stdout.close()\nsys.stderr = None") == [("info", "a")]
    assert lines(python, "import io\nsys.stdout = io.StringIO()\nprint('gone')\nengine.log.info('kept')") == [
        ("info", "kept")
    ]
