"""Method, path and the request as a whole."""

import json

import pytest
from conformance.languages import Language, run_return, run_set
from conformance.requests import ECHO


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_reaches_the_code(language: Language, method: str) -> None:
    answer = language.call(ECHO, method=method, content=b"body")
    assert answer.json()["method"] == method
    assert answer.json()["body"] == "body"


def test_head_runs_the_code_and_has_no_body(language: Language) -> None:
    sources = run_set(
        python='"12345", headers={"X-M": engine.request.method}',
        javascript='"12345", {headers: {"X-M": engine.request.method}}',
        go='"12345", codeactions.Headers(map[string]string{"X-M": engine.Request.Method})',
    )
    answer = language.call(sources, method="HEAD")
    assert (answer.status_code, answer.headers["x-m"], answer.content) == (200, "HEAD", b"")
    assert answer.headers["content-length"] == "5"
    assert language.record(answer)["result"] == "12345"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("", "/"), ("/", "/"), ("/a/b", "/a/b"), ("/a/", "/a/"), ("/a%20b/%C3%BC", "/a b/ü"), ("/a?x=1", "/a")],
)
@pytest.mark.parametrize("prefix", ["/endpoint", "/action/endpoint"])
def test_a_further_path_reaches_the_code(language: Language, prefix: str, path: str, expected: str) -> None:
    answer = language.server.client.get(f"{prefix}/{language.deploy(ECHO)}{path}")
    assert answer.json()["path"] == expected


@pytest.mark.parametrize(
    ("path", "decoded", "raw"),
    [
        (b"/a%2Fb", "/a/b", "/a%2Fb"),
        (b"/a/b", "/a/b", "/a/b"),
        (b"/a%20b/%C3%BC%25", "/a b/ü%", "/a%20b/%C3%BC%25"),
        (b"//a//%2e%2e/", "//a//../", "//a//%2e%2e/"),
        (b"", "/", "/"),
        (b"%2Fa", "/a", "/a"),  # a path begins with a slash, however it was sent
    ],
)
@pytest.mark.parametrize("prefix", [b"/endpoint", b"/action/endpoint"])
def test_the_path_is_there_as_it_was_sent(
    language: Language, prefix: bytes, path: bytes, decoded: str, raw: str
) -> None:
    target = prefix + b"/" + language.deploy(ECHO).encode() + path
    answer = language.server.client.get("/", extensions={"target": target + b"?a=%2F&b=1+2"})
    assert (answer.json()["path"], answer.json()["raw_path"]) == (decoded, raw)
    assert answer.json()["raw_query"] == "a=%2F&b=1+2"
    extra = language.record(answer)["extra"]
    assert (extra["path"], extra.get("raw_path", extra["path"])) == (decoded, raw)


def test_the_request_object_offers_everything_too(language: Language) -> None:
    sources = run_return(
        python="""[
            engine.request.params.get("a"), engine.request.header.get("X-A"), engine.request.headers.get("x-a"),
            engine.request.body, engine.request.method, engine.request.path]""",
        javascript="""[
            engine.request.params.get("a"), engine.request.header.get("X-A"), engine.request.headers.get("x-a"),
            engine.request.body, engine.request.method, engine.request.path]""",
        go="""[]string{
            engine.Request.Params.Get("a"), engine.Request.Header.Get("X-A"), engine.Request.Header.Get("x-a"),
            string(engine.Request.Content), engine.Request.Method, engine.Request.Path}""",
    )
    answer = language.call(sources, method="PUT", path="/p", params={"a": "1"}, headers={"X-A": "2"}, content=b"3")
    assert answer.json() == ["1", "2", "2", "3", "PUT", "/p"]


def test_a_run_of_the_authenticated_kind_sees_its_call_but_not_the_wait_parameter(language: Language) -> None:
    code_id = language.deploy(ECHO, type="flow")
    answer = language.server.client.post(
        f"/run/{code_id}?wait=true&a=1", content=b"body", headers={"X-A": "2", "Accept": "x/y"}
    )
    seen = json.loads(answer.json()["result"]["result"])
    assert (seen["params"], seen["body"], seen["method"], seen["path"]) == ({"a": "1"}, "body", "POST", "/")
    assert seen["headers"]["x-a"] == "2"
    assert "authorization" not in seen["headers"]
    assert (seen["raw_path"], seen["raw_query"]) == ("/", "a=1")
