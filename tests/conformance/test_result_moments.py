"""The moment of a result: before a value returned, as it was when it was set, and with what goes on at the same time."""

from conformance.languages import Language, run


def test_a_result_set_goes_before_a_value_returned(language: Language) -> None:
    sources = run(
        python='engine.result.set("set")\nreturn "returned"',
        javascript='engine.result.set("set"); return "returned";',
        go='engine.Result.Set("set")\nreturn "returned", nil',
    )
    assert language.call(sources).text == "set"


def test_a_result_is_what_it_was_when_it_was_set(language: Language) -> None:
    sources = run(
        python="""
            value, content = {"a": 1}, bytearray(b"b")
            engine.result.set(content if engine.params.get("bytes") else value)
            value["a"] = 2
            content[0] = 0
        """,
        javascript="""
            const value = {a: 1}, content = Buffer.from("b");
            engine.result.set(engine.params.get("bytes") ? content : value);
            value.a = 2;
            content[0] = 0;
        """,
        go="""
            value, content := map[string]int{"a": 1}, []byte("b")
            if engine.Params.Get("bytes") != "" {
                engine.Result.Set(content)
            } else {
                engine.Result.Set(value)
            }
            value["a"] = 2
            content[0] = 0
        """,
    )
    assert language.call(sources).json() == {"a": 1}
    assert language.call(sources, params={"bytes": "1"}).content == b"b"


def test_run_may_wait_for_what_goes_on_at_the_same_time(language: Language) -> None:
    sources = {
        "python": """
            import asyncio

            async def part(mine, others):
                mine.set()
                await others.wait()
                return "done"

            async def Run(engine):
                a, b = asyncio.Event(), asyncio.Event()
                engine.result.set(await asyncio.gather(part(a, b), part(b, a)))
        """,
        "javascript": """
            async function part(mine, others) {
                mine.resolve();
                await others.promise;
                return "done";
            }

            export async function Run(engine) {
                const [a, b] = [Promise.withResolvers(), Promise.withResolvers()];
                engine.result.set(await Promise.all([part(a, b), part(b, a)]));
            }
        """,
        "go": """
            func part(mine, others chan bool, done chan string) {
                close(mine)
                <-others
                done <- "done"
            }

            func Run(engine *codeactions.Engine) error {
                a, b, done := make(chan bool), make(chan bool), make(chan string)
                go part(a, b, done)
                go part(b, a, done)
                return engine.Result.Set([]string{<-done, <-done})
            }
        """,
    }
    assert language.call(sources).json() == ["done", "done"]


def test_what_run_has_begun_and_does_not_wait_for_does_not_hold_up_its_answer(language: Language) -> None:
    sources = run(
        python="""
            import atexit, subprocess, threading, time
            threading.Thread(target=time.sleep, args=(50,)).start()
            subprocess.Popen(["/bin/sleep", "50"])
            atexit.register(time.sleep, 50)
            return "done"
        """,
        javascript="""
            setTimeout(() => { throw new Error("too late"); }, 50_000);
            setInterval(() => {}, 1000);
            require("node:child_process").spawn("/bin/sleep", ["50"]);
            process.on("exit", () => { while (true); });
            return "done";
        """,
        go="""
            go time.Sleep(50 * time.Second)
            go func() { select {} }()
            exec.Command("/bin/sleep", "50").Start()
            return "done", nil
        """,
    )
    assert language.call(sources, fields={"timeout": 20}).text == "done"
