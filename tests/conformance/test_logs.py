"""What a run writes: through the engine, by printing, or past both; in order, and impossible to forge."""

import pytest
from conformance.languages import Language, run


def test_lines_are_kept_by_level_and_in_order(language: Language) -> None:
    sources = run(
        python="""
            engine.log.info("one")
            engine.log.debug("two")
            engine.log.warning("three")
            engine.log.warn("four")
            engine.log.error("five")
            for number in range(60):
                engine.log.info("%d of %s", number, "many")
        """,
        javascript="""
            engine.log.info("one");
            engine.log.debug("two");
            engine.log.warning("three");
            engine.log.warn("four");
            engine.log.error("five");
            for (let number = 0; number < 60; number++) engine.log.info("%d of %s", number, "many");
        """,
        go="""
            engine.Log.Info("one")
            engine.Log.Debug("two")
            engine.Log.Warning("three")
            engine.Log.Warn("four")
            engine.Log.Error("five")
            for number := range 60 {
                engine.Log.Info("%d of %s", number, "many")
            }
        """,
    )
    logs = language.lines(sources)
    levels = [("info", "one"), ("debug", "two"), ("warning", "three"), ("warning", "four"), ("error", "five")]
    assert logs[:5] == levels
    assert logs[5:] == [("info", f"{number} of many") for number in range(60)]


# By what is logged: the arguments in Python, JavaScript and Go, and the line: one for all, or one each.
ANYTHING: dict[str, tuple[str, str, str, str | tuple[str, str, str]]] = {
    "no format": ("'100%'", "'100%'", '"100%"', "100%"),
    "format": (
        "'%s and %s', 1, None",
        "'%s and %s', 1, null",
        '"%v and %v", 1, nil',
        ("1 and None", "1 and null", "1 and <nil>"),
    ),
    "object": ("{'a': [1]}", "{a: [1]}", 'map[string]any{"a": []int{1}}', ("{'a': [1]}", "{ a: [ 1 ] }", "map[a:[1]]")),
    "nothing": ("None", "null", "nil", ("None", "null", "<nil>")),
    "empty": ("''", "''", '""', ""),
    "error": ("ValueError('bad')", "new Error('bad').message", 'errors.New("bad")', "bad"),
    "letters": ("'grüße 🐍'", "'grüße 🐍'", '"grüße 🐍"', "grüße 🐍"),
    "lines": ("'a\\nb'", "'a\\nb'", '"a\\nb"', "a\nb"),
}


@pytest.mark.parametrize("name", ANYTHING)
def test_anything_can_be_logged(language: Language, name: str) -> None:
    python, javascript, go, content = ANYTHING[name]
    sources = run(
        python=f"engine.log.info({python})", javascript=f"engine.log.info({javascript});", go=f"engine.Log.Info({go})"
    )
    if isinstance(content, tuple):
        content = dict(zip(("python", "javascript", "go"), content, strict=True))[language.name]
    assert language.lines(sources) == [("info", content)]


def test_printing_goes_to_the_log_line_by_line(language: Language) -> None:
    sources = run(
        python="print('a', 1)\nprint()\nprint('b\\nc')\nprint('d', end='')\nprint('e')",
        javascript="""
            console.log("a", 1);
            console.log();
            process.stdout.write("b\\nc\\n");
            process.stdout.write("d");
            process.stdout.write("e\\n");
        """,
        go="""
            fmt.Println("a", 1)
            fmt.Println()
            fmt.Println("b\\nc")
            fmt.Print("d")
            fmt.Printf("%s\\n", "e")
        """,
    )
    assert language.lines(sources) == [("info", line) for line in ("a 1", "", "b", "c", "de")]


def test_standard_error_goes_to_the_log_as_errors(language: Language) -> None:
    sources = run(
        python="import sys\nprint('a', file=sys.stderr)\nsys.stderr.write('b\\n')",
        javascript='console.error("a"); process.stderr.write("b\\n");',
        go='fmt.Fprintln(os.Stderr, "a")\nos.Stderr.WriteString("b\\n")',
    )
    assert language.lines(sources) == [("error", "a"), ("error", "b")]


def test_the_languages_own_logging_ends_up_in_the_log_and_in_order(language: Language) -> None:
    sources = run(
        python="""
            import logging
            logging.warning("careful")
            engine.log.info("then")
            logging.error("worse")
        """,
        javascript="""
            console.warn("careful");
            engine.log.info("then");
            console.trace("worse");
        """,
        go="""
            log.SetFlags(0)
            slog.Warn("careful")
            engine.Log.Info("then")
            log.Print("worse")
        """,
    )
    logs = language.lines(sources)
    assert [level for level, _ in logs] == ["warning", "info", "error"]
    for (_, content), word in zip(logs, ("careful", "then", "worse"), strict=True):
        assert word in content


def test_one_message_of_a_logger_is_one_entry_however_many_lines_it_has(language: Language) -> None:
    sources = run(
        python="""
            import logging
            engine.log.info("a\\nb")
            logging.error("a\\nb")
            logging.error("%s", {"name": "x" * 70, "items": ["y" * 70]})
        """,
        javascript="""
            engine.log.info("a\\nb");
            console.error("a\\nb");
            console.error({name: "x".repeat(70), items: ["y".repeat(70)]});
        """,
        go="""
            engine.Log.Info("a\\nb")
            log.SetFlags(0)
            log.Print("a\\nb")
            log.Printf("%v", map[string]any{"name": strings.Repeat("x", 70), "items": []string{strings.Repeat("y", 70)}})
        """,
    )
    one, other, thing = language.lines(sources)
    assert (one, other, thing[0]) == (("info", "a\nb"), ("error", "a\nb"), "error")
    assert "x" * 70 in thing[1]
    assert "y" * 70 in thing[1]


