"""How much of what a run writes is kept: long lines are cut, lines over the number are counted."""

import pytest
from conformance.languages import Language, run

# Ways to write the text TEXT as one line.
ONE = {
    "engine": run(
        python="engine.log.info(TEXT)",
        javascript="engine.log.info(TEXT);",
        go="engine.Log.Info(TEXT)",
    ),
    "print": run(
        python="print(TEXT)",
        javascript="console.log(TEXT);",
        go="fmt.Println(TEXT)",
    ),
    "printed in parts": run(
        python="for part in TEXT: print(part, end='')",
        javascript="for (const part of TEXT) process.stdout.write(part);",
        go="for _, part := range TEXT { fmt.Print(string(part)) }",
    ),
    "past the streams": run(
        python="import os\nos.write(1, TEXT.encode() + b'\\n')",
        javascript="""
            const cat = require("node:child_process").spawn("/bin/cat", [], {stdio: ["pipe", "inherit", "inherit"]});
            cat.stdin.end(TEXT + "\\n");
            await new Promise((done) => cat.on("exit", done));
        """,
        go='os.NewFile(1, "raw").WriteString(TEXT + "\\n")',
    ),
}


def repeated(way: str, letter: str, count: int) -> dict[str, str]:
    """Sources that write a line of so many letters."""
    texts = {
        "python": f"('{letter}' * {count})",
        "javascript": f"'{letter}'.repeat({count})",
        "go": f'strings.Repeat("{letter}", {count})',
    }
    return {language: source.replace("TEXT", texts[language]) for language, source in ONE[way].items()}


@pytest.mark.parametrize("letter", ["x", "ü", "🐍"])
@pytest.mark.parametrize("way", ONE)
def test_long_lines_are_cut_at_8000_characters(language: Language, way: str, letter: str) -> None:
    assert language.lines(repeated(way, letter, 8000)) == [("info", letter * 8000)]
    assert language.lines(repeated(way, letter, 8001)) == [("info", letter * 7999 + "…")]


@pytest.mark.parametrize("way", [way for way in ONE if way != "printed in parts"])
def test_a_very_long_line_is_still_one_line(language: Language, way: str) -> None:
    assert language.lines(repeated(way, "x", 1_000_000)) == [("info", "x" * 7999 + "…")]


def test_a_line_of_characters_that_are_none_is_cut_like_any_other(language: Language) -> None:
    sources = run(
        python=r"engine.log.info('\udcff' * 8000)",
        javascript=r"engine.log.info('\udcff'.repeat(8000));",
        go=r'engine.Log.Info(strings.Repeat("\xff", 8000))',
    )
    shown = {"python": r"\udcff", "javascript": "\ufffd", "go": r"\xff"}[language.name] * 8000
    [(level, content)] = language.lines(sources)
    assert (level, content) == ("info", shown if len(shown) == 8000 else shown[:7999] + "…")


def test_a_line_is_cut_at_the_same_place_whatever_stands_before_it(python: Language) -> None:
    sources = run(python=r"for count in range(4): engine.log.info('x' * count + '🐍\udcff' * 8000)")
    contents = [content for _, content in python.lines(sources)]
    assert contents == [("x" * count + r"🐍\udcff" * 8000)[:7999] + "…" for count in range(4)]


MANY = {
    "engine": run(
        python="for i in range(COUNT): engine.log.info('line %d', i)",
        javascript="for (let i = 0; i < COUNT; i++) engine.log.info('line %d', i);",
        go='for i := range COUNT { engine.Log.Info("line %d", i) }',
    ),
    "print": run(
        python="for i in range(COUNT): print('line', i)",
        javascript="for (let i = 0; i < COUNT; i++) console.log('line', i);",
        go='for i := range COUNT { fmt.Println("line", i) }',
    ),
    "past the streams": run(
        python="import os\nfor i in range(COUNT): os.write(1, b'line %d\\n' % i)",
        javascript="""
            const script = "i=0; while [ $i -lt COUNT ]; do echo line $i; i=$((i+1)); done";
            require("node:child_process").spawnSync("/bin/sh", ["-c", script], {stdio: "inherit"});
        """,
        go='out := os.NewFile(1, "raw")\nfor i := range COUNT { fmt.Fprintln(out, "line", i) }',
    ),
}


@pytest.mark.parametrize("way", MANY)
@pytest.mark.parametrize("count", [1000, 1234])
def test_lines_over_a_thousand_are_dropped_and_counted(language: Language, way: str, count: int) -> None:
    sources = {name: source.replace("COUNT", str(count)) for name, source in MANY[way].items()}
    answer = language.call(sources)
    assert language.logs(answer) == [("info", f"line {i}") for i in range(1000)]
    extra = language.record(answer)["extra"]
    assert extra["log_lines"] == 1000
    assert extra.get("log_lines_dropped", 0) == count - 1000
