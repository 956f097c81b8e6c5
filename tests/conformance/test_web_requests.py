"""The request as the web, and as Go's own library, has it."""

import pytest
from conformance.languages import Language, run


def test_the_request_is_there_as_one_of_the_web(javascript: Language) -> None:
    sources = run(
        javascript="""
            const raw = engine.request.raw;
            return {
                is: [raw instanceof Request, raw === engine.request.raw], method: raw.method, url: raw.url,
                headers: [raw.headers.get("x-thing"), raw.headers.get("content-type")], body: await raw.text(),
            };
        """
    )
    answer = javascript.call(
        sources,
        method="PUT",
        path="/a%2Fb?c=1+2",
        content="Grüße".encode(),
        headers={"X-Thing": "1", "Host": "example.com"},
    )
    assert answer.json() == {
        "is": [True, True],
        "method": "PUT",
        "url": "http://example.com/a%2Fb?c=1+2",
        "headers": ["1", None],
        "body": "Grüße",
    }


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "TRACE", "PURGE"])
def test_the_request_of_the_web_takes_every_call(javascript: Language, method: str) -> None:
    sources = run(
        javascript="return new Response(null, {headers: {'X-Is': engine.request.raw.method + engine.request.raw.url}});"
    )
    headers = [
        ("Host", "not a host"),
        ("X-Thing", "日本".encode()),
        ("X-Forwarded-Proto", "https"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ]
    answer = javascript.call(sources, method=method, content=b"a=1", headers=headers)
    assert answer.headers["x-is"] == f"{method}https://localhost/"


def test_the_request_of_the_web_reads_forms(javascript: Language) -> None:
    sources = run(
        javascript='const form = await engine.request.raw.formData(); return [form.get("a"), await form.get("f").text()];'
    )
    assert javascript.call(sources, data={"a": "1"}, files={"f": ("n", b"x")}).json() == ["1", "x"]


def test_the_request_is_there_as_gos_own(go: Language) -> None:
    sources = run(
        go="""
            request := web.Request(engine)
            content, _ := io.ReadAll(request.Body)
            cookie, _ := request.Cookie("c")
            return []any{
                request.Method, request.URL.String(), request.URL.Path, request.RequestURI, request.Host,
                request.Header["X-Thing"], cookie.Value, request.ContentLength, string(content), request.FormValue("d"),
            }, nil
        """
    )
    headers = [("Host", "example.com"), ("X-Thing", "1"), ("x-thing", "2"), ("Cookie", "c=3")]
    answer = go.call(sources, method="PUT", path="/a%2Fb?d=1+2", content=b"body", headers=headers)
    assert answer.json() == [
        "PUT", "/a%2Fb?d=1+2", "/a/b", "/a%2Fb?d=1+2", "example.com", ["1", "2"], "3", 4, "body", "1 2",
    ]  # fmt: skip
