"""Answers in pieces: given by an iterator, or written one by one. They go out as they come."""

import json

import httpx
import pytest
from conformance.languages import Language, run, run_return, run_set

TEXTS = {"python": "(text for text in ['one ', '', 'zwei ', 'drei'])"}


def in_pieces(answer: httpx.Response) -> httpx.Response:
    """An answer that came in pieces, as far as its headers tell."""
    assert answer.headers["transfer-encoding"] == "chunked", (answer.text, answer.headers)
    assert "content-length" not in answer.headers
    assert answer.headers["x-accel-buffering"] == "no"
    return answer


def take(answer: httpx.Response, received: bytearray) -> None:
    """Take an answer to its end. Raises when it is cut."""
    for piece in answer.iter_raw():
        received += piece


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
        """
)


def test_an_answer_is_written_piece_by_piece(language: Language) -> None:
    answer = in_pieces(language.call(WRITTEN))
    assert (answer.status_code, answer.text) == (201, "a,b\n1,2\n")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert (answer.headers["x-a"], answer.headers.get_list("cache-control")) == ("1", ["max-age=5"])
    extra = language.record(answer)["extra"]
    assert (extra["status_code"], extra["headers"]) == (201, {"X-A": "1", "Cache-Control": "max-age=5"})


OBJECTS = {
    "iterator": run_return(python="({'n': n} for n in (1, 2))"),
    "written": run(python="engine.result.write({'n': 1})\nengine.result.write({'n': 2})"),
}


@pytest.mark.parametrize("sources", OBJECTS.values(), ids=OBJECTS)
def test_objects_are_lines_of_json(language: Language, sources: dict[str, str]) -> None:
    answer = in_pieces(language.call(sources))
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in answer.text.splitlines()] == [{"n": 1}, {"n": 2}]


EVENTS = {
    "iterator": run_set(python="iter([{'n': 1}, 'event: x\\ndata: own\\n\\n', 'ü' and ['ü\\n']]), content_type='sse'"),
    "written": run(
        python="""
            engine.result.head(content_type="text/event-stream")
            engine.result.write({"n": 1})
            engine.result.write("event: x\\ndata: own\\n\\n")
            engine.result.write(["ü\\n"])
            """
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
    "iterator": run_return(python="iter([b'\\x00', b'', bytearray(b'\\xff')])"),
    "written": run(python="for one in (b'\\x00', b'', memoryview(b'\\xff')): engine.result.write(one)"),
}


@pytest.mark.parametrize("sources", BYTES.values(), ids=BYTES)
def test_bytes_are_an_octet_stream(language: Language, sources: dict[str, str]) -> None:
    answer = in_pieces(language.call(sources))
    assert (answer.headers["content-type"], answer.content) == ("application/octet-stream", b"\x00\xff")
    record = language.record(answer)
    assert (record["result"], record["extra"]["result_encoding"]) == ("AP8=", "base64")


LARGE = run(python="engine.result.write('ab' * 500_000)\nengine.result.write(b'c')")


def test_a_large_piece_goes_out_whole(language: Language) -> None:
    assert in_pieces(language.call(LARGE)).text == "ab" * 500_000 + "c"


NOTHING = run_set(python="iter([]), 202, 'html'")


def test_an_iterator_of_nothing_is_an_empty_answer(language: Language) -> None:
    answer = language.call(NOTHING)
    assert (answer.status_code, answer.text) == (202, "")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert language.record(answer)["status"] == "completed"


HEAD_ALONE = run(python="engine.result.head(404, headers={'X-A': '1'})")


def test_a_head_alone_is_an_empty_answer(language: Language) -> None:
    answer = language.call(HEAD_ALONE)
    assert (answer.status_code, answer.text, answer.headers["x-a"]) == (404, "", "1")


HEAD_OF_VALUE = run(python="engine.result.head(201, 'text/x-own')\nreturn {'a': 1}")


def test_a_head_counts_for_a_value_that_is_returned(language: Language) -> None:
    answer = language.call(HEAD_OF_VALUE)
    assert (answer.status_code, answer.json(), answer.headers["content-type"]) == (201, {"a": 1}, "text/x-own")


@pytest.mark.parametrize("sources", [WRITTEN, run_set(**TEXTS)], ids=["written", "iterator"])
def test_head_requests_get_the_head_and_the_run_is_on_record(language: Language, sources: dict[str, str]) -> None:
    answer = language.call(sources, method="HEAD")
    assert answer.content == b""
    assert answer.headers["x-accel-buffering"] == "no"
    language.server.client.get("/healthz")  # the connection is in order
    assert language.finished(answer)["status"] == "completed"


NO_BODY = run(python="engine.result.head(204)\nengine.result.write('x')")


def test_an_answer_that_has_no_body_by_its_status_sends_none(language: Language) -> None:
    answer = language.call(NO_BODY)
    assert (answer.status_code, answer.content) == (204, b"")
    assert language.finished(answer)["status"] == "completed"


# Each raises in the code, which catches it and tells the message in the answer.
MISUSES = {
    "set after write": (
        run(
            python="""
                engine.result.write("x")
                try: engine.result.set("y")
                except RuntimeError as error: engine.result.write(str(error))
                """
        ),
        {"python": "xengine.result.set after engine.result.write: a result is either set or written"},
    ),
    "write after set": (
        run(
            python="""
                engine.result.set("y")
                try: engine.result.write("x")
                except RuntimeError as error: engine.result.set(str(error))
                """
        ),
        {"python": "engine.result.write after engine.result.set: a result is either set or written"},
    ),
    "head after write": (
        run(
            python="""
                engine.result.write("x")
                try: engine.result.head(201)
                except RuntimeError as error: engine.result.write(str(error))
                """
        ),
        {"python": "xengine.result.head comes too late: the head of the answer has gone out"},
    ),
    "head after set": (
        run(
            python="""
                engine.result.set("y")
                try: engine.result.head(201)
                except RuntimeError as error: engine.result.set(str(error))
                """
        ),
        {"python": "engine.result.head comes too late: engine.result.set has set a head with its value"},
    ),
    "bad status code": (
        run(
            python="""
                try: engine.result.head(100)
                except ValueError as error: engine.result.write(str(error))
                """
        ),
        {"python": "status_code must be a whole number from 200 to 599, not 100"},
    ),
}


@pytest.mark.parametrize(("sources", "messages"), MISUSES.values(), ids=MISUSES)
def test_misuse_is_told_to_the_code(language: Language, sources: dict[str, str], messages: dict[str, str]) -> None:
    answer = language.call(sources)
    assert (answer.status_code, answer.text) == (200, messages[language.name])


FAILING = {
    "before the first piece": run(python="raise ValueError('no')\nyield 'x'"),
    "of what cannot be sent": run_return(python="iter([object()])"),
}


@pytest.mark.parametrize("sources", FAILING.values(), ids=FAILING)
def test_a_failure_before_the_first_piece_is_a_failed_run_as_ever(language: Language, sources: dict[str, str]) -> None:
    answer = language.call(sources)
    assert (answer.status_code, answer.json()["error_type"]) == (500, "exception")
    assert language.record(answer)["result"] is None


CUT = {
    "iterator": run(python="yield 'begun'\nraise ValueError('no')"),
    "written": run(python="engine.result.write('begun')\nraise ValueError('no')"),
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


COLLECTED = run(python="yield 'a'\nyield 'b'\nprint('done')")


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
        """
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


