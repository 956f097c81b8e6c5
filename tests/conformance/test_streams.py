"""Answers in pieces: given by an iterator, or written one by one."""

import json

import pytest
from conformance.languages import Language, run, run_return, run_set
from conformance.pieces import in_pieces

TEXTS = {
    "python": "(text for text in ['one ', '', 'zwei ', 'drei'])",
    "javascript": "['one ', '', 'zwei ', 'drei'].values()",
    "go": 'slices.Values([]string{"one ", "", "zwei ", "drei"})',
}


@pytest.mark.parametrize("sources", [run_set(**TEXTS), run_return(**TEXTS)], ids=["set", "returned"])
def test_an_iterator_gives_the_answer_in_pieces(language: Language, sources: dict[str, str]) -> None:
    answer = in_pieces(language.call(sources))
    assert (answer.status_code, answer.text) == (200, "one zwei drei")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    record = language.record(answer)
    assert (record["status"], record["result"]) == ("completed", "one zwei drei")
    assert record["extra"]["result_bytes"] == 13
    assert "result_cut" not in record["extra"]


WRITTEN = run(
    python="""
        engine.result.head(status_code=201, content_type="csv", headers={"X-A": "1", "Cache-Control": "max-age=5"})
        engine.result.write("a,b\\n")
        engine.result.write(b"1,2\\n")
        """,
    javascript="""
        engine.result.head({statusCode: 201, contentType: "csv", headers: {"X-A": "1", "Cache-Control": "max-age=5"}});
        await engine.result.write("a,b\\n");
        await engine.result.write(Buffer.from("1,2\\n"));
        """,
    go="""
        headers := codeactions.Headers(map[string]string{"X-A": "1", "Cache-Control": "max-age=5"})
        engine.Result.Head(codeactions.StatusCode(201), codeactions.ContentType("csv"), headers)
        io.WriteString(engine.Result, "a,b\\n")
        engine.Result.Write([]byte("1,2\\n"))
        """,
)


def test_an_answer_is_written_piece_by_piece(language: Language) -> None:
    answer = in_pieces(language.call(WRITTEN))
    assert (answer.status_code, answer.text) == (201, "a,b\n1,2\n")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert (answer.headers["x-a"], answer.headers.get_list("cache-control")) == ("1", ["max-age=5"])
    extra = language.record(answer)["extra"]
    assert (extra["status_code"], extra["headers"]) == (201, {"X-A": "1", "Cache-Control": "max-age=5"})


OBJECTS = {
    "iterator": run_return(
        python="({'n': n} for n in (1, 2))",
        javascript="[1, 2].values().map((n) => ({n}))",
        go='slices.Values([]any{map[string]int{"n": 1}, struct{N int `json:"n"`}{2}})',
    ),
    "written": run(
        python="engine.result.write({'n': 1})\nengine.result.write({'n': 2})",
        javascript="await engine.result.write({n: 1}); await engine.result.write({n: 2});",
        go="""
            engine.Result.Head(codeactions.ContentType("ndjson"))
            for n := range 2 { json.NewEncoder(engine.Result).Encode(map[string]int{"n": n + 1}) }
            """,
    ),
}


@pytest.mark.parametrize("sources", OBJECTS.values(), ids=OBJECTS)
def test_objects_are_lines_of_json(language: Language, sources: dict[str, str]) -> None:
    answer = in_pieces(language.call(sources))
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in answer.text.splitlines()] == [{"n": 1}, {"n": 2}]


EVENTS = {
    "iterator": run_set(
        python="iter([{'n': 1}, 'event: x\\ndata: own\\n\\n', 'ü' and ['ü\\n']]), content_type='sse'",
        javascript="[{n: 1}, 'event: x\\ndata: own\\n\\n', ['ü\\n']].values(), {contentType: 'sse'}",
        go=r"""slices.Values([]any{map[string]int{"n": 1}, "event: x\ndata: own\n\n", []string{"ü\n"}}),
            codeactions.ContentType("sse")""",
    ),
    "written": run(
        python="""
            engine.result.head(content_type="text/event-stream")
            engine.result.write({"n": 1})
            engine.result.write("event: x\\ndata: own\\n\\n")
            engine.result.write(["ü\\n"])
            """,
        javascript="""
            engine.result.head({contentType: "text/event-stream"});
            await engine.result.write({n: 1});
            await engine.result.write("event: x\\ndata: own\\n\\n");
            await engine.result.write(["ü\\n"]);
            """,
        go=r"""
            engine.Result.Head(codeactions.ContentType("text/event-stream"))
            fmt.Fprintf(engine.Result, "data: {\"n\": %d}\n\n", 1)
            fmt.Fprint(engine.Result, "event: x\ndata: own\n\n")
            fmt.Fprint(engine.Result, `data: ["ü\n"]`, "\n\n")
            """,
    ),
}


@pytest.mark.parametrize("sources", EVENTS.values(), ids=EVENTS)
def test_objects_in_an_event_stream_are_events(language: Language, sources: dict[str, str]) -> None:
    answer = in_pieces(language.call(sources))
    assert answer.headers["content-type"].partition(";")[0] == "text/event-stream"
    first, own, last = answer.text.split("\n\n")[:3]
    assert json.loads(first.removeprefix("data: ")) == {"n": 1}
    assert own == "event: x\ndata: own"
    assert json.loads(last.removeprefix("data: ")) == ["ü\n"]


BYTES = {
    "iterator": run_return(
        python="iter([b'\\x00', b'', bytearray(b'\\xff')])",
        javascript="[new Uint8Array(1), new ArrayBuffer(0), Buffer.from([255])].values()",
        go="slices.Values([][]byte{{0}, {}, {0xff}})",
    ),
    "written": run(
        python="for one in (b'\\x00', b'', memoryview(b'\\xff')): engine.result.write(one)",
        javascript="for (const one of [Buffer.from([0, 255])]) await engine.result.write(new DataView(one.buffer, one.byteOffset, 2));",
        go="for _, one := range [][]byte{{0}, {}, {0xff}} { engine.Result.Write(one) }",
    ),
}


@pytest.mark.parametrize("sources", BYTES.values(), ids=BYTES)
def test_bytes_are_an_octet_stream(language: Language, sources: dict[str, str]) -> None:
    answer = in_pieces(language.call(sources))
    assert (answer.headers["content-type"], answer.content) == ("application/octet-stream", b"\x00\xff")
    record = language.record(answer)
    assert (record["result"], record["extra"]["result_encoding"]) == ("AP8=", "base64")


LARGE = run(
    python="engine.result.write('ab' * 500_000)\nengine.result.write(b'c')",
    javascript="await engine.result.write('ab'.repeat(500_000)); await engine.result.write(Buffer.from('c'));",
    go="""engine.Result.WriteString(strings.Repeat("ab", 500_000) + "c")""",
)


def test_a_large_piece_goes_out_whole(language: Language) -> None:
    assert in_pieces(language.call(LARGE)).text == "ab" * 500_000 + "c"


NOTHING = run_set(
    python="iter([]), 202, 'html'",
    javascript="[].values(), {statusCode: 202, contentType: 'html'}",
    go='slices.Values([]string{}), codeactions.StatusCode(202), codeactions.ContentType("html")',
)


def test_an_iterator_of_nothing_is_an_empty_answer(language: Language) -> None:
    answer = language.call(NOTHING)
    assert (answer.status_code, answer.text) == (202, "")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert language.record(answer)["status"] == "completed"
