"""What JavaScript has for answers in pieces: generators, streams of the web and of Node, Responses with one."""

import httpx
import pytest
from conformance.languages import Language, run
from conformance.pieces import in_pieces

# By name: what stands in an async `Run`, the answer's content type, and its body.
STREAMS = {
    "a generator": ("return (function* () { yield 'a'; yield 'b'; })();", "text/plain; charset=utf-8", b"ab"),
    "an async generator": (
        "return (async function* () { yield {a: 1}; await Bun.sleep(5); yield null; yield 'x'; })();",
        "application/x-ndjson",
        b'{"a":1}\nnull\nx',
    ),
    "promises": (
        "return [Promise.resolve('a'), Bun.sleep(5).then(() => 'b')].values();",
        "text/plain; charset=utf-8",
        b"ab",
    ),
    "an iterator of a map": ("return new Map([['a', 1]]).entries();", "application/x-ndjson", b'["a",1]\n'),
    "an object that can be gone through asynchronously": (
        "return {[Symbol.asyncIterator]: async function* () { yield 'a'; }, other: 1};",
        "text/plain; charset=utf-8",
        b"a",
    ),
    "a ReadableStream": (
        "return new ReadableStream({async start(to) { to.enqueue('a'); await Bun.sleep(5); to.enqueue('b'); to.close(); }});",
        "text/plain; charset=utf-8",
        b"ab",
    ),
    "a direct ReadableStream": (
        """
        return new ReadableStream({type: "direct", async pull(to) {
            to.write("a");
            await to.flush();
            await Bun.sleep(5);
            to.write("b");
            to.close();
        }});
        """,
        "application/octet-stream",
        b"ab",
    ),
    "a stream through another": (
        "return new Blob(['x']).stream().pipeThrough(new CompressionStream('gzip')).pipeThrough(new DecompressionStream('gzip'));",
        "application/octet-stream",
        b"x",
    ),
    "a stream of Node": (
        "return require('node:stream').Readable.from(['a', 'b']);",
        "text/plain; charset=utf-8",
        b"ab",
    ),
    "a file of Node": (
        "require('node:fs').writeFileSync('x', 'content'); return require('node:fs').createReadStream('x');",
        "application/octet-stream",
        b"content",
    ),
    "the output of a program": (
        "return Bun.spawn(['sh', '-c', 'echo a; sleep 0.01; echo b']).stdout;",
        "application/octet-stream",
        b"a\nb\n",
    ),
    "a Response with a stream of text": (
        "return new Response(async function* () { yield 'ü'; await Bun.sleep(5); yield 'b'; });",
        "text/plain; charset=utf-8",
        "üb".encode(),
    ),
    "a Response with a stream that cuts a character": (
        "return new Response(async function* () { yield Buffer.from([0xc3]); await Bun.sleep(5); yield Buffer.from([0xbc]); });",
        "text/plain; charset=utf-8",
        "ü".encode(),
    ),
    "a Response with a stream of bytes": (
        "return new Response(async function* () { yield Buffer.from([255]); await Bun.sleep(5); yield 'b'; });",
        "application/octet-stream",
        b"\xffb",
    ),
    "a Response with a stream of a type": (
        "return new Response(async function* () { yield 'data: 1\\n\\n'; }, {headers: {'Content-Type': 'text/event-stream'}});",
        "text/event-stream",
        b"data: 1\n\n",
    ),
    "a Response with an empty stream": (
        "return new Response(async function* () {});",
        "text/plain; charset=utf-8",
        b"",
    ),
    "a copy of a Response": (
        "return new Response(async function* () { yield 'a'; await Bun.sleep(5); yield 'b'; }).clone();",
        "text/plain; charset=utf-8",
        b"ab",
    ),
    "the answer of another server": (
        """
        const other = Bun.serve({port: 0, hostname: "127.0.0.1", fetch: () => new Response(async function* () {
            yield "a";
            await Bun.sleep(5);
            yield "b";
        }, {headers: {"X-A": "1", "Content-Type": "text/x-own"}})});
        other.unref();
        return await fetch(other.url);
        """,
        "text/x-own",
        b"ab",
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_what_comes_in_pieces_goes_out_in_pieces(javascript: Language, name: str) -> None:
    body, content_type, content = STREAMS[name]
    answer = in_pieces(javascript.call(run(javascript=body)))
    assert (answer.headers["content-type"], answer.content) == (content_type, content)
    assert javascript.record(answer)["status"] == "completed"
    assert javascript.logs(answer) == []


# By name: what stands in an async `Run` and is there as a whole.
WHOLE = {
    "a list": "return ['a'];",
    "a set": "return new Set(['a']);",
    "bytes": "return Buffer.from('[\"a\"]');",
    "what has a method next": "return Object.assign(['a'], {next: 1});",
    "a Response of text": "return new Response('[\"a\"]');",
    "a Response of a Blob": "return new Response(new Blob(['[\"a\"]']));",
    "a Response of bytes": "return new Response(Buffer.from('[\"a\"]'));",
    "a Response of JSON": "return Response.json(['a']);",
    "a Response of a file": "await Bun.write('x', '[\"a\"]'); return new Response(Bun.file('x'));",
    "a large Response": "return new Response(JSON.stringify(['a']) + ' '.repeat(1_000_000));",
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_there_as_a_whole_goes_out_as_a_whole(javascript: Language, name: str) -> None:
    answer = javascript.call(run(javascript=WHOLE[name]))
    assert answer.json() == ["a"]
    assert answer.headers["content-length"] == str(len(answer.content))
    assert "x-accel-buffering" not in answer.headers


def test_status_and_headers_of_a_response_with_a_stream_count(javascript: Language) -> None:
    body = "return new Response(async function* () { yield 'a'; }, {status: 418, headers: {'X-A': 'ü'}});"
    answer = in_pieces(javascript.call(run(javascript=body)))
    assert (answer.status_code, answer.text, answer.headers["x-a"]) == (418, "a", "ü")


def test_pieces_go_out_while_timers_have_their_turn(javascript: Language) -> None:
    body = """
        let isOver = false;
        setTimeout(() => { isOver = true; }, 50);
        return (function* () { while (!isOver) yield "x"; yield "y"; })();
    """
    assert in_pieces(javascript.call(run(javascript=body))).text.endswith("xy")


def test_writes_in_a_row_keep_their_order_without_being_awaited(javascript: Language) -> None:
    body = "for (const one of 'abc') engine.result.write(one); await engine.result.write('d');"
    assert in_pieces(javascript.call(run(javascript=body))).text == "abcd"


def test_a_write_of_nothing_sends_the_head(javascript: Language) -> None:
    body = "engine.result.head({contentType: 'sse'}); await engine.result.write(); await new Promise(() => {});"
    code_id = javascript.deploy(run(javascript=body))
    with javascript.server.client.stream("GET", f"/endpoint/{code_id}") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
    assert javascript.finished(answer)["extra"]["error"]["type"] == "cancelled"


# By name: what stands in an async `Run`, and the message of the error that the run fails with.
FAILING = {
    "an unknown option": (
        "engine.result.head({status: 201});",
        'TypeError: there is no option "status"; there are statusCode, contentType and headers',
    ),
    "options that are none": ("engine.result.head(201);", "TypeError: options must be an object, not 201"),
    "a piece that JSON does not have": (
        "return [{price: NaN}].values();",
        "TypeError: result.price is NaN, which JSON does not have",
    ),
    "a write that nothing awaits": (
        "engine.result.set('x'); engine.result.write('y'); await Bun.sleep(5);",
        "Error: engine.result.write after engine.result.set: a result is either set or written",
    ),
    "a generator that is not called": (
        "return function* () { yield 1; };",
        "TypeError: result is a function: call it first",
    ),
    "a stream that is read by another": (
        "const all = new Blob(['a']).stream(); all.getReader(); return all;",
        "TypeError: Invalid state: ReadableStream is locked",
    ),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_mistake_is_told(javascript: Language, name: str) -> None:
    body, message = FAILING[name]
    assert javascript.failure(javascript.call(run(javascript=body)))["message"].startswith(message)


def test_a_generator_is_ended_where_its_piece_cannot_be_sent(javascript: Language) -> None:
    body = """
        return (function* () {
            try { yield "a"; yield Symbol("s"); } finally { console.log("ended"); }
        })();
    """
    code_id = javascript.deploy(run(javascript=body))
    with (
        javascript.server.client.stream("GET", f"/endpoint/{code_id}") as answer,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        answer.read()
    assert javascript.finished(answer)["status"] == "failed"
    assert javascript.logs(answer) == [("info", "ended")]