def test_printed_and_logged_lines_keep_their_order(language: Language) -> None:
    sources = run(
        python="for i in range(20):\n    print('print', i)\n    engine.log.debug('log %d', i)",
        javascript="for (let i = 0; i < 20; i++) { console.log('print', i); engine.log.debug('log %d', i); }",
        go='for i := range 20 { fmt.Println("print", i); engine.Log.Debug("log %d", i) }',
    )
    expected = [line for i in range(20) for line in (("info", f"print {i}"), ("debug", f"log {i}"))]
    assert language.lines(sources) == expected


def test_a_last_line_without_its_end_is_kept(language: Language) -> None:
    sources = run(
        python="import sys\nsys.stderr.write('b')\nsys.stdout.write('a')",
        javascript='process.stderr.write("b"); process.stdout.write("a");',
        go='fmt.Fprint(os.Stderr, "b")\nfmt.Print("a")',
    )
    code_id = language.deploy(sources)
    # More than once: an order left to chance is right most of the time.
    for _ in range(20):
        answer = language.server.client.get(f"/endpoint/{code_id}")
        assert language.logs(answer) == [("info", "a"), ("error", "b")]


def test_what_is_printed_before_an_exception_is_kept(language: Language) -> None:
    sources = run(
        python="print('a', end='')\nraise KeyError",
        javascript='process.stdout.write("a"); throw new Error();',
        go='fmt.Print("a")\npanic("no")',
    )
    answer = language.call(sources)
    assert language.failure(answer)["type"] == "exception"
    assert language.logs(answer) == [("info", "a")]


def test_what_other_programs_write_goes_to_the_log_too(language: Language) -> None:
    command = "echo 1; echo 2 >&2; printf 3"
    sources = run(
        python=f"import subprocess\nsubprocess.run(['/bin/sh', '-c', {command!r}], check=True)",
        javascript=f"""
            const {{spawnSync}} = require("node:child_process");
            spawnSync("/bin/sh", ["-c", {command!r}], {{stdio: "inherit"}});
        """,
        go=f"""
            command := exec.Command("/bin/sh", "-c", `{command}`)
            command.Stdout, command.Stderr = os.Stdout, os.Stderr
            return nil, command.Run()
        """,
    )
    logs = language.lines(sources)
    assert [content for level, content in logs if level == "info"] == ["1", "3"]
    assert [content for level, content in logs if level == "error"] == ["2"]


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
def test_one_call_of_the_engine_is_one_entry_of_its_own_level_whatever_it_holds(language: Language, text: str) -> None:
    if language.name == "go":  # which has no surrogates in its texts, and takes \x85 for half a character
        text = text.replace(r"\udcff\ud800", r"\xff\xed\xa0\x80")
    sources = run(
        python=f'engine.log.debug("{text}")',
        javascript=f'engine.log.debug("{text}");',
        go=f'engine.Log.Debug("{text}")',
    )
    [(level, content)] = language.lines(sources)
    assert level == "debug"
    assert "forged" in content


def test_lines_written_at_the_same_time_are_whole(language: Language) -> None:
    sources = run(
        python="""
            import threading
            work = lambda n: [engine.log.info("%s", str(n) * 500) for _ in range(50)]
            threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
        """,
        javascript="""
            await Promise.all([0, 1, 2, 3].map(async (n) => {
                for (let i = 0; i < 50; i++) {
                    engine.log.info("%s", String(n).repeat(500));
                    await null;
                }
            }));
        """,
        go="""
            var group sync.WaitGroup
            for n := range 4 {
                group.Go(func() {
                    for range 50 {
                        engine.Log.Info("%s", strings.Repeat(fmt.Sprint(n), 500))
                    }
                })
            }
            group.Wait()
        """,
    )
    assert sorted(language.lines(sources)) == sorted(("info", str(n) * 500) for n in range(4) for _ in range(50))


# No more lines than are sent: a run that writes on and on may be at its limit before it has its result.
def test_lines_of_another_thread_never_come_into_a_large_result(language: Language) -> None:
    sources = run(
        python="""
            import threading
            def work():
                for _ in range(1000): engine.log.info("y" * 5000)
            threading.Thread(target=work, daemon=True).start()
            return "x" * 4_000_000
        """,
        javascript="""
            const work = () => { engine.log.info("y".repeat(5000)); setTimeout(work, 0); };
            work();
            return "x".repeat(4_000_000);
        """,
        go="""
            go func() {
                for range 1000 { engine.Log.Info(strings.Repeat("y", 5000)) }
            }()
            return strings.Repeat("x", 4_000_000), nil
        """,
    )
    code_id = language.deploy(sources)
    for _ in range(5):
        answer = language.server.client.get(f"/endpoint/{code_id}")
        assert answer.status_code == 200, language.record(answer)["extra"].get("error")
        assert answer.content == b"x" * 4_000_000
