"""Work after the answer in JavaScript, and what a code leaves unfinished without it."""

import pytest
from conformance.languages import Language, run

LEFT = (
    "the run ended and left work unfinished: a timer, a request, a process, a server or the like. Await such work, or give it "
    "to engine.waitUntil; clear timers that are not needed"
)
# By name: what stands in an async `Run`, and goes on by itself when it has returned.
UNFINISHED = {
    "a timer": "setTimeout(() => console.log('lost'), 5_000);",
    "an interval": "setInterval(() => {}, 5_000);",
    "a sleep": "Bun.sleep(5_000).then(() => console.log('lost'));",
    "an async function": "(async () => { await Bun.sleep(5_000); console.log('lost'); })();",
    "a program": "Bun.spawn(['sleep', '50']);",
    "a program of Node": "require('node:child_process').exec('sleep 50');",
    "a request": """
        const other = Bun.serve({port: 0, hostname: "127.0.0.1", fetch: () => new Promise(() => {})});
        other.unref();
        fetch(other.url);
    """,
    "a server": "Bun.serve({port: 0, hostname: '127.0.0.1', fetch: () => new Response()});",
    "a server of Node": "require('node:http').createServer().listen(0, '127.0.0.1');",
    "a worker": "new Worker('data:text/javascript,setInterval(() => {}, 1000)');",
    "immediates without end": "(function again() { setImmediate(again); })();",
    "one of a race": "return await Promise.race([Bun.sleep(5_000), 'x']);",
}


@pytest.mark.parametrize("name", UNFINISHED)
def test_what_a_javascript_code_leaves_unfinished_is_one_warning(javascript: Language, name: str) -> None:
    answer = javascript.call(run(javascript=f"{UNFINISHED[name]}\nreturn 'x';"))
    assert answer.text == "x", javascript.record(answer)["extra"].get("error")
    assert javascript.logs(answer) == [("warning", LEFT)]


# The same for what is done, or does not have to be.
FINISHED = {
    "nothing": "",
    "what was awaited": "await Bun.sleep(5);",
    "microtasks": "(async () => { for (let n = 0; n < 1000; n++) await n; console.log('done'); })(); done = 1;",
    "a timer that was cleared": "clearTimeout(setTimeout(() => {}, 5_000));",
    "a timer that may end": "setTimeout(() => {}, 5_000).unref();",
    "a signal": "AbortSignal.timeout(5_000);",
    "a request with a signal": """
        const other = Bun.serve({port: 0, hostname: "127.0.0.1", fetch: () => new Response("x")});
        await (await fetch(other.url, {signal: AbortSignal.timeout(5_000)})).text();
        await other.stop(true);
    """,
    "a promise that nothing settles": "new Promise(() => {});",
    "a program that was awaited": "await Bun.spawn(['true']).exited;",
    "a database": "new (require('bun:sqlite').Database)(':memory:');",
}


@pytest.mark.parametrize("name", FINISHED)
def test_what_is_finished_is_no_warning(javascript: Language, name: str) -> None:
    answer = javascript.call(run(javascript=f"let done = 0;\n{FINISHED[name]}\nreturn 'x';"))
    assert answer.text == "x", javascript.record(answer)["extra"].get("error")
    logs = javascript.logs(answer)
    assert logs == ([("info", "done")] if "done = 1" in FINISHED[name] else [])


@pytest.mark.parametrize(
    "body",
    [
        "engine.result.set('x'); engine.waitUntil(Bun.sleep(5)); Bun.sleep(5_000);",
        "await engine.result.write('x'); Bun.sleep(5_000);",
        "await engine.result.write('x'); engine.waitUntil(() => { Bun.sleep(5_000); });",
    ],
    ids=["after the work", "after a stream", "begun by the work"],
)
def test_what_is_left_after_an_early_answer_is_a_warning_too(javascript: Language, body: str) -> None:
    answer = javascript.call(run(javascript=body))
    assert answer.text == "x"
    assert javascript.finished(answer)["status"] == "completed"
    assert javascript.logs(answer) == [("warning", LEFT)]


def test_an_error_of_what_was_left_unfinished_does_not_fail_the_run(javascript: Language) -> None:
    body = "(async () => { await null; await null; throw new Error('lost'); })(); return 'x';"
    answer = javascript.call(run(javascript=body))
    assert (answer.text, javascript.record(answer)["status"]) == ("x", "completed")
    [(level, content)] = javascript.logs(answer)
    assert level == "error"
    assert content.startswith("left unfinished, and failed: Error: lost\n    at ")


def test_a_code_that_replaces_timers_gets_its_answer_all_the_same(javascript: Language) -> None:
    body = """
        globalThis.setTimeout = globalThis.setImmediate = globalThis.setInterval = () => ({ unref() {} });
        process.on = process.removeListener = () => process;
        Bun.sleep(5_000);
        return "x";
    """
    answer = javascript.call(run(javascript=body))
    assert (answer.text, javascript.logs(answer)) == ("x", [("warning", LEFT)])


