"""Handlers of Go's net/http that answer a call."""

import httpx
import pytest
from conformance.languages import Language
from conformance.pieces import in_pieces, take

ACTION = """
func Run(engine *codeactions.Engine) error {{
    _, _, _, _, _ = io.EOF, fmt.Print, time.Now, strings.Repeat, errors.New
    return web.Serve(engine, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {{
{}
    }}))
}}
"""


def called(go: Language, body: str, **request: object) -> httpx.Response:
    return go.call({"go": ACTION.format(body)}, **request)


def test_what_is_not_flushed_is_sent_as_a_whole(go: Language) -> None:
    answer = called(
        go,
        'w.Header().Set("X-A", "1"); w.WriteHeader(201); fmt.Fprint(w, "a"); io.WriteString(w, r.URL.Path)',
        path="/b",
    )
    assert (answer.status_code, answer.text, answer.headers["x-a"]) == (201, "a/b", "1")
    assert answer.headers["content-length"] == "3"


def test_what_is_flushed_is_sent_at_once(go: Language) -> None:
    body = 'w.Header().Set("Content-Type", "text/event-stream"); fmt.Fprint(w, "data: 1\\n\\n"); w.(http.Flusher).Flush(); select {}'
    code_id = go.deploy({"go": ACTION.format(body)})
    with go.server.client.stream("GET", f"/endpoint/{code_id}") as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
        assert next(answer.iter_text()) == "data: 1\n\n"
    assert go.finished(answer)["extra"]["error"]["type"] == "cancelled"


def test_a_response_controller_flushes(go: Language) -> None:
    answer = in_pieces(called(go, 'engine.Log.Info(http.NewResponseController(w).Flush()); fmt.Fprint(w, "x")'))
    assert (answer.text, go.logs(answer)) == ("x", [("info", "<nil>")])


def test_a_long_answer_is_sent_in_pieces(go: Language) -> None:
    answer = in_pieces(called(go, 'for range 5 { fmt.Fprint(w, strings.Repeat("x", 30000)) }'))
    assert answer.text == "x" * 150_000


HEADS = {
    "nothing": ("", 200, "text/plain; charset=utf-8", {}),
    "headers alone": ('w.Header().Set("X-A", "1")', 200, "text/plain; charset=utf-8", {"x-a": "1"}),
    "several values": (
        'w.Header().Add("X-A", "1"); w.Header().Add("X-A", "2")',
        200,
        "text/plain; charset=utf-8",
        {"x-a": "1, 2"},
    ),
    "an error": ('http.Error(w, "no", 418)', 418, "text/plain; charset=utf-8", {}),
    "a redirect": ('http.Redirect(w, r, "/x", 302)', 302, "text/html; charset=utf-8", {"location": "/x"}),
    "a page": ('fmt.Fprint(w, "<!doctype html>")', 200, "text/html; charset=utf-8", {}),
    "a type of its own": ('w.Header().Set("Content-Type", "a/b"); fmt.Fprint(w, "x")', 200, "a/b", {}),
    "an image": (r'fmt.Fprint(w, "\x89PNG\x0d\x0a\x1a\x0a")', 200, "image/png", {}),
    "the first status": (
        "w.WriteHeader(100); w.WriteHeader(201); w.WriteHeader(500)",
        201,
        "text/plain; charset=utf-8",
        {},
    ),
    "a file": (
        'http.ServeContent(w, r, "a.csv", time.Unix(0, 0), strings.NewReader("a,b"))',
        200,
        "text/csv; charset=utf-8",
        {"content-length": "3"},
    ),
    "a trailer, which is not sent": ('w.Header().Set("Trailer:X-A", "1")', 200, "text/plain; charset=utf-8", {}),
}


@pytest.mark.parametrize(("body", "status", "content_type", "headers"), HEADS.values(), ids=HEADS)
def test_heads_are_those_of_net_http(
    go: Language, body: str, status: int, content_type: str, headers: dict[str, str]
) -> None:
    answer = called(go, body, method="GET")
    assert (answer.status_code, answer.headers["content-type"]) == (status, content_type)
    assert {name: answer.headers[name] for name in headers} == headers


def test_a_header_that_is_set_after_the_status_is_not_sent(go: Language) -> None:
    answer = called(go, 'w.WriteHeader(200); w.Header().Set("X-A", "1"); fmt.Fprint(w, "x")')
    assert (answer.text, "x-a" in answer.headers) == ("x", False)


def test_a_status_without_a_body_takes_none(go: Language) -> None:
    answer = called(
        go, 'w.WriteHeader(204); _, err := fmt.Fprint(w, "x"); engine.Log.Info(err == http.ErrBodyNotAllowed)'
    )
    assert (answer.status_code, answer.content, go.logs(answer)) == (204, b"", [("info", "true")])


def test_the_result_cannot_be_set_beside_it(go: Language) -> None:
    error = go.failure(called(go, 'fmt.Fprint(w, "x"); engine.Result.Set("y"); w.(http.Flusher).Flush()'))
    assert error["message"].startswith("engine.Result.Head comes too late")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("w.WriteHeader(700)", "the status code must be a whole number from 200 to 599, not 700"),
        ('w.Header().Set("X-A", "a\\nb"); fmt.Fprint(w, "x")', "the value of header X-A must be text"),
        ('w.Header()["a b"] = []string{"1"}; w.(http.Flusher).Flush()', '"a b" is no header name'),
        ('panic("no")', "panic: no"),
    ],
)
def test_what_cannot_be_sent_is_the_runs_failure(go: Language, body: str, message: str) -> None:
    assert go.failure(called(go, body))["message"].startswith(message)


def test_a_handler_that_gives_up_cuts_its_answer(go: Language) -> None:
    body = 'fmt.Fprint(w, "x"); w.(http.Flusher).Flush(); panic(http.ErrAbortHandler)'
    code_id = go.deploy({"go": ACTION.format(body)})
    received = bytearray()
    with (
        go.server.client.stream("GET", f"/endpoint/{code_id}") as answer,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        take(answer, received)
    assert received == b"x"
    assert go.finished(answer)["status"] == "failed"
