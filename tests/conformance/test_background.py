"""Work after the answer: the answer goes out, and the run goes on until the work is done.

The work takes the milliseconds that the parameter ms says.
"""

from collections.abc import Callable
from textwrap import dedent
from typing import Any

import httpx
import pytest
from conformance.languages import Language, run

MS = {
    "python": "ms = int(engine.params.get('ms'))\n",
    "javascript": "const ms = Number(engine.params.get('ms'));\n",
    "go": 'number, _ := strconv.Atoi(engine.Params.Get("ms")); ms := time.Duration(number) * time.Millisecond\n',
}


def working(**bodies: str) -> dict[str, str]:
    """Sources out of what stands in `Run`, which knows how long its work is to take."""
    return run(**{language: MS[language] + dedent(body) for language, body in bodies.items()})


def answered_early(
    language: Language,
    sources: dict[str, str],
    path: str = "/endpoint/{}",
    post: Callable[..., httpx.Response] | None = None,
) -> tuple[httpx.Response, dict[str, Any], int]:
    """An answer, its record while the work goes on, and the milliseconds that this takes.

    On a busy machine the work may be done before the record is read; then it gets longer. post: in the client's place.
    """
    post = post or language.server.client.post
    code_id = language.deploy(sources)
    for milliseconds in (100, 500, 2500, 10_000):
        answer = post(path.format(code_id), params={"ms": milliseconds})
        record = language.record(answer)
        if record["status"] == "started":
            break
    return answer, record, milliseconds


WORK = {
    "a function": working(
        python="""
            def work(word, end="!"):
                time.sleep(ms / 1000)
                engine.log.info(word + end)
            import time
            engine.background(work, "worked", end=".")
            engine.result.set({"a": 1}, 202, headers={"X-A": "1"})
            """,
        javascript="""
            engine.waitUntil(() => {
                Bun.sleepSync(ms);
                engine.log.info("worked.");
            });
            engine.result.set({a: 1}, {statusCode: 202, headers: {"X-A": "1"}});
            """,
        go="""
            engine.Background(func() { time.Sleep(ms); engine.Log.Info("worked.") })
            headers := codeactions.Headers(map[string]string{"X-A": "1"})
            return nil, engine.Result.Set(map[string]int{"a": 1}, codeactions.StatusCode(202), headers)
            """,
    ),
    "an async function": working(
        python="""
            async def work(word):
                import asyncio
                await asyncio.sleep(ms / 1000)
                engine.log.info(word)
            engine.result.set({"a": 1}, 202, headers={"X-A": "1"})
            engine.background(work, "worked.")
            """,
        javascript="""
            engine.result.set({a: 1}, {statusCode: 202, headers: {"X-A": "1"}});
            engine.waitUntil(async () => {
                await Bun.sleep(ms);
                engine.log.info("worked.");
            });
            """,
        go="""
            engine.Background(func() {
                done := make(chan bool)
                go func() { time.Sleep(ms); engine.Log.Info("worked."); done <- true }()
                <-done
            })
            engine.Result.Head(codeactions.StatusCode(202), codeactions.Headers(map[string]string{"X-A": "1"}))
            return map[string]int{"a": 1}, nil
            """,
    ),
    "what is awaited": working(
        python="""
            async def work(word):
                import asyncio
                await asyncio.sleep(ms / 1000)
                engine.log.info(word)
            engine.background(work("worked."))
            engine.result.set({"a": 1}, 202, headers={"X-A": "1"})
            """,
        javascript="""
            engine.waitUntil(Bun.sleep(ms).then(() => engine.log.info("worked.")));
            engine.result.set({a: 1}, {statusCode: 202, headers: {"X-A": "1"}});
            """,
        go="""
            var group sync.WaitGroup
            group.Go(func() { time.Sleep(ms); engine.Log.Info("worked.") })
            engine.Background(group.Wait)
            headers := codeactions.Headers(map[string]string{"X-A": "1"})
            engine.Result.Set(map[string]int{"a": 1}, codeactions.StatusCode(202), headers)
            """,
    ),
}


