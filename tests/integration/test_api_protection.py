"""Endpoints that not everybody may call: by token, by user name and password, by signature."""

import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest
from harness import Server, running_server, wait_until
from integration.answers import refused

ECHO = "def Run(engine):\n    return [engine.header.items(), engine.body]\n"
PASSWORD = "correct horse battery staple"
SECRET = "0123456789abcdef-secret"


def runs(server: Server, code_id: str) -> int:
    """How many runs of a code are on record."""
    return int(server.client.get("/coderun", params={"code_id": code_id}).json()["total"])


def protect(server: Server, code_id: str, **fields: Any) -> dict[str, Any]:
    """Protect a code."""
    answer = server.client.put(f"/code/{code_id}/protection", json=fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture
def code_id(server: Server) -> str:
    """A public endpoint."""
    return server.create(ECHO)


def test_by_token_only_callers_who_may_run_the_code_get_through(server: Server, code_id: str) -> None:
    protect(server, code_id, kind="token")
    server.client.post("/project", json={"uuid": "tests", "name": "Tests"})
    tokens = {
        role: server.client.post("/token", json={"name": "x", "project_uuid": "tests", "role": role}).json()["token"]
        for role in (1, 2)
    }
    url = f"{server.base}/endpoint/{code_id}"
    nobody = httpx.get(url)
    assert "Authorization" in refused(nobody, 401, "unauthorized")
    assert nobody.headers["www-authenticate"] == "Bearer"
    refused(httpx.get(url, headers={"Authorization": f"Bearer {tokens[1]}"}), 403, "forbidden")
    assert runs(server, code_id) == 0, "whoever may not call takes no slot"
    answer = httpx.get(url, headers={"Authorization": f"Bearer {tokens[2]}", "X-Other": "kept"})
    assert answer.status_code == 200
    seen = dict(answer.json()[0])
    assert "authorization" not in seen
    assert seen["x-other"] == "kept"
    assert tokens[2] not in json.dumps(server.record(answer))


def test_by_user_name_and_password(server: Server, code_id: str) -> None:
    shown = protect(server, code_id, kind="basic", username="ana", password=PASSWORD)
    assert (shown["kind"], shown["username"]) == ("basic", "ana")
    assert PASSWORD not in json.dumps(shown)
    url = f"{server.base}/endpoint/{code_id}"
    for wrong in (None, ("ana", "wrong password"), ("bo", PASSWORD), ("ana", ""), ("", "")):
        answer = httpx.get(url, auth=wrong)
        refused(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Basic realm=")
    for wrong_header in ("Basic !!!", "Basic", f"Bearer {PASSWORD}", "Basic " + "A" * 5000):
        refused(httpx.get(url, headers={"Authorization": wrong_header}), 401, "unauthorized")
    # Not even the administrator's token is a password.
    refused(server.client.get(f"/endpoint/{code_id}"), 401, "unauthorized")
    assert runs(server, code_id) == 0
    for _ in range(2):  # hashed at first, remembered then
        answer = httpx.get(url, auth=("ana", PASSWORD))
        assert answer.status_code == 200
        assert "authorization" not in dict(answer.json()[0])
        assert PASSWORD not in json.dumps(server.record(answer))
    protect(server, code_id, kind="basic", username="ana", password="another long password")
    refused(httpx.get(url, auth=("ana", PASSWORD)), 401, "unauthorized")
    assert httpx.get(url, auth=("ana", "another long password")).status_code == 200


def test_the_longest_password_works_in_any_script(server: Server, code_id: str) -> None:
    name, password = "ü" * 255, "🐍" * 1024
    protect(server, code_id, kind="basic", username=name, password=password)
    url = f"{server.base}/endpoint/{code_id}"
    assert httpx.get(url, auth=(name.encode(), password.encode())).status_code == 200
    assert httpx.get(url, auth=(name.encode(), password[1:].encode())).status_code == 401


def sign(secret: str, body: bytes) -> str:
    """The signature that GitHub sends."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def stamp(secret: str, body: bytes, seconds: float) -> str:
    """The signature that Stripe sends."""
    at = str(int(seconds))
    return f"t={at},v1=" + hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def test_by_a_signature_of_the_very_body(server: Server, code_id: str) -> None:
    assert "secret" not in protect(server, code_id, kind="hmac", secret=SECRET, header="X-Hub-Signature-256")
    body = '{ "a" :\t1,\n"ü": "\\u00fc" }'.encode()
    now = time.time()
    right = [sign(SECRET, body), sign(SECRET, body).upper().replace("SHA256", "sha256"), stamp(SECRET, body, now - 100)]
    wrong = {
        "no": None,
        "an empty one": "",
        "of another body": sign(SECRET, body + b" "),
        "with another secret": sign(SECRET + "x", body),
        "without its kind": sign(SECRET, body).removeprefix("sha256="),
        "of sha1": "sha1=" + hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest(),
        "too old": stamp(SECRET, body, now - 400),
        "too young": stamp(SECRET, body, now + 400),
        "with another time": stamp(SECRET, body, now).replace(f"t={int(now)}", f"t={int(now) - 1}"),
    }
    url = f"{server.base}/endpoint/{code_id}"
    for name, signature in wrong.items():
        headers = {} if signature is None else {"X-Hub-Signature-256": signature}
        assert "X-Hub-Signature-256" in refused(httpx.post(url, content=body, headers=headers), 401, "unauthorized"), (
            name
        )
    refused(httpx.post(url, content=body, headers={"X-Signature-256": right[0]}), 401, "unauthorized")
    assert runs(server, code_id) == 0
    for signature in right:
        answer = httpx.post(url, content=body, headers={"X-Hub-Signature-256": signature})
        assert answer.json()[1] == body.decode()


def test_a_signature_reaches_neither_the_code_nor_the_record(server: Server, code_id: str) -> None:
    """Whoever reads the history could send it again."""
    protect(server, code_id, kind="hmac", secret=SECRET, header="X-Hub-Signature-256")
    signature = sign(SECRET, b"body")
    headers = {"x-hub-signature-256": signature, "X-Other": "kept", "Authorization": "Bearer of-the-senders-own"}
    answer = httpx.post(f"{server.base}/endpoint/{code_id}", content=b"body", headers=headers)
    assert answer.status_code == 200
    seen = dict(answer.json()[0])
    assert (seen["x-other"], seen["authorization"]) == ("kept", "Bearer of-the-senders-own")
    assert signature not in answer.text
    assert signature not in json.dumps(server.record(answer))


def test_without_a_signature_no_body_is_waited_for(server: Server, code_id: str) -> None:
    protect(server, code_id, kind="hmac", secret=SECRET)
    address = urlsplit(server.base)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(f"POST /endpoint/{code_id} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")


def test_a_flow_is_told_from_nothing_by_nobody(server: Server, code_id: str) -> None:
    flow, nothing = server.create(ECHO, type="flow"), str(uuid4())
    protect(server, code_id, kind="token")
    server.client.post("/project", json={"uuid": "elsewhere", "name": "x"})
    fields = {"name": "x", "project_uuid": "elsewhere", "role": 3}
    stranger = {"Authorization": f"Bearer {server.client.post('/token', json=fields).json()['token']}"}
    for headers, hidden in (({}, (flow, nothing)), (stranger, (flow, nothing, code_id))):
        answers = [httpx.get(f"{server.base}/endpoint/{one}", headers=headers) for one in hidden]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.text.replace(one, "?") for one, answer in zip(hidden, answers, strict=True)}) == 1


def test_a_secret_that_is_made_is_shown_once(server: Server, code_id: str) -> None:
    made = protect(server, code_id, kind="hmac")
    assert made["header"] == "X-Signature-256"
    assert len(made["secret"]) >= 43
    shown = server.client.get(f"/code/{code_id}/protection").json()
    assert made["secret"] not in json.dumps(shown)
    headers = {"X-Signature-256": sign(made["secret"], b"")}
    assert httpx.get(f"{server.base}/endpoint/{code_id}", headers=headers).status_code == 200


def test_without_its_protection_an_endpoint_is_public_again(server: Server, code_id: str) -> None:
    url = f"{server.base}/endpoint/{code_id}"
    refused(server.client.get(f"/code/{code_id}/protection"), 404, "not_found")
    protect(server, code_id, kind="token")
    assert httpx.get(url).status_code == 401
    assert server.client.delete(f"/code/{code_id}/protection").status_code == 204
    assert httpx.get(url).status_code == 200
    refused(server.client.delete(f"/code/{code_id}/protection"), 404, "not_found")


def test_a_flow_has_nothing_to_protect(server: Server, code_id: str) -> None:
    flow = server.create(ECHO, type="flow")
    assert "flow" in refused(server.client.put(f"/code/{flow}/protection", json={"kind": "token"}), 409, "conflict")
    # One that becomes a flow has no URL; one that becomes an endpoint again is protected still.
    protect(server, code_id, kind="token")
    url = f"{server.base}/endpoint/{code_id}"
    server.client.patch(f"/code/{code_id}?type=flow")
    refused(httpx.get(url), 404, "not_found")
    server.client.patch(f"/code/{code_id}?type=endpoint")
    refused(httpx.get(url), 401, "unauthorized")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "kind must be token, basic or hmac"),
        ({"kind": "none"}, "kind must be token, basic or hmac"),
        ({"kind": ["token"]}, "kind must be token, basic or hmac"),
        ({"kind": "token", "secret": SECRET}, "unknown field 'secret'"),
        ({"kind": "basic", "username": "a:b", "password": PASSWORD}, "colon"),
        ({"kind": "basic", "username": "a", "password": "short"}, "password must have at least 16"),
        ({"kind": "basic", "password": PASSWORD}, "username is missing"),
        ({"kind": "hmac", "secret": "short"}, "secret must have at least 16"),
        ({"kind": "hmac", "header": "Not a header"}, "header must be the name of a header"),
        ({"kind": "hmac", "header": 1}, "header must be text"),
    ],
)
def test_a_mistake_is_named_and_protects_nothing(server: Server, code_id: str, fields: Any, told: str) -> None:
    message = refused(server.client.put(f"/code/{code_id}/protection", json=fields))
    assert told in message
    assert SECRET not in message
    assert httpx.get(f"{server.base}/endpoint/{code_id}").status_code == 200


@pytest.fixture
def databases_servers(tmp_path: Path, database_url: str) -> Iterator[list[Server]]:
    """Two servers of one database, with different keys."""
    with (
        running_server(tmp_path / "a", database_url, languages="python", secret_key="a" * 16) as one,
        running_server(tmp_path / "b", database_url, languages="python", secret_key="b" * 16) as two,
    ):
        yield [one, two]


def test_with_another_key_a_secret_cannot_be_read(databases_servers: list[Server], database_url: str) -> None:
    one, two = databases_servers
    code_id = one.create(ECHO)
    secret = protect(one, code_id, kind="hmac")["secret"]
    headers = {"X-Signature-256": sign(secret, b"")}
    assert httpx.get(f"{one.base}/endpoint/{code_id}", headers=headers).status_code == 200
    assert two.client.get("/health").json()["parts"]["secrets"]["unreadable"] == 0
    message = refused(httpx.get(f"{two.base}/endpoint/{code_id}", headers=headers), 500, "internal")
    assert message == "internal error; see the server log"
    told = "a stored secret cannot be read: its key is not in CODEACTIONS_SECRET_KEY or, without that, in secret.key"
    wait_until(lambda: told in "\n".join(two.output), what="the log")
    assert refused(two.client.get(f"/endpoint/{code_id}", headers=headers), 500, "internal") == told
    part = two.client.get("/health").json()["parts"]["secrets"]
    assert (part["state"], part["unreadable"], part["reason"]) == ("ok", 2, told)
    public = httpx.get(f"{two.base}/health").json()["parts"]["secrets"]
    assert (public["unreadable"], public["reason"]) == (2, "only the administrator is told why")
    assert secret not in "\n".join(two.output)
    with psycopg.connect(database_url) as connection:
        stored = connection.execute("SELECT secret FROM code_protections").fetchone()
    assert stored is not None
    assert secret.encode() not in bytes(stored[0])
    assert one.client.delete(f"/code/{code_id}").status_code == 204
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM code_protections").fetchone() == (0,)
