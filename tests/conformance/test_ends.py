"""How runs end that give no result: by themselves, or at a limit."""

import httpx
import pytest
from conformance.languages import Language, run

EXITS = {
    "0": ("os._exit(0)", "process.exit(0)", "os.Exit(0)"),
    "3": ("os._exit(3)", "process.exit(3)", "os.Exit(3)"),
    "2": ("os._exit(2)", "process.exit(2)", "os.Exit(2)"),
}


@pytest.mark.parametrize("result", [False, True], ids=["no result", "a result"])
@pytest.mark.parametrize("code", EXITS)
def test_a_process_that_ends_itself_failed(language: Language, code: str, result: bool) -> None:
    python, javascript, go = EXITS[code]
    set_before = ("engine.result.set('x')", "engine.result.set('x')", 'engine.Result.Set("x")') if result else ("",) * 3
    sources = run(
        python=f"import os\nprint('last words')\n{set_before[0]}\n{python}",
        javascript=f"console.log('last words');\n{set_before[1]};\n{javascript}",
        go=f'fmt.Println("last words")\n{set_before[2]}\n{go}',
    )
    answer = language.call(sources)
    error = language.failure(answer)
    assert error["type"] == "killed"
    assert f"exited with code {code} before it gave a result" in error["message"]
    assert language.logs(answer) == [("info", "last words")]


FOREVER = {
    "busy": run(python="while True: pass", javascript="while (true);", go="for {}"),
    "waiting": {
        "python": "import asyncio\nasync def Run(engine):\n    await asyncio.Event().wait()\n",
        "javascript": "export async function Run() { await new Promise(() => {}); }",
        "go": "func Run(engine *codeactions.Engine) { select {} }",
    },
    "loading": {
        "python": "while True: pass\ndef Run(engine): pass\n",
        "javascript": "await new Promise(() => {});\nexport function Run() {}\n",
        "go": "func init() { for {} }\nfunc Run(engine *codeactions.Engine) {}\n",
    },
}


@pytest.mark.parametrize("name", FOREVER)
def test_a_run_without_end_is_ended_at_its_timeout(language: Language, name: str) -> None:
    answer = language.call(FOREVER[name], fields={"timeout": 5})
    assert answer.status_code == 504
    assert answer.json()["error"]["code"] == "timeout"
    record = language.record(answer)
    assert (record["status"], record["extra"]["error"]["type"]) == ("failed", "timeout")
    assert record["extra"]["error"]["message"] == "the run took longer than its 5 s"


def test_what_was_logged_before_the_timeout_is_kept(language: Language) -> None:
    sources = run(
        python="print('printed')\nengine.log.error('logged')\nwhile True: pass",
        javascript="console.log('printed'); engine.log.error('logged'); await new Promise(() => {});",
        go='fmt.Println("printed")\nengine.Log.Error("logged")\nselect {}',
    )
    answer = language.call(sources, fields={"timeout": 5})
    assert answer.status_code == 504
    assert language.logs(answer) == [("info", "printed"), ("error", "logged")]


GREEDY = {
    "in steps": run(
        python="kept = []\nwhile True: kept.append(bytearray(1 << 20))",
        javascript="const kept = []; while (true) kept.push(new Uint8Array(1 << 20).fill(1));",
        go="""
            kept := [][]byte{}
            for {
                kept = append(kept, bytes.Repeat([]byte("x"), 1<<20))
                if len(kept) < 0 {
                    fmt.Println(kept)
                }
            }
        """,
    ),
    "at once": run(
        python="return len(b'x' * (1 << 30))",
        javascript="return Buffer.alloc(1 << 30, 1).length;",
        go='return len(strings.Repeat("x", 1<<30)), nil',
    ),
}


@pytest.mark.parametrize("name", GREEDY)
def test_too_much_memory_is_told_as_such(language: Language, name: str) -> None:
    error = language.failure(language.call(GREEDY[name]))
    assert error["type"] == "memory"


def test_a_run_may_use_most_of_the_memory_there_is(language: Language) -> None:
    sources = run(
        python="return len(bytearray(b'x') * (150 << 20))",
        javascript="return new Uint8Array(150 << 20).fill(1).length;",
        go='return len(bytes.Repeat([]byte("x"), 150<<20)), nil',
    )
    assert language.call(sources).json() == 150 << 20


def too_large(language: Language, answer: httpx.Response) -> str:
    """The message of a run that put out too much."""
    error = language.failure(answer)
    assert error["type"] == "output_limit"
    return str(error["message"])


def test_a_result_that_is_too_large_ends_the_run(language: Language) -> None:
    size = 10 * 1024 * 1024
    sources = run(
        python=f"return 'x' * ({size} + int(engine.params.get('more')))",
        javascript=f"return 'x'.repeat({size} + Number(engine.params.get('more')));",
        go=f"""
            more, err := strconv.Atoi(engine.Params.Get("more"))
            return strings.Repeat("x", {size}+more), err
        """,
    )
    assert language.call(sources, params={"more": 0}).content == b"x" * size
    message = too_large(language, language.call(sources, params={"more": 1}))
    assert message == f"the result has {size + 1} bytes; the limit is {size}"


def test_headers_that_are_too_large_together_end_the_run(language: Language) -> None:
    sources = run(
        python="engine.result.set('x', headers={f'X-{i}': 'a' * 8000 for i in range(9)})",
        javascript="""
            const headers = {};
            for (let i = 0; i < 9; i++) headers[`X-${i}`] = "a".repeat(8000);
            engine.result.set("x", {headers});
        """,
        go="""
            headers := map[string]string{}
            for i := range 9 {
                headers[fmt.Sprint("X-", i)] = strings.Repeat("a", 8000)
            }
            return nil, engine.Result.Set("x", codeactions.Headers(headers))
        """,
    )
    assert "the result's headers are over" in too_large(language, language.call(sources))


WITHOUT_END = {
    "through the engine": run(
        python="while True: engine.log.info('x' * 5000)",
        javascript="while (true) engine.log.info('x'.repeat(5000));",
        go='for { engine.Log.Info(strings.Repeat("x", 5000)) }',
    ),
    "by printing": run(
        python="while True: print('x' * 5000)",
        javascript="while (true) console.log('x'.repeat(5000));",
        go='for { fmt.Println(strings.Repeat("x", 5000)) }',
    ),
    "in one line": run(
        python="while True: print('x' * 5000, end='')",
        javascript="while (true) process.stdout.write('x'.repeat(5000));",
        go='for { fmt.Print(strings.Repeat("x", 5000)) }',
    ),
    "short lines": run(
        python="while True: print('x' * 30)",
        javascript="while (true) console.log('x'.repeat(30));",
        go='for { fmt.Println(strings.Repeat("x", 30)) }',
    ),
    "past all streams": run(
        python="import os\nwhile True: os.write(1, b'x' * 5000)",
        javascript="""
            const yes = require("node:child_process").spawn("/bin/sh", ["-c", "yes"], {stdio: "inherit"});
            await new Promise((resolve) => yes.on("exit", resolve));
        """,
        go='out := os.NewFile(1, "raw")\nfor { out.WriteString(strings.Repeat("x", 5000)) }',
    ),
}


@pytest.mark.parametrize("name", WITHOUT_END)
def test_writing_without_end_ends_the_run(language: Language, name: str) -> None:
    assert "log" in too_large(language, language.call(WITHOUT_END[name]))
