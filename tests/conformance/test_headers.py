"""Request headers, as a code gets to know them."""

import json

import pytest
from conformance.languages import Language, run_return
from conformance.requests import ECHO, raw_call


def test_a_header_is_found_in_any_case(language: Language) -> None:
    sources = run_return(
        python='[engine.header.get("X-Thing"), engine.header["x-thing"], engine.header.get("X-THING")]',
        javascript='[engine.header.get("X-Thing"), engine.header.get("x-thing"), engine.header.get("X-THING")]',
        go='[]string{engine.Header.Get("X-Thing"), engine.Header.Get("x-thing"), engine.Header.Get("X-THING")}',
    )
    assert language.call(sources, headers={"X-Thing": "One"}).json() == ["One"] * 3


def test_an_absent_header_is_the_empty_string(language: Language) -> None:
    sources = run_return(
        python='[engine.header.get("X-No"), engine.header.get("X-No", "d"), "X-No" in engine.header]',
        javascript='[engine.header.get("X-No"), engine.header.get("X-No", "d"), engine.header.has("X-No")]',
        go='[]any{engine.Header.Get("X-No"), "d", len(engine.Header.All("X-No")) > 0}',
    )
    assert language.call(sources).json() == ["", "d", False]


def test_all_headers_can_be_listed(language: Language) -> None:
    answer = language.call(ECHO, headers={"X-One": "1", "X-Two": "2"})
    headers = {name.lower(): value for name, value in answer.json()["headers"].items()}
    assert headers.items() >= {"x-one": "1", "x-two": "2"}.items()
    assert headers["host"]


def test_a_repeated_header_has_all_its_values(language: Language) -> None:
    sources = run_return(
        python='[engine.header.get("x-a"), engine.header.all("X-A")]',
        javascript='[engine.header.get("x-a"), engine.header.all("X-A")]',
        go='[]any{engine.Header.Get("x-a"), engine.Header.All("X-A")}',
    )
    status, content = raw_call(language, sources, b"", b"X-A: 1\r\nx-a: 2\r\n")
    assert (status, content) == (200, ["1", ["1", "2"]])


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("Grüße".encode(), "Grüße"),
        ("日本 🐍".encode(), "日本 🐍"),
        (b"caf\xe9", "café"),  # Latin-1, which is no UTF-8
        (b"plain", "plain"),
        (b"", ""),
    ],
)
def test_header_values_are_utf_8_or_else_latin_1(language: Language, sent: bytes, text: str) -> None:
    code_id = language.deploy(ECHO)
    answer = language.server.client.get(f"/endpoint/{code_id}", headers=[(b"X-Thing", sent), (b"Cookie", sent)])
    assert answer.json()["headers"]["x-thing"] == answer.json()["headers"]["cookie"] == text
    assert language.record(answer)["headers"]["x-thing"] == text
    flow = language.deploy(ECHO, type="flow")
    answer = language.server.client.post(f"/run/{flow}", headers=[(b"X-Thing", sent)])
    assert json.loads(answer.json()["result"]["result"])["headers"]["x-thing"] == text
