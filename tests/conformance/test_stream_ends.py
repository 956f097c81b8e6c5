"""Ends of answers in pieces: whole, cut, left by the client, out of time, longer than the record."""

import httpx
import pytest
from conformance.languages import Language, run, run_return
from conformance.pieces import take

FAILING = {
    "before the first piece": run(
        python="raise ValueError('no')\nyield 'x'",
        javascript="return (function* () { throw new Error('no'); })();",
        go="""return func(yield func(string, error) bool) { yield("", errors.New("no")) }, nil""",
    ),
    "of what cannot be sent": run_return(
        python="iter([object()])", javascript="[() => 1].values()", go="slices.Values([]any{make(chan int)})"
    ),
}


@pytest.mark.parametrize("sources", FAILING.values(), ids=FAILING)
def test_a_failure_before_the_first_piece_is_a_failed_run_as_ever(language: Language, sources: dict[str, str]) -> None:
    answer = language.call(sources)
    assert (answer.status_code, answer.json()["error_type"]) == (500, "exception")
    assert language.record(answer)["result"] is None


CUT = {
    "iterator": run(
        python="yield 'begun'\nraise ValueError('no')",
        javascript="return (async function* () { yield 'begun'; throw new Error('no'); })();",
        go="""return func(yield func(string) bool) { yield("begun"); panic("no") }, nil""",
    ),
    "written": run(
        python="engine.result.write('begun')\nraise ValueError('no')",
        javascript="await engine.result.write('begun'); throw new Error('no');",
        go="""fmt.Fprint(engine.Result, "begun"); return nil, errors.New("no")""",
    ),
}


@pytest.mark.parametrize("sources", CUT.values(), ids=CUT)
def test_a_failure_after_the_first_piece_cuts_the_answer(language: Language, sources: dict[str, str]) -> None:
    code_id = language.deploy(sources)
    received = bytearray()
    with language.server.client.stream("GET", f"/endpoint/{code_id}") as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            take(answer, received)
    assert received == b"begun"
    record = language.finished(answer)
    assert (record["status"], record["result"]) == ("failed", "begun")
    assert (record["extra"]["status_code"], record["extra"]["error"]["type"]) == (200, "exception")
    assert "no" in record["extra"]["error"]["message"]


COLLECTED = run(
    python="yield 'a'\nyield 'b'\nprint('done')",
    javascript="return (function* () { yield 'a'; yield 'b'; console.log('done'); })();",
    go="""return func(yield func(string) bool) { yield("a"); yield("b"); fmt.Println("done") }, nil""",
)


def test_a_call_by_run_gets_the_whole_result(language: Language) -> None:
    code_id = language.deploy(COLLECTED)
    answer = language.server.client.post(f"/run/{code_id}")
    assert (answer.status_code, answer.json()["result"]["result"]) == (200, "ab")
    assert answer.json()["result"]["status"] == "completed"
    assert [content for _, content in language.logs(answer)] == ["done"]


PING_PONG = run(
    python="""
        import time
        yield "first"
        while True:
            time.sleep(0.01)
            yield "."
        """,
    javascript="""
        return (async function* () {
            yield "first";
            for (;;) {
                await Bun.sleep(10);
                yield ".";
            }
        })();
        """,
    go="""
        fmt.Fprint(engine.Result, "first")
        for { time.Sleep(10 * time.Millisecond); fmt.Fprint(engine.Result, ".") }
        """,
)


def test_pieces_go_out_as_they_come_and_a_client_that_leaves_ends_the_run(language: Language) -> None:
    code_id = language.deploy(PING_PONG)
    with language.server.client.stream("GET", f"/endpoint/{code_id}") as answer:
        pieces = answer.iter_text()
        assert next(pieces).startswith("first")
        assert language.record(answer)["status"] == "started"
        assert set(next(pieces)) == {"."}
    record = language.finished(answer)
    assert record["status"] == "failed"
    error = record["extra"]["error"]
    assert (error["type"], error["message"]) == ("cancelled", "the client left before the answer was whole")
    assert record["result"].startswith("first.")
    assert record["extra"]["result_bytes"] == len(record["result"])


def test_a_stream_is_bounded_by_the_runs_time(language: Language) -> None:
    code_id = language.deploy(PING_PONG, timeout=5)
    with (
        language.server.client.stream("GET", f"/endpoint/{code_id}") as answer,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        take(answer, bytearray())
    assert language.finished(answer)["extra"]["error"]["type"] == "timeout"


LONG = run(
    python="chunk = 'x' * 65536\nfor _ in range(192): yield chunk",
    javascript="const chunk = 'x'.repeat(65536); for (let n = 0; n < 192; n++) await engine.result.write(chunk);",
    go="""for range 192 { fmt.Fprint(engine.Result, strings.Repeat("x", 65536)) }""",
)


def test_a_stream_may_be_longer_than_what_the_record_keeps(language: Language) -> None:
    code_id = language.deploy(LONG)
    answer = language.server.client.get(f"/endpoint/{code_id}")
    assert len(answer.content) == 192 * 65536
    record = language.record(answer)
    assert record["status"] == "completed"
    assert (len(record["result"]), record["extra"]["result_bytes"]) == (10 << 20, 192 * 65536)
    assert record["extra"]["result_cut"] is True
    refused = language.server.client.post(f"/run/{code_id}")  # which has to hold all of it
    assert (refused.status_code, refused.json()["error_type"]) == (500, "output_limit")
