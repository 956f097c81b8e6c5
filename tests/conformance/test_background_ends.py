"""Work after the answer that fails, has no end, comes too late, or begins further work."""

from conformance.languages import Language, run

FAILING = run(
    python="""
        def fail(what):
            raise ValueError(what)
        engine.background(fail, "first")
        engine.background(engine.log.info, "tried")
        engine.background(fail, "second")
        return "x"
        """,
    javascript="""
        const fail = (what) => { throw new Error(what); };
        engine.waitUntil(() => fail("first"));
        engine.waitUntil(() => engine.log.info("tried"));
        engine.waitUntil(async () => fail("second"));
        return "x";
        """,
    go="""
        engine.Background(func() { panic("first") })
        engine.Background(func() { engine.Log.Info("tried") })
        engine.Background(func() { panic(errors.New("second")) })
        return "x", nil
        """,
)


def test_every_work_is_tried_and_the_first_error_is_the_runs(language: Language) -> None:
    answer = language.call(FAILING)
    assert (answer.status_code, answer.text) == (200, "x")
    record = language.finished(answer)
    assert (record["status"], record["result"]) == ("failed", "x")
    assert record["extra"]["error"]["type"] == "exception"
    assert "first" in record["extra"]["error"]["message"]
    logs = language.logs(answer)
    assert ("info", "tried") in logs
    (told,) = [content for level, content in logs if level == "error"]
    assert "second" in told


NESTED = run(
    python="""
        def outer():
            engine.background(inner)
        async def inner():
            engine.background(engine.log.info, "innermost")
        engine.background(outer)
        """,
    javascript="""
        const inner = async () => engine.waitUntil(() => engine.log.info("innermost"));
        engine.waitUntil(() => engine.waitUntil(inner));
        """,
    go="""
        engine.Background(func() {
            engine.Background(func() { engine.Background(func() { engine.Log.Info("innermost") }) })
        })
        """,
)


def test_work_may_begin_further_work(language: Language) -> None:
    answer = language.call(NESTED)
    assert (answer.status_code, answer.text) == (200, "")
    assert language.finished(answer)["status"] == "completed"
    assert language.logs(answer) == [("info", "innermost")]


TOO_LATE = run(
    python="""
        def late():
            for tried in (lambda: engine.result.set("y"), lambda: engine.result.write("y"), engine.result.head):
                try: tried()
                except RuntimeError as error: engine.log.info(error)
        engine.background(late)
        return "x"
        """,
    javascript="""
        const { result } = engine;
        engine.waitUntil(async () => {
            for (const tried of [() => result.set("y"), () => result.write("y"), () => result.head()]) {
                try { await tried(); } catch (error) { engine.log.info(error.message); }
            }
        });
        return "x";
        """,
    go="""
        engine.Background(func() {
            engine.Result.Set("y") // the log tells of the first
            _, err := engine.Result.Write([]byte("y"))
            engine.Log.Info(err)
            engine.Log.Info(engine.Result.Head())
        })
        return "x", nil
        """,
)


def test_the_result_cannot_be_changed_by_the_work_after_it(language: Language) -> None:
    answer = language.call(TOO_LATE)
    assert answer.text == "x"
    assert language.finished(answer)["result"] == "x"
    messages = [content for _, content in language.logs(answer)]
    assert len(messages) == 3
    assert all("too late" in message and "gone out" in message for message in messages), messages


ENDLESS = run(
    python="""
        import time
        engine.background(time.sleep, 1000)
        return "x"
        """,
    javascript="engine.waitUntil(new Promise(() => {})); return 'x';",
    go="""
        engine.Background(func() { select { } })
        return "x", nil
        """,
)


def test_work_without_end_is_ended_when_the_runs_time_is_over(language: Language) -> None:
    answer = language.call(ENDLESS, fields={"timeout": 5})
    assert answer.text == "x"
    record = language.finished(answer)
    assert (record["status"], record["result"], record["extra"]["error"]["type"]) == ("failed", "x", "timeout")


FAILED_RUN = run(
    python="""
        engine.background(engine.log.info, "never")
        raise ValueError("no")
        """,
    javascript="engine.waitUntil(() => engine.log.info('never')); throw new Error('no');",
    go="""
        engine.Background(func() { engine.Log.Info("never") })
        return nil, errors.New("no")
        """,
)


def test_a_run_that_fails_before_its_answer_does_no_work_after_it(language: Language) -> None:
    answer = language.call(FAILED_RUN)
    assert (answer.status_code, answer.json()["error_type"]) == (500, "exception")
    assert language.logs(answer) == []