# By name: what `engine.waitUntil` may get beside a function and a promise of Bun's own.
TAKEN = {
    "a thenable": "{then(done) { setTimeout(() => { console.log('done'); done(); }, 5); }}",
    "a promise that is settled": "(console.log('done'), Promise.resolve())",
    "an async function": "async () => { await Bun.sleep(5); console.log('done'); }",
    "a function that returns a promise": "() => Bun.sleep(5).then(() => console.log('done'))",
    "a write to a file": "Bun.write('x', 'y').then(() => console.log('done'))",
}


@pytest.mark.parametrize("name", TAKEN)
def test_promises_and_functions_are_taken(javascript: Language, name: str) -> None:
    answer = javascript.call(run(javascript=f"engine.waitUntil({TAKEN[name]}); return 'x';"))
    assert answer.text == "x"
    assert javascript.finished(answer)["status"] == "completed"
    assert javascript.logs(answer) == [("info", "done")]


@pytest.mark.parametrize("value", ["5", "undefined", "null", "'x'", "{}", "[() => 1]"])
def test_anything_else_is_an_error(javascript: Language, value: str) -> None:
    error = javascript.failure(javascript.call(run(javascript=f"engine.waitUntil({value});")))
    assert error["message"].startswith("TypeError: engine.waitUntil takes a promise or a function, not ")


def test_promises_are_waited_for_at_the_same_time(javascript: Language) -> None:
    body = """
        const [one, two] = [Promise.withResolvers(), Promise.withResolvers()];
        engine.waitUntil(async () => { one.resolve(); await two.promise; });
        engine.waitUntil(async () => { two.resolve(); await one.promise; });
        return "x";
    """
    assert javascript.finished(javascript.call(run(javascript=body)))["status"] == "completed"


def test_a_promise_that_fails_before_the_answer_does_not_stop_it(javascript: Language) -> None:
    body = "engine.waitUntil(Promise.reject(new Error('no'))); await Bun.sleep(5); return 'x';"
    answer = javascript.call(run(javascript=body))
    assert (answer.status_code, answer.text) == (200, "x")
    record = javascript.finished(answer)
    assert (record["status"], record["result"], record["extra"]["error"]["message"]) == ("failed", "x", "Error: no")


@pytest.mark.parametrize(
    ("work", "kind", "message"),
    [
        ("() => process.exit(3)", "killed", "exited with code 3"),
        ("() => { setTimeout(() => { throw new Error('no'); }); return Bun.sleep(50); }", "exception", "Error: no"),
        ("() => { Promise.reject(new Error('no')); return Bun.sleep(50); }", "exception", "Error: no"),
        ("() => Buffer.alloc(1 << 30, 1).length", "memory", ""),
        ("() => { while (true); }", "timeout", ""),
    ],
)
def test_work_that_ends_the_run_is_on_record(javascript: Language, work: str, kind: str, message: str) -> None:
    answer = javascript.call(run(javascript=f"engine.waitUntil({work}); return 'x';"), fields={"timeout": 5})
    assert answer.text == "x"
    record = javascript.finished(answer)
    assert (record["status"], record["result"], record["extra"]["error"]["type"]) == ("failed", "x", kind)
    assert message in record["extra"]["error"]["message"]


# By name: what gives its work when `Run` has returned, but before the run is over.
LATE = {
    "after microtasks": "(async () => { await 1; await 2; engine.waitUntil(work()); })(); return 'x';",
    "after work that is done": "engine.waitUntil(async () => { await 1; (async () => { await 1; engine.waitUntil(work()); })(); }); return 'x';",
    "within a stream": "return (function* () { yield 'x'; engine.waitUntil(work); })();",
    "after a stream": "(async () => { await 1; engine.waitUntil(work()); })(); return ['x'].values();",
    "after a turn of the loop": "setImmediate(() => engine.waitUntil(work)); return 'x';",
    "at its exit": "process.once('beforeExit', () => engine.waitUntil(work())); await 1; return 'x';",
}
TAKES = {
    "no time": "",
    "a microtask": "await 1;",
    "a turn of the loop": "await Bun.sleep(0);",
    "time": "await Bun.sleep(20);",
}


@pytest.mark.parametrize("name", LATE)
@pytest.mark.parametrize("takes", TAKES)
def test_work_is_taken_until_the_run_is_over(javascript: Language, name: str, takes: str) -> None:
    body = f"const work = async () => {{ {TAKES[takes]} console.log('done'); }};\n{LATE[name]}"
    answer = javascript.call(run(javascript=body))
    assert answer.text == "x"
    assert javascript.finished(answer)["status"] == "completed"
    assert javascript.logs(answer) == [("info", "done")]


def test_work_that_is_given_at_the_exit_many_times_is_taken(javascript: Language) -> None:
    body = """
        let rounds = 0;
        process.on("beforeExit", () => { if (++rounds <= 30) engine.waitUntil(() => console.log(rounds)); });
        setImmediate(() => {});
        return "x";
    """
    answer = javascript.call(run(javascript=body))
    assert javascript.finished(answer)["status"] == "completed"
    assert javascript.logs(answer) == [("info", str(number + 1)) for number in range(30)]