LONG = run(python="chunk = 'x' * 65536\nfor _ in range(192): yield chunk")


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


PYTHON_SOURCES = {
    "a generator function": "def Run(engine):\n    yield 'x'\n    yield 'y'\n",
    "an async generator function": "async def Run(engine):\n    yield 'x'\n    yield 'y'\n",
    "an async generator that waits": (
        "import asyncio\nasync def Run(engine):\n    yield 'x'\n    await asyncio.sleep(0)\n    yield 'y'\n"
    ),
    "an async function that returns one": (
        "import asyncio\nasync def Run(engine):\n    queue = asyncio.Queue()\n    async def pieces():\n"
        "        while (piece := await queue.get()): yield piece\n"
        "    async def fill():\n        for piece in 'xy': await queue.put(piece)\n        await queue.put('')\n"
        "    task = asyncio.create_task(fill())\n    return pieces()\n"
    ),
    "a map": "def Run(engine):\n    return map(str.lower, 'XY')\n",
    "a file": "import io\ndef Run(engine):\n    return io.BytesIO(b'xy')\n",
    "an iterator of a class": (
        "class Pieces:\n    left = ['y', 'x']\n    def __iter__(self): return self\n"
        "    def __next__(self):\n        if not self.left: raise StopIteration\n        return self.left.pop()\n"
        "def Run(engine):\n    engine.result(Pieces())\n"
    ),
    "an async iterator of a class": (
        "class Pieces:\n    left = ['y', 'x']\n    def __aiter__(self): return self\n"
        "    async def __anext__(self):\n        if not self.left: raise StopAsyncIteration\n        return self.left.pop()\n"
        "def Run(engine):\n    return Pieces()\n"
    ),
    "a generator that sets the head": (
        "def Run(engine):\n    engine.result.head(200, 'text/plain')\n    yield 'x'\n    yield 'y'\n"
    ),
    "a generator that needs a loop of its own": (
        "import asyncio\ndef Run(engine):\n    yield asyncio.run(asyncio.sleep(0, 'x'))\n    yield 'y'\n"
    ),
}


@pytest.mark.parametrize("source", PYTHON_SOURCES.values(), ids=PYTHON_SOURCES)
def test_whatever_iterates_in_python_gives_its_pieces(python: Language, source: str) -> None:
    answer = in_pieces(python.call({"python": source}))
    assert answer.text == "xy", python.record(answer)["extra"].get("error")


@pytest.mark.parametrize("value", ["[1]", "(1,)", "{1}", "{1: 1}.keys()", "range(1, 2)"])
def test_what_has_a_length_in_python_is_json_as_ever(python: Language, value: str) -> None:
    answer = python.call(run_return(python=value))
    assert (answer.json(), answer.headers["content-length"]) == ([1], "3")


def test_a_result_cannot_be_set_while_its_iterator_is_being_sent(python: Language) -> None:
    source = "def Run(engine):\n    engine.result.set('x')\n    yield 'y'\n"
    answer = python.call({"python": source})
    assert answer.status_code == 500
    message = python.record(answer)["extra"]["error"]["message"]
    assert message == "RuntimeError: engine.result.set comes too late: what the iterator gives is being sent"
