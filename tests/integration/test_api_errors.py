"""Errors that belong to no single route: one shape everywhere, sizes, methods, things that are not HTTP."""

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from harness import Server, running_server
from integration.answers import refused

MEBIBYTE = 1024 * 1024
ECHO = "def Run(engine):\n    return str(len(engine.request.content))\n"


def raw(server: Server, request: bytes) -> bytes:
    """Send bytes as they are and read until the server closes."""
    address = urlsplit(server.base)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("path", ["/nothing", "/code/", "/endpoint", "/run", "/docs/nothing.js", "/coderun/x/y"])
def test_where_there_is_nothing_the_answer_is_404_in_the_one_shape(server: Server, path: str) -> None:
    assert refused(server.client.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/code", {"GET", "POST"}),
        ("DELETE", "/code", {"GET", "POST"}),
        ("POST", "/code/{id}", {"GET", "PATCH", "DELETE"}),
        ("PUT", "/code/{id}", {"GET", "PATCH", "DELETE"}),
        ("GET", "/run/{id}", {"POST"}),
        ("PUT", "/run/{id}", {"POST"}),
        ("POST", "/coderun", {"GET"}),
        ("DELETE", "/coderun/{id}", {"GET"}),
        ("PATCH", "/codelog/{id}", {"GET"}),
        ("POST", "/health", {"GET"}),
        ("POST", "/metrics", {"GET"}),
        ("OPTIONS", "/code", {"GET", "POST"}),
        ("TRACE", "/code", {"GET", "POST"}),
    ],
)
def test_a_method_that_is_not_possible_is_405_with_those_that_are(
    server: Server, method: str, path: str, allowed: set[str]
) -> None:
    answer = server.client.request(method, path.format(id=uuid4()))
    assert method in refused(answer, 405)
    assert set(answer.headers["allow"].replace(" ", "").split(",")) - {"HEAD"} == allowed


@pytest.mark.parametrize("path", ["/code/{}", "/coderun/{}", "/codelog/{}"])
@pytest.mark.parametrize(
    "malformed", ["nope", "1", "0190a5d8-7f3c-7cc0-8f00-3a1b2c3d4e5", "%00", "ü" * 100, "' OR 1=1 --"]
)
def test_a_malformed_id_is_refused_by_name(server: Server, path: str, malformed: str) -> None:
    message = refused(server.client.get(path.format(malformed)))
    assert message.partition(":")[0] in ("code_id", "run_id", "log_id")


@pytest.mark.parametrize(
    "path", ["/code/{}?x=1", "/coderun/{}?x=1", "/codelog/{}?x=1", "/health?x=1", "/healthz?x=1", "/metrics?x=1"]
)
def test_an_unknown_parameter_is_refused_everywhere(server: Server, path: str) -> None:
    message = refused(server.client.get(path.format(uuid4())))
    assert message == "unknown parameter 'x'; there are none here"


def test_a_body_of_the_limit_goes_through_and_one_byte_more_does_not(server: Server) -> None:
    code_id = server.create(ECHO)
    for path in (f"/endpoint/{code_id}", f"/run/{code_id}"):
        assert server.client.post(path, content=bytes(10 * MEBIBYTE)).status_code == 200
        for content in (bytes(10 * MEBIBYTE + 1), iter([bytes(MEBIBYTE)] * 10 + [b"x"])):
            message = refused(server.client.post(path, content=content), 413, "too_large")
            assert message == f"the body must have at most {10 * MEBIBYTE} bytes"
    assert server.client.get("/coderun", params={"code_id": code_id}).json()["total"] == 2


def test_a_body_announced_too_large_is_refused_before_it_is_sent(server: Server) -> None:
    code_id = server.create(ECHO).encode()
    request = b"POST /endpoint/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n" % code_id
    address = urlsplit(server.base)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 413
        assert b"too_large" in answer.read()


def test_an_endless_body_without_a_length_is_refused(server: Server) -> None:
    code_id = server.create(ECHO)
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 200 * MEBIBYTE:
            sent += MEBIBYTE
            yield bytes(MEBIBYTE)

    try:
        answer = server.client.post(f"/endpoint/{code_id}", content=endless())
    except httpx.TransportError:
        pass  # the server answered and closed while the rest was on its way
    else:
        assert refused(answer, 413, "too_large")
    assert server.healthy()
    assert server.client.get("/coderun", params={"code_id": code_id}).json()["total"] == 0


def test_a_body_that_ends_early_runs_nothing(server: Server) -> None:
    code_id = server.create(ECHO)
    address = urlsplit(server.base)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"POST /endpoint/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc" % code_id.encode())
    assert server.healthy()
    assert server.client.get("/coderun", params={"code_id": code_id}).json()["total"] == 0


def test_a_body_that_does_not_come_is_a_timeout(postgres: object, database_url: str, tmp_path: Path) -> None:
    with running_server(
        tmp_path, database_url, body_seconds=0.5, body_mb=0.001, slots=1, queue=0, languages="python"
    ) as server:
        code_id = server.create("x = 1")
        answer = raw(
            server,
            b"POST /endpoint/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\nabc"
            % code_id.encode(),
        )
        assert answer.startswith(b"HTTP/1.1 504")
        assert b'"code":"timeout","message":"the body did not arrive within 0.5 s"' in answer
        message = refused(server.client.post(f"/endpoint/{code_id}", content=bytes(1049)), 413, "too_large")
        assert message == "the body must have at most 1048 bytes"
        assert server.client.get("/coderun", params={"code_id": code_id}).json()["total"] == 0


def test_too_many_parameters_or_headers_are_refused(server: Server) -> None:
    code_id = server.create("def Run(engine):\n    return len(engine.params)\n")
    assert server.client.get(f"/endpoint/{code_id}?" + "&".join(f"p{n}" for n in range(1000))).text == "1000"
    many = "&".join(f"p{n}=" for n in range(1001))
    assert "1000 query parameters" in refused(server.client.get(f"/endpoint/{code_id}?{many}"))
    headers = {f"X-{n}": "x" * 6000 for n in range(11)}
    answer = server.client.get(f"/endpoint/{code_id}", headers=headers)
    assert answer.status_code in (400, 413, 431)
    assert server.client.get("/coderun", params={"code_id": code_id}).json()["total"] == 1


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /endpoint/\xc3\xbc HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /code HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /code HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /code HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_harms_nobody(server: Server, request_: bytes) -> None:
    assert raw(server, request_).startswith(b"HTTP/1.1 400 ")
    assert server.healthy()


def test_errors_are_counted_by_code(server: Server) -> None:
    def count(code: str) -> float:
        lines = server.client.get("/metrics").text.splitlines()
        prefix = f'ca_http_errors_total{{code="{code}"}} '
        return sum(float(line.removeprefix(prefix)) for line in lines if line.startswith(prefix))

    before = {code: count(code) for code in ("not_found", "invalid", "unauthorized")}
    server.client.get("/nothing")
    server.client.get(f"/endpoint/{uuid4()}")
    server.client.get("/code/nope")
    httpx.get(server.base + "/code")
    after = {code: count(code) for code in before}
    assert after == {
        "not_found": before["not_found"] + 2,
        "invalid": before["invalid"] + 1,
        "unauthorized": before["unauthorized"] + 1,
    }
