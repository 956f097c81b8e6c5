"""Responses as results, and errors in every place where JavaScript can have them."""

import pytest
from conformance.languages import Language, run


def test_a_response_that_is_returned_is_the_result(javascript: Language) -> None:
    sources = run(
        javascript="""
            return new Response("<p>ü</p>", {
                status: 418, headers: {"Content-Type": "text/html; charset=utf-8", "X-Thing": "a"},
            });
        """
    )
    answer = javascript.call(sources)
    assert (answer.status_code, answer.text) == (418, "<p>ü</p>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-thing"] == "a"


@pytest.mark.parametrize(
    ("value", "content_type", "content"),
    [
        ("Response.json({a: 1})", "application/json;charset=utf-8", b'{"a":1}'),
        ("new Response('ü')", "text/plain; charset=utf-8", "ü".encode()),
        ("new Response(new Uint8Array([0, 255]))", "application/octet-stream", b"\x00\xff"),
        ("new Response(new Blob(['a'], {type: 'image/x'}))", "image/x", b"a"),
        ("new Response(new Blob(['a']).stream())", "text/plain; charset=utf-8", b"a"),
        ("new Response(async function* () { yield 'a'; yield 'b'; })", "text/plain; charset=utf-8", b"ab"),
        ("new Response()", "text/plain; charset=utf-8", b""),
        ("new Response(null, {status: 204})", None, b""),
    ],
)
def test_a_response_may_have_any_body(
    javascript: Language, value: str, content_type: str | None, content: bytes
) -> None:
    answer = javascript.call(run(javascript=f"return {value};"))
    assert answer.content == content, javascript.record(answer)["extra"].get("error")
    assert content_type is None or answer.headers["content-type"].lower() == content_type.lower()


def test_a_response_with_a_content_type_that_is_none_is_an_error(javascript: Language) -> None:
    source = "return new Response('a', {headers: {'Content-Type': 'text/'}});"
    error = javascript.failure(javascript.call(run(javascript=source)))
    assert error["message"].startswith('RangeError: there is no content type "text/"; ')


def test_a_redirect_may_be_returned(javascript: Language) -> None:
    answer = javascript.call(run(javascript="return Response.redirect('https://example.com/', 303);"))
    assert (answer.status_code, answer.headers["location"]) == (303, "https://example.com/")


def test_a_response_that_was_read_already_is_an_exception(javascript: Language) -> None:
    sources = run(javascript="const answer = new Response('a'); await answer.text(); return answer;")
    assert javascript.failure(javascript.call(sources))["type"] == "exception"


def test_values_are_json_as_javascript_has_it(javascript: Language) -> None:
    body = """
        return {
            date: new Date(0), none: undefined, symbol: Symbol("s"), list: [undefined], minus: -0,
            own: {toJSON() { return "own"; }}, class: new (class { a = 1; method() {} })(),
        };
    """
    assert javascript.call(run(javascript=body)).json() == {
        "date": "1970-01-01T00:00:00.000Z",
        "list": [None],
        "minus": 0,
        "own": "own",
        "class": {"a": 1},
    }


def test_headers_of_the_web_may_be_given_to_a_result(javascript: Language) -> None:
    body = "engine.result.set('x', {headers: new Headers({'X-A': '1'})});"
    assert javascript.call(run(javascript=body)).headers["x-a"] == "1"
    body = "engine.result.set('x', {headers: new Map([['X-A', '2']])});"
    assert javascript.call(run(javascript=body)).headers["x-a"] == "2"


