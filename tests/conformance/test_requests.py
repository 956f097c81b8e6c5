"""What a code gets to know of its call: parameters, headers, body, method and path."""

import json
import os
import socket
from urllib.parse import urlsplit

import pytest
from conformance.languages import Language

ECHO = {
    "python": """
        def Run(engine):
            return {
                "params": dict(engine.params.items()),
                "headers": dict(engine.header.items()),
                "body": engine.body,
                "method": engine.request.method,
                "path": engine.request.path,
            }
    """
}


def raw_call(language: Language, target: bytes, headers: bytes = b"") -> bytes:
    """Send a request that no client library would write that way; returns the whole answer."""
    address = urlsplit(language.server.base)
    code_id = language.deploy(ECHO).encode()
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(
            b"GET /endpoint/%s%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n" % (code_id, target, headers)
        )
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def test_a_parameter_is_read_by_its_name(language: Language) -> None:
    answer = language.call(
        {"python": 'def Run(engine):\n    return {"hello": engine.params.get("name")}'}, params={"name": "x"}
    )
    assert (answer.status_code, answer.json()) == (200, {"hello": "x"})


def test_an_absent_parameter_is_nothing_or_the_given_default(language: Language) -> None:
    sources = {"python": 'def Run(engine):\n    return [engine.params.get("a"), engine.params.get("a", "d")]'}
    assert language.call(sources).json() == [None, "d"]


def test_the_first_of_a_repeated_parameter_counts_and_all_can_be_read(language: Language) -> None:
    sources = {
        "python": """
            def Run(engine):
                p = engine.params
                return [p.get("a"), p["a"], p.all("a"), p.items(), "a" in p, len(p)]
        """
    }
    answer = language.call(sources, params=[("a", "1"), ("b", "2"), ("a", "3")])
    assert answer.json() == ["1", "1", ["1", "3"], [["a", "1"], ["b", "2"]], True, 2]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {}),
        ("a=", {"a": ""}),
        ("a", {"a": ""}),
        ("=b", {"": "b"}),
        ("a=1&&b=2&", {"a": "1", "b": "2"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("q=one+two%20three%2B", {"q": "one two three+"}),
        ("n%C3%A4me=J%C3%BCrgen%20%F0%9F%90%8D", {"näme": "Jürgen 🐍"}),
    ],
)
def test_a_query_string_is_decoded_as_forms_are(language: Language, query: str, expected: dict[str, str]) -> None:
    code_id = language.deploy(ECHO)
    answer = language.server.client.get(f"/endpoint/{code_id}?{query}")
    assert answer.json()["params"] == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"a=%zz", b'"a": "%zz"'),
        (b"a=%", b'"a": "%"'),
        (b"a=%ff%fe", '"a": "\ufffd\ufffd"'.encode()),
        (b"a=%ed%a0%80", '"a": "\ufffd\ufffd\ufffd"'.encode()),  # a lone surrogate
        (b"a=%00b", b'"a": "\\u0000b"'),
    ],
)
def test_percent_encoded_garbage_is_no_error(language: Language, query: bytes, expected: bytes) -> None:
    answer = raw_call(language, b"?" + query)
    assert answer.startswith(b"HTTP/1.1 200")
    assert expected in answer


def test_a_header_is_found_in_any_case(language: Language) -> None:
    sources = {
        "python": """
            def Run(engine):
                h = engine.header
                return [h.get("X-Thing"), h.get("x-thing"), h.get("X-THING"), h["x-ThinG"]]
        """
    }
    assert language.call(sources, headers={"X-Thing": "One"}).json() == ["One"] * 4


def test_an_absent_header_is_the_empty_string(language: Language) -> None:
    sources = {"python": 'def Run(engine):\n    return [engine.header.get("X-No"), engine.header.get("X-No", "d")]'}
    assert language.call(sources).json() == ["", "d"]


def test_all_headers_can_be_listed(language: Language) -> None:
    answer = language.call(ECHO, headers={"X-One": "1", "X-Two": "2"})
    headers = {name.lower(): value for name, value in answer.json()["headers"].items()}
    assert headers.items() >= {"x-one": "1", "x-two": "2"}.items()
    assert headers["host"]


def test_header_values_are_latin_1(language: Language) -> None:
    answer = raw_call(language, b"", b"X-Thing: caf\xe9\r\n")
    assert '"x-thing": "café"'.encode() in answer


def test_a_text_body_arrives(language: Language) -> None:
    assert language.call(ECHO, content="Grüße 🐍\r\n\x00end".encode()).json()["body"] == "Grüße 🐍\r\n\x00end"


def test_no_body_is_the_empty_string(language: Language) -> None:
    sources = {"python": "def Run(engine):\n    return [engine.body, len(engine.request.content)]"}
    assert language.call(sources, method="GET").json() == ["", 0]


def test_a_body_that_is_not_utf_8_is_read_with_replacements_and_kept_as_bytes(language: Language) -> None:
    sources = {"python": "def Run(engine):\n    return [engine.body, list(engine.request.content)]"}
    assert language.call(sources, content=b"a\xff\xfeb").json() == ["a\ufffd\ufffdb", [97, 255, 254, 98]]


def test_a_body_in_chunks_arrives_in_one_piece(language: Language) -> None:
    answer = language.call(ECHO, content=iter([b"one ", b"two ", b"three"]))
    assert answer.json()["body"] == "one two three"


def test_a_json_body_can_be_read_as_such(language: Language) -> None:
    sources = {"python": "def Run(engine):\n    return engine.request.json()['items'][1]"}
    assert language.call(sources, json={"items": [1, {"ü": None}]}).json() == {"ü": None}


@pytest.mark.parametrize("kind", ["bytes", "text"])
def test_ten_megabytes_go_in_and_out_unmangled(language: Language, kind: str) -> None:
    size = 10 * 1024 * 1024
    body = os.urandom(size) if kind == "bytes" else ("ü" * (size // 2)).encode()
    sources = {
        "bytes": {"python": "def Run(engine):\n    return engine.request.content"},
        "text": {"python": "def Run(engine):\n    return engine.body"},
    }[kind]
    answer = language.call(sources, content=body)
    assert answer.status_code == 200
    assert answer.content == body
    assert answer.headers["content-length"] == str(size)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_reaches_the_code(language: Language, method: str) -> None:
    answer = language.call(ECHO, method=method, content=b"body")
    assert answer.json()["method"] == method
    assert answer.json()["body"] == "body"


def test_head_runs_the_code_and_has_no_body(language: Language) -> None:
    sources = {"python": 'def Run(engine):\n    engine.result.set("12345", headers={"X-M": engine.request.method})'}
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


def test_the_request_object_offers_everything_too(language: Language) -> None:
    sources = {
        "python": """
            def Run(engine):
                r = engine.request
                headers = [r.header.get("X-A"), r.headers.get("x-a")]
                return [r.params.get("a"), *headers, r.body, r.method, r.path]
        """
    }
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