@pytest.mark.parametrize("sources", WORK.values(), ids=WORK)
def test_the_answer_goes_out_before_the_work_is_done(language: Language, sources: dict[str, str]) -> None:
    answer, record, milliseconds = answered_early(language, sources)
    assert (answer.status_code, answer.json(), answer.headers["x-a"]) == (202, {"a": 1}, "1")
    assert answer.headers["content-length"] == str(len(answer.content))
    assert (record["status"], record["result"]) == ("started", answer.text)
    assert (record["extra"]["status_code"], record["extra"]["headers"]) == (202, {"X-A": "1"})
    assert "duration_ms" not in record["extra"]
    record = language.finished(answer)
    assert (record["status"], record["result"]) == ("completed", answer.text)
    assert record["extra"]["duration_ms"] > milliseconds
    assert language.logs(answer) == [("info", "worked.")]


@pytest.mark.parametrize("sources", WORK.values(), ids=WORK)
def test_a_call_by_run_is_told_of_a_run_that_goes_on(language: Language, sources: dict[str, str]) -> None:
    answer, _, _ = answered_early(language, sources, "/run/{}")
    told = answer.json()["result"]
    assert (answer.status_code, told["status"]) == (200, "started")
    assert (told["result"], told["extra"]["status_code"]) == (language.finished(answer)["result"], 202)


RETURNED = working(
    python="""
        import time
        engine.background(time.sleep, ms / 1000)
        return "x"
        """,
    javascript="engine.waitUntil(Bun.sleep(ms)); return 'x';",
    go="""
        engine.Background(func() { time.Sleep(ms) })
        return "x", nil
        """,
)


def test_a_value_that_is_returned_goes_out_before_the_work(language: Language) -> None:
    answer, record, _ = answered_early(language, RETURNED)
    assert (answer.text, record["status"]) == ("x", "started")
    assert language.finished(answer)["status"] == "completed"


def test_a_client_that_leaves_does_not_end_the_work(language: Language) -> None:
    def post_and_leave(url: str, **request: Any) -> httpx.Response:
        with httpx.Client(base_url=language.server.base) as client:
            return client.post(url, **request)

    answer, record, _ = answered_early(language, RETURNED, post=post_and_leave)
    assert record["status"] == "started"
    assert language.finished(answer)["status"] == "completed"


STREAMED = {
    "iterator": working(
        python="""
            import time
            engine.background(time.sleep, ms / 1000)
            return iter("xyz")
            """,
        javascript="engine.waitUntil(() => Bun.sleep(ms)); return 'xyz'[Symbol.iterator]();",
        go="""
            engine.Background(func() { time.Sleep(ms) })
            return slices.Values([]string{"x", "y", "z"}), nil
            """,
    ),
    "written": working(
        python="""
            import time
            engine.result.write("x")
            engine.background(time.sleep, ms / 1000)
            engine.result.write("yz")
            """,
        javascript="""
            await engine.result.write("x");
            engine.waitUntil(Bun.sleep(ms));
            await engine.result.write("yz");
            """,
        go="""
            fmt.Fprint(engine.Result, "x")
            engine.Background(func() { time.Sleep(ms) })
            fmt.Fprint(engine.Result, "yz")
            """,
    ),
}


@pytest.mark.parametrize("sources", STREAMED.values(), ids=STREAMED)
def test_an_answer_in_pieces_is_whole_before_the_work_is_done(language: Language, sources: dict[str, str]) -> None:
    answer, record, _ = answered_early(language, sources)
    assert (answer.text, answer.headers["transfer-encoding"]) == ("xyz", "chunked")
    assert (record["status"], record["result"]) == ("started", "xyz")
    assert language.finished(answer)["status"] == "completed"