# By what happens: what stands in `Run`, and the message.
FAILURES = {
    "a text": ("throw 'bad';", "thrown: bad"),
    "a number": ("throw 5;", "thrown: 5"),
    "nothing": ("throw undefined;", "thrown: undefined"),
    "null": ("throw null;", "thrown: null"),
    "an object": ("throw {code: 5};", "thrown: {\n  code: 5,\n}"),
    "a symbol": ("throw Symbol('s');", "thrown: Symbol(s)"),
    "a class of its own": (
        "class Mine extends Error { name = 'Mine'; }; throw new Mine('bad');",
        "Mine: bad",
    ),
    "an error without words": ("throw new TypeError();", "TypeError"),
    "an aggregate": ("throw new AggregateError([new Error('one')], 'several');", "AggregateError: several"),
    "a rejected promise": ("await Promise.reject(new RangeError('bad'));", "RangeError: bad"),
    "a rejected promise returned": ("return Promise.reject(new RangeError('bad'));", "RangeError: bad"),
    "a rejection nobody awaits": (
        "Promise.reject(new RangeError('bad')); await new Promise(() => {});",
        "RangeError: bad",
    ),
    "a rejection with a text": ("Promise.reject('bad'); await new Promise(() => {});", "thrown: bad"),
    "an error in a timer": (
        "setTimeout(() => { throw new RangeError('bad'); }, 1); await new Promise(() => {});",
        "RangeError: bad",
    ),
    "an error in a microtask": (
        "queueMicrotask(() => { throw new RangeError('bad'); }); await new Promise(() => {});",
        "RangeError: bad",
    ),
    "an error in a listener": (
        "const e = new (require('node:events'))(); setTimeout(() => e.emit('error', new RangeError('bad')), 1);"
        "await new Promise(() => {});",
        "RangeError: bad",
    ),
    "a bad regular expression": ("new RegExp('(');", "SyntaxError: Invalid regular expression"),
    "an unknown name": ("nothingOfThatName;", "ReferenceError: nothingOfThatName is not defined"),
    "an unknown module": ("const name = 'no-such'; await import(name);", "ResolveMessage: Cannot find package"),
    "a getter": ("throw Object.defineProperty(new Error('a'), 'stack', {get() { throw 1; }});", "what was thrown"),
    "a proxy": ("throw new Proxy({}, {get() { throw 1; }, getPrototypeOf() { throw 2; }});", ""),
    "a circle of causes": ("const e = new Error('bad'); e.cause = e; throw e;", "Error: bad"),
    "a frozen error": ("throw Object.freeze(new Error('bad'));", "Error: bad"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_everything_that_can_be_thrown_anywhere_is_a_recorded_exception(javascript: Language, name: str) -> None:
    body, message = FAILURES[name]
    error = javascript.failure(javascript.call(run(javascript=body)))
    assert error["type"] == "exception"
    assert error["message"].startswith(message)
    assert "/runtimes/" not in error["traceback"]
    assert len(error["traceback"]) < 5000


def test_the_trace_of_a_failed_timer_shows_the_users_line(javascript: Language) -> None:
    source = """
        function later() {
            throw new Error("late");
        }

        export async function Run(engine) {
            setTimeout(later, 1);
            await new Promise(() => {});
        }
    """
    trace = javascript.failure(javascript.call({"javascript": source}))["traceback"]
    assert "at later (action.js:3:" in trace
    assert "worker" not in trace


def test_causes_and_errors_of_an_aggregate_are_told_with_their_places(javascript: Language) -> None:
    source = """
        function first() { return new TypeError("first", {cause: "a text"}); }
        function second() { return new RangeError("second"); }
        export function Run() { throw new AggregateError([first(), second()], "both"); }
    """
    trace = javascript.failure(javascript.call({"javascript": source}))["traceback"]
    parts = [
        "AggregateError: both",
        "Caused by: TypeError: first",
        "at first (action.js:2:",
        "Caused by: thrown: a text",
    ]
    parts += ["Caused by: RangeError: second", "at second (action.js:3:"]
    assert [trace.index(part) for part in parts] == sorted(trace.index(part) for part in parts)


def test_an_error_that_is_handled_in_time_is_none(javascript: Language) -> None:
    body = """
        const failing = Promise.reject(new Error("handled"));
        try { await failing; } catch (error) { return error.message; }
    """
    assert javascript.call(run(javascript=body)).text == "handled"


def test_an_error_that_is_printed_has_no_frame_of_ours(javascript: Language) -> None:
    logs = javascript.lines(run(javascript="console.error(new Error('shown'));"))
    [(level, content)] = logs
    assert level == "error"
    assert content.startswith("Error: shown\n")
    assert "action.js:2" in content
    assert "/runtimes/" not in content


def test_a_module_of_another_syntax_says_what_is_missing(javascript: Language) -> None:
    answer = javascript.call({"javascript": "export const run = 1;\n"})
    error = javascript.failure(answer)
    assert (error["type"], error["message"]) == ("invalid_source", "the source exports no function Run(engine)")
