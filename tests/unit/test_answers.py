"""What of a run's result may go out over HTTP in the server's name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from codeactions.execution.response_policy import read_answer
from codeactions.runtimes.protocol import Malformed

GOOD: dict[str, Any] = {"status_code": 200, "content_type": "text/plain", "headers": []}


def test_a_good_description_becomes_the_answer() -> None:
    meta = {
        "status_code": 201,
        "content_type": "text/html; charset=utf-8",
        "headers": [["X-A", "1"], ["x-a", "2"]],
    }
    answer = read_answer(meta, b"body")
    assert (answer.status_code, answer.content_type, answer.body) == (
        201,
        "text/html; charset=utf-8",
        b"body",
    )
    assert answer.headers == (("X-A", "1"), ("x-a", "2"))


@pytest.mark.parametrize("status", [200, 204, 304, 404, 599])
def test_status_codes_that_end_a_call_are_taken(status: int) -> None:
    assert read_answer({**GOOD, "status_code": status}, b"").status_code == status


@pytest.mark.parametrize("status", [None, True, "200", 200.0, 100, 101, 199, 600, 0, -1, 10**30, [200]])
def test_anything_else_is_no_status_code(status: object) -> None:
    with pytest.raises(Malformed, match="status"):
        read_answer({**GOOD, "status_code": status}, b"")


@pytest.mark.parametrize("content_type", [None, 1, b"a", ["a"], "a\r\nb", "a\nb", "\0", "\x7f", "\u0100", "x" * 8193])
def test_a_content_type_is_one_line_of_latin_1(content_type: object) -> None:
    with pytest.raises(Malformed, match="content type"):
        read_answer({**GOOD, "content_type": content_type}, b"")


NO_HEADERS = [
    None,
    {},
    "X: 1",
    [["X"]],
    [["X", "1", "2"]],
    [["X", 1]],
    [[1, "X"]],
    [("X", "1")],
    [None],
    [["X", "1"]] * 101,
]


@pytest.mark.parametrize("headers", NO_HEADERS, ids=range(len(NO_HEADERS)))
def test_headers_are_a_short_list_of_pairs_of_texts(headers: object) -> None:
    with pytest.raises(Malformed, match="header"):
        read_answer({**GOOD, "headers": headers}, b"")


@pytest.mark.parametrize("name", ["", "A B", "A:", "A\r", "A\n", "\u00e9", "A\0", "(A)", "A" * 257])
def test_a_header_name_is_a_token(name: str) -> None:
    with pytest.raises(Malformed, match="header"):
        read_answer({**GOOD, "headers": [[name, "x"]]}, b"")


@pytest.mark.parametrize(
    "value", ["a\r\nb", "a\nb", "a\rb", "a\n", "\0", "\x1b[0m", "\x7f", "\u0100", "\ud800", "x" * 8193]
)
def test_a_header_value_is_one_line_of_latin_1(value: str) -> None:
    with pytest.raises(Malformed, match="header"):
        read_answer({**GOOD, "headers": [["X", value]]}, b"")


@pytest.mark.parametrize("value", ["", "a\tb", "Gr\u00fc\u00dfe", "\u65e5\u672c \U0001f40d", "x" * 8192])
def test_a_header_value_may_be_any_text_byte_by_byte(value: str) -> None:
    sent = value.encode().decode("latin-1")
    assert read_answer({**GOOD, "headers": [["X", sent]]}, b"").headers == (("X", value),)


def test_a_header_value_that_is_no_utf_8_is_latin_1() -> None:
    assert read_answer({**GOOD, "headers": [["X", "caf\u00e9"]]}, b"").headers == (("X", "caf\u00e9"),)


SERVERS_OWN = [
    *("connection", "content-length", "content-type", "date", "keep-alive", "server", "te", "trailer", "upgrade"),
    *("transfer-encoding", "set-cookie", "set-cookie2", "x-run-id", "x-content-type-options", "x-sendfile"),
    *("x-accel-redirect", "x-accel-buffering", "strict-transport-security", "nel", "report-to", "alt-svc"),
    *("clear-site-data", "service-worker-allowed", "proxy-authenticate"),
    *("x-envoy-immediate-health-check-fail", "x-envoy-decorator-operation"),
]


@pytest.mark.parametrize("name", SERVERS_OWN)
def test_headers_that_are_the_servers_own_are_left_out_in_any_case(name: str) -> None:
    headers = [[name, "x"], [name.upper(), "x"], [name.title(), "x"], ["X-Kept", "y"]]
    assert read_answer({**GOOD, "headers": headers}, b"").headers == (("X-Kept", "y"),)


@pytest.mark.parametrize("location", ["/here", "other", "?x=1", "//host/x", "https://host/", "HTTP://host", ""])
def test_a_redirect_to_a_page_is_kept(location: str) -> None:
    assert read_answer({**GOOD, "headers": [["Location", location]]}, b"").headers == (("Location", location),)


@pytest.mark.parametrize(
    "location",
    ["javascript:x", "JavaScript:x", "  javascript:x", "java\tscript:x", "data:,x", "file:///x", "http://[x"],
)
def test_a_redirect_to_anything_else_is_left_out(location: str) -> None:
    assert read_answer({**GOOD, "headers": [["LOCATION", location]]}, b"").headers == ()


json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=10,
)


@given(some.dictionaries(some.sampled_from(["status_code", "content_type", "headers", "x"]), json_values))
def test_any_description_is_an_answer_that_can_be_sent_or_malformed(meta: dict[str, Any]) -> None:
    try:
        answer = read_answer(meta, b"")
    except Malformed:
        return
    assert 200 <= answer.status_code <= 599
    for text in (answer.content_type, *(part for pair in answer.headers for part in pair)):
        assert not set(text.encode("latin-1")) & set(b"\r\n\0")
