"""Attacks in JavaScript and Go by what a run puts out: floods, and results too large, too deep or without an end."""

import pytest
from attacks.attacker import failure, success
from attacks.languages import LANGUAGES, Toolbox
from harness import Server

FLOODS = Toolbox(
    {
        "printing": {
            "javascript": "while (true) console.log('x'.repeat(100));",
            "go": 'for { fmt.Println(strings.Repeat("x", 100)) }',
        },
        "printing without a line feed": {
            "javascript": "while (true) process.stdout.write('x'.repeat(1000));",
            "go": 'for { fmt.Print(strings.Repeat("x", 1000)) }',
        },
        "standard error": {
            "javascript": "while (true) console.error('x'.repeat(1000));",
            "go": 'for { fmt.Fprintln(os.Stderr, strings.Repeat("x", 1000)) }',
        },
        "the log": {
            "javascript": "while (true) engine.log.info('x'.repeat(1000));",
            "go": 'for { engine.Log.Info(strings.Repeat("x", 1000)) }',
        },
        "one endless line of the log": {
            "javascript": "engine.log.info('x'.repeat(20 << 20));",
            "go": 'engine.Log.Info(strings.Repeat("x", 20<<20))',
        },
        "past the engine": {
            "javascript": """
                // Bun's own standard output does not block.
                while (true) {
                  await attempt(() => fs.writeSync(1, "x\\n".repeat(500)));
                  await attempt(() => fs.writeSync(2, "y".repeat(1000)));
                }""",
            "go": """
                one, other := []byte(strings.Repeat("x\\n", 500)), []byte(strings.Repeat("y", 1000))
                for { syscall.Write(1, one); syscall.Write(2, other) }""",
        },
        "a child": {
            "javascript": "await Bun.spawn(['yes'], { stdout: 'inherit' }).exited;",
            "go": 'command := exec.Command("yes"); command.Stdout = os.Stdout; command.Run(); forever()',
        },
        "frames of empty lines": {
            "javascript": "const empty = Buffer.from([2, 0, 0, 0, 1, 1]); while (true) send(empty);",
            "go": "for { send([]byte{2, 0, 0, 0, 1, 1}) }",
        },
        "what catches everything": {
            "javascript": "while (true) try { console.log('x'.repeat(10000)); } catch {}",
            "go": 'for { func() { defer recover(); fmt.Println(strings.Repeat("x", 10000)) }() }',
        },
        "a worker or many goroutines": {
            "javascript": """
                new Worker("data:text/javascript,while(true)try{require('node:fs').writeSync(1,'x'.repeat(1000))}catch{}");
                await forever();""",
            "go": 'for range 20 { go func() { for { fmt.Println(strings.Repeat("x", 1000)) } }() }; forever()',
        },
    }
)


@pytest.mark.parametrize(("language", "name"), FLOODS.cases())
def test_a_flood_of_output_ends_its_run(server: Server, language: str, name: str) -> None:
    answer = FLOODS.call(server, language, name)
    failure(server, answer, "output_limit")
    lines = server.logs(answer)
    assert len(lines) <= 1000
    assert all(len(content) <= 8000 for _, content in lines)


RESULTS = Toolbox(
    {
        "many lines": {
            "javascript": "for (let i = 0; i < 5000; i++) engine.log.info('line %d', i); return 'done';",
            "go": 'for i := range 5000 { engine.Log.Info("line %d", i) }; return "done", nil',
        },
        "too large": {
            "javascript": "return 'x'.repeat((10 << 20) + 1);",
            "go": 'return strings.Repeat("x", 10<<20+1), nil',
        },
        "as large as allowed": {
            "javascript": "return 'x'.repeat(10 << 20);",
            "go": 'return strings.Repeat("x", 10<<20), nil',
        },
        "too large as JSON": {
            "javascript": "return ['x'.repeat(10 << 20)];",
            "go": 'return []string{strings.Repeat("x", 10<<20)}, nil',
        },
        "headers too large": {
            "javascript": "engine.result.set('', { headers: Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`X-${i}`, 'x'.repeat(8000)])) });",
            "go": """
                headers := map[string]string{}
                for i := range 90 { headers[fmt.Sprint("X-", i)] = strings.Repeat("x", 8000) }
                return nil, engine.Result.Set("", codeactions.Headers(headers))""",
        },
        "contains itself": {
            "javascript": "const x = {}; x.x = [x]; return x;",
            "go": "type node struct { Next *node }; x := &node{}; x.Next = x; return x, nil",
        },
        "a map that contains itself": {"go": 'x := map[string]any{}; x["x"] = []any{x}; return x, nil'},
        "nested without end": {
            "javascript": "let x = []; for (let i = 0; i < 1e6; i++) x = [x]; return x;",
            "go": "var x any; for range 1000000 { x = []any{x} }; return x, nil",
        },
        "no JSON": {
            "javascript": "return { x: [Symbol(), NaN] };",
            "go": 'return map[string]any{"x": make(chan int)}, nil',
        },
        "split headers": {
            "javascript": "engine.result.set('', { headers: { 'X-Evil': 'a\\r\\nSet-Cookie: b' } });",
            "go": 'return nil, engine.Result.Set("", codeactions.Headers(map[string]string{"X-Evil": "a\\r\\nSet-Cookie: b"}))',
        },
        "a split content type": {
            "javascript": "engine.result.set('', { contentType: 'a/b\\r\\nX-Evil: c' });",
            "go": 'return nil, engine.Result.Set("", codeactions.ContentType("a/b\\r\\nX-Evil: c"))',
        },
        "a getter that lies": {
            "javascript": """
                let asked = 0;
                const headers = { entries: () => [["X-Evil", { toString: () => asked++ ? "a\\r\\nSet-Cookie: b" : "a" }]] };
                engine.result.set('', { headers });""",
        },
    }
)
LIMITED = ("too large", "too large as JSON", "headers too large")
REFUSED = [case for case in RESULTS.cases() if case[1] not in (*LIMITED, "many lines", "as large as allowed")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_over_the_limit_are_counted_and_dropped(server: Server, language: str) -> None:
    answer = success(server, RESULTS.call(server, language, "many lines"))
    assert answer.text == "done"
    assert server.logs(answer) == [("info", f"line {i}") for i in range(1000)]
    assert server.record(answer)["extra"]["log_lines_dropped"] == 4000


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_result_as_large_as_allowed_arrives(server: Server, language: str) -> None:
    assert len(success(server, RESULTS.call(server, language, "as large as allowed")).content) == 10 << 20


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", LIMITED)
def test_a_larger_result_is_refused(server: Server, language: str, name: str) -> None:
    failure(server, RESULTS.call(server, language, name), "output_limit")


@pytest.mark.parametrize(("language", "name"), REFUSED)
def test_what_cannot_be_sent_is_an_exception_of_the_run(server: Server, language: str, name: str) -> None:
    answer = RESULTS.call(server, language, name)
    failure(server, answer, "exception")
    assert "x-evil" not in answer.headers
    assert "set-cookie" not in answer.headers
