"""Work after the answer: the answer goes out, and the run goes on until the work is done."""

import pytest
from conformance.languages import Language, run

WORK = {
    "a function": run(
        python="""
            def work(word, end="!"):
                time.sleep(0.2)
                engine.log.info(word + end)
            import time
            engine.background(work, "worked", end=".")
            engine.result.set({"a": 1}, 202, headers={"X-A": "1"})
            """,
        javascript="""
            engine.waitUntil(() => {
                Bun.sleepSync(200);
                engine.log.info("worked.");
            });
            engine.result.set({a: 1}, {statusCode: 202, headers: {"X-A": "1"}});
            """,
        go="""
            engine.Background(func() { time.Sleep(200 * time.Millisecond); engine.Log.Info("worked.") })
            headers := codeactions.Headers(map[string]string{"X-A": "1"})
            return nil, engine.Result.Set(map[string]int{"a": 1}, codeactions.StatusCode(202), headers)
            """,
    ),
    "an async function": run(
        python="""
            async def work(word):
                import asyncio
                await asyncio.sleep(0.2)
                engine.log.info(word)
            engine.result.set({"a": 1}, 202, headers={"X-A": "1"})
            engine.background(work, "worked.")
            """,
        javascript="""
            engine.result.set({a: 1}, {statusCode: 202, headers: {"X-A": "1"}});
            engine.waitUntil(async () => {
                await Bun.sleep(200);
                engine.log.info("worked.");
            });
            """,
        go="""
            engine.Background(func() {
                done := make(chan bool)
                go func() { time.Sleep(200 * time.Millisecond); engine.Log.Info("worked."); done <- true }()
                <-done
            })
            engine.Result.Head(codeactions.StatusCode(202), codeactions.Headers(map[string]string{"X-A": "1"}))
            return map[string]int{"a": 1}, nil
            """,
    ),
    "what is awaited": run(
        python="""
            async def work(word):
                import asyncio
                await asyncio.sleep(0.2)
                engine.log.info(word)
            engine.background(work("worked."))
            engine.result.set({"a": 1}, 202, headers={"X-A": "1"})
            """,
        javascript="""
            engine.waitUntil(Bun.sleep(250).then(() => engine.log.info("worked.")));
            engine.result.set({a: 1}, {statusCode: 202, headers: {"X-A": "1"}});
            """,
        go="""
            var group sync.WaitGroup
            group.Go(func() { time.Sleep(200 * time.Millisecond); engine.Log.Info("worked.") })
            engine.Background(group.Wait)
            headers := codeactions.Headers(map[string]string{"X-A": "1"})
            engine.Result.Set(map[string]int{"a": 1}, codeactions.StatusCode(202), headers)
            """,
    ),
}


@pytest.mark.parametrize("sources", WORK.values(), ids=WORK)
def test_the_answer_goes_out_before_the_work_is_done(language: Language, sources: dict[str, str]) -> None:
    answer = language.call(sources)
    record = language.record(answer)
    assert (answer.status_code, answer.json(), answer.headers["x-a"]) == (202, {"a": 1}, "1")
    assert answer.headers["content-length"] == str(len(answer.content))
    assert (record["status"], record["result"]) == ("started", answer.text)
    assert (record["extra"]["status_code"], record["extra"]["headers"]) == (202, {"X-A": "1"})
    assert "duration_ms" not in record["extra"]
    record = language.finished(answer)
    assert (record["status"], record["result"]) == ("completed", answer.text)
    assert record["extra"]["duration_ms"] > 200
    assert language.logs(answer) == [("info", "worked.")]


@pytest.mark.parametrize("sources", WORK.values(), ids=WORK)
def test_a_call_by_run_is_told_of_a_run_that_goes_on(language: Language, sources: dict[str, str]) -> None:
    answer = language.server.client.post(f"/run/{language.deploy(sources)}")
    told = answer.json()["result"]
    assert (answer.status_code, told["status"]) == (200, "started")
    assert (told["result"], told["extra"]["status_code"]) == (language.finished(answer)["result"], 202)


RETURNED = run(
    python="""
        import time
        engine.background(time.sleep, 0.2)
        return "x"
        """,
    javascript="engine.waitUntil(Bun.sleep(200)); return 'x';",
    go="""
        engine.Background(func() { time.Sleep(200 * time.Millisecond) })
        return "x", nil
        """,
)


def test_a_value_that_is_returned_goes_out_before_the_work(language: Language) -> None:
    answer = language.call(RETURNED)
    assert answer.text == "x"
    assert language.record(answer)["status"] == "started"
    assert language.finished(answer)["status"] == "completed"


STREAMED = {
    "iterator": run(
        python="""
            import time
            engine.background(time.sleep, 0.2)
            return iter("xyz")
            """,
        javascript="engine.waitUntil(() => Bun.sleep(200)); return 'xyz'[Symbol.iterator]();",
        go="""
            engine.Background(func() { time.Sleep(200 * time.Millisecond) })
            return slices.Values([]string{"x", "y", "z"}), nil
            """,
    ),
    "written": run(
        python="""
            import time
            engine.result.write("x")
            engine.background(time.sleep, 0.2)
            engine.result.write("yz")
            """,
        javascript="""
            await engine.result.write("x");
            engine.waitUntil(Bun.sleep(200));
            await engine.result.write("yz");
            """,
        go="""
            fmt.Fprint(engine.Result, "x")
            engine.Background(func() { time.Sleep(200 * time.Millisecond) })
            fmt.Fprint(engine.Result, "yz")
            """,
    ),
}


@pytest.mark.parametrize("sources", STREAMED.values(), ids=STREAMED)
def test_an_answer_in_pieces_is_whole_before_the_work_is_done(language: Language, sources: dict[str, str]) -> None:
    answer = language.call(sources)
    record = language.record(answer)
    assert (answer.text, answer.headers["transfer-encoding"]) == ("xyz", "chunked")
    assert (record["status"], record["result"]) == ("started", "xyz")
    assert language.finished(answer)["status"] == "completed"
