"""What a run printed without a line feed is in its log, however the run ends."""

import pytest
from conformance.languages import Language, run

PRINTS = {
    "python": "import os, sys\nprint('step 1', '... ', end='', flush=True)\nsys.stderr.write('careful')\n",
    "javascript": "process.stdout.write('step 1 ... '); process.stderr.write('careful');\n",
    "go": 'fmt.Print("step 1 ", "... ")\nos.Stderr.WriteString("careful")\n',
}
# How a run ends: with which error (None: none), and what does it in Python, JavaScript and Go.
ENDS: dict[str, tuple[str | None, str, str, str]] = {
    "a result": (None, "return 'x'", "return 'x';", 'return "x", nil'),
    "an exception": ("exception", "raise KeyError", "throw new Error();", 'panic("no")'),
    "an exception elsewhere": (
        "exception",
        "raise SystemExit(1)",
        "setTimeout(() => { throw new Error(); }); await new Promise(() => {});",
        'go func() { panic("no") }(); select {}',
    ),
    "an exit": ("killed", "os._exit(3)", "process.exit(3);", "os.Exit(3)"),
    "a crash": (
        "killed",
        "import ctypes; ctypes.string_at(0)",
        "process.abort();",
        # Go's own crashes are exceptions; this one it cannot catch.
        "syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 9, 0, 0)",
    ),
    "a time-out at work": ("timeout", "while True: pass", "while (true);", "for {}"),
    "a time-out in a wait": ("timeout", "import time; time.sleep(60)", "await Bun.sleep(60_000);", "select {}"),
    "no memory": (
        "memory",
        "kept = []\nwhile True: kept.append(bytearray(1 << 20))",
        "const kept = []; while (true) kept.push(new Uint8Array(1 << 20).fill(1));",
        'kept := [][]byte{}; for { kept = append(kept, bytes.Repeat([]byte("x"), 1<<20)); if len(kept) < 0 { break } }',
    ),
    "a kill for memory": (
        "memory",
        # What is shared between processes is limited by the kernel alone.
        "import mmap\nshared = mmap.mmap(-1, 1 << 30)\nfor i in range(0, 1 << 30, 4096): shared[i] = 1",
        "const kept = []; while (true) kept.push(new Uint8Array(1 << 20).fill(1));",
        "kept, _ := syscall.Mmap(-1, 0, 1<<30, syscall.PROT_READ|syscall.PROT_WRITE, "
        "syscall.MAP_ANON|syscall.MAP_SHARED); for i := range kept { kept[i] = 1 }",
    ),
    "too large a log": (
        "output_limit",
        "while True: engine.log.debug('x' * 5000)",
        "while (true) engine.log.debug('x'.repeat(5000));",
        'for { engine.Log.Debug(strings.Repeat("x", 5000)) }',
    ),
    "too large a result": (
        "output_limit",
        "return 'x' * (11 << 20)",
        "return 'x'.repeat(11 << 20);",
        'return strings.Repeat("x", 11<<20), nil',
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_what_was_printed_without_a_line_feed_is_in_the_log(language: Language, name: str) -> None:
    error, *bodies = ENDS[name]
    ends = dict(zip(("python", "javascript", "go"), bodies, strict=True))
    prints = dict(PRINTS)
    if name == "a crash":  # no hook sees it, so what Go's engine has not read yet would be lost
        prints["go"] += 'engine.Log.Debug("")\n'
    answer = language.call(run(**{key: prints[key] + ends[key] for key in prints}), fields={"timeout": 5})
    assert language.record(answer)["extra"].get("error", {}).get("type") == error
    logs = language.logs(answer)
    assert ("info", "step 1 ... ") in logs
    assert ("error", "careful") in logs


def test_it_is_there_without_a_flush_too(python: Language) -> None:
    for print_ in (
        "print('a', end='')",
        "print('a', end=' ')",
        "sys.stdout.write('a')",
        "sys.stdout.buffer.write(b'a')",
    ):
        answer = python.call({"python": f"import os, sys\ndef Run(engine):\n    {print_}\n    os._exit(0)\n"})
        assert [content.rstrip() for _, content in python.logs(answer)] == ["a"], print_


def test_half_a_character_is_there_too(language: Language) -> None:
    sources = run(
        python=r"import os, sys; sys.stdout.buffer.write(b'a\xc3'); os._exit(0)",
        javascript="process.stdout.write(Buffer.from([97, 0xc3])); process.exit(0);",
        go=r'fmt.Print("a\xc3"); os.Exit(0)',
    )
    assert language.logs(language.call(sources)) == [("info", "a\\xc3")]


@pytest.mark.parametrize("ending", ["exit", "time-out"])
def test_what_another_program_printed_is_there_too(language: Language, ending: str) -> None:
    command = "printf 'working ... '; printf 'bad' >&2"
    end = {
        "exit": ("import os; os._exit(0)", "process.exit(0);", "os.Exit(0)"),
        "time-out": ("while True: pass", "while (true);", "select {}"),
    }[ending]
    sources = run(
        python=f'import subprocess; subprocess.run(["/bin/sh", "-c", {command!r}])\n{end[0]}',
        javascript=f'require("node:child_process").spawnSync("/bin/sh", ["-c", {command!r}], {{stdio: "inherit"}}); {end[1]}',
        go=f'c := exec.Command("/bin/sh", "-c", {_quoted(command)}); c.Stdout, c.Stderr = os.Stdout, os.Stderr; c.Run(); {end[2]}',
    )
    answer = language.call(sources, fields={"timeout": 5})
    assert sorted(language.logs(answer)) == [("error", "bad"), ("info", "working ... ")]


def _quoted(text: str) -> str:
    return f"`{text}`"


def test_a_line_that_was_sent_in_pieces_is_one_entry(language: Language) -> None:
    sources = run(
        python="""
            print("a", 1, end=" ")
            engine.log.warning("between")
            for letter in "bcd": print(letter, end="", flush=True)
            print()
            print("e", end="")
        """,
        javascript="""
            process.stdout.write("a 1 ");
            engine.log.warning("between");
            for (const letter of "bcd") process.stdout.write(letter);
            process.stdout.write("\\ne");
        """,
        go="""
            fmt.Print("a 1 ")
            engine.Log.Warning("between")
            for _, letter := range "bcd" { fmt.Print(string(letter)) }
            fmt.Print("\\ne")
        """,
    )
    assert language.lines(sources) == [("warning", "between"), ("info", "a 1 bcd"), ("info", "e")]


# Letter by letter, for less than the log may have: neither more lines nor other lines than in one go, and no end.
def test_printing_letter_by_letter_is_no_flood(language: Language) -> None:
    sources = run(
        python="for i in range(200_000): print('x' if i % 1000 else '\\n', end='')\nprint('last ', end='')\nreturn 'x'",
        javascript="""
            for (let i = 0; i < 200_000; i++) process.stdout.write(i % 1000 ? "x" : "\\n");
            process.stdout.write("last ");
        """,
        go="""
            for i := range 200_000 { if i % 1000 == 0 { fmt.Print("\\n") } else { fmt.Print("x") } }
            fmt.Print("last ")
        """,
    )
    expected = [("info", ""), *[("info", "x" * 999)] * 199, ("info", "x" * 999 + "last ")]
    assert language.lines(sources) == expected
