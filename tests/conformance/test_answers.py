"""What goes out with a result: status codes and headers, and those that are not a code's to set."""

import pytest
from conformance.languages import Language, run_set


def with_status(status: int) -> dict[str, str]:
    """Sources that answer "x" with a status code."""
    return run_set(
        python=f'"x", status_code={status}',
        javascript=f'"x", {{statusCode: {status}}}',
        go=f'"x", codeactions.StatusCode({status})',
    )


def with_headers(value: str, status: int, headers: dict[str, str]) -> dict[str, str]:
    """Sources that answer a text with headers."""
    pairs = ", ".join(f'"{name}": "{text}"' for name, text in headers.items())
    return run_set(
        python=f'"{value}", {status}, headers={{{pairs}}}',
        javascript=f'"{value}", {{statusCode: {status}, headers: {{{pairs}}}}}',
        go=f'"{value}", codeactions.StatusCode({status}), codeactions.Headers(map[string]string{{{pairs}}})',
    )


@pytest.mark.parametrize("status", [200, 201, 202, 299, 302, 400, 404, 409, 418, 500, 503, 599])
def test_any_final_status_code_can_be_answered(language: Language, status: int) -> None:
    answer = language.call(with_status(status))
    assert (answer.status_code, answer.text) == (status, "x")
    assert language.record(answer)["status"] == "completed", "a status code that was chosen is no failure"
    assert language.record(answer)["extra"]["status_code"] == status


@pytest.mark.parametrize("status", [204, 205, 304])
def test_status_codes_without_a_body_have_none(language: Language, status: int) -> None:
    answer = language.call(with_status(status))
    assert (answer.status_code, answer.content) == (status, b"")
    again = language.server.client.get("/healthz")
    assert again.status_code == 200, "the connection must still be in step"


def test_headers_can_be_set(language: Language) -> None:
    sources = run_set(
        python='"x", headers={"X-Thing": "café", "Cache-Control": "no-store", "X-Number": 5}',
        javascript='"x", {headers: {"X-Thing": "café", "Cache-Control": "no-store", "X-Number": 5}}',
        go=""""x", codeactions.Headers(map[string]string{
            "X-Thing": "café", "Cache-Control": "no-store", "X-Number": fmt.Sprint(5),
        })""",
    )
    answer = language.call(sources)
    assert dict(answer.headers.raw)[b"x-thing"] == "café".encode()
    assert (answer.headers["cache-control"], answer.headers["x-number"]) == ("no-store", "5")
    assert language.record(answer)["extra"]["headers"]["X-Thing"] == "café"


def test_header_values_go_out_as_they_came_in(language: Language) -> None:
    sources = run_set(
        python='"x", headers={"X-Thing": engine.header.get("X-Thing")}',
        javascript='"x", {headers: {"X-Thing": engine.header.get("X-Thing")}}',
        go='"x", codeactions.Headers(map[string]string{"X-Thing": engine.Header.Get("X-Thing")})',
    )
    sent = "Grüße 日本 🐍".encode()
    answer = language.call(sources, headers=[(b"X-Thing", sent)])
    assert dict(answer.headers.raw)[b"x-thing"] == sent
    assert language.record(answer)["extra"]["headers"]["X-Thing"] == sent.decode()


def test_headers_that_are_the_servers_own_stay_the_servers(language: Language) -> None:
    headers = {
        "Content-Length": "1",
        "transfer-encoding": "chunked",
        "X-Run-Id": "forged",
        "Set-Cookie": "session=1",
        "Connection": "close",
        "Date": "never",
        "Content-Type": "text/html",
        "Content-Security-Policy": "default-src *",
    }
    answer = language.call(with_headers("12345", 200, headers))
    assert answer.text == "12345"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-length"] == "5"
    assert answer.headers["x-run-id"] not in ("", "forged")
    assert "set-cookie" not in answer.headers
    assert answer.headers["date"] != "never"
    # Two policies both hold, so the sandbox of the server's own stays.
    assert any("sandbox" in policy for policy in answer.headers.get_list("content-security-policy"))


@pytest.mark.parametrize(
    ("location", "sent"), [("/there", True), ("https://example.com/x", True), ("javascript:alert(1)", False)]
)
def test_a_redirect_leads_to_web_addresses_only(language: Language, location: str, sent: bool) -> None:
    answer = language.call(with_headers("", 302, {"Location": location}))
    assert answer.status_code == 302
    assert answer.headers.get("location") == (location if sent else None)


def test_every_answer_names_its_run_and_is_kept_from_acting_in_the_servers_name(language: Language) -> None:
    sources = run_set(
        python='"<script>", content_type="html"',
        javascript='"<script>", {contentType: "html"}',
        go='"<script>", codeactions.ContentType("html")',
    )
    answer = language.call(sources)
    assert language.record(answer)["result"] == "<script>"
    assert answer.headers["content-security-policy"].startswith("sandbox ")
    assert "allow-same-origin" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
