"""Who may call what: a table of every route, which the application's own routes are held against."""

import base64
import inspect
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from harness import TOKEN, Server

from codeactions.http.app import create_app
from codeactions.http.metrics import Metrics
from codeactions.http.services import Services

TOKEN_NEEDED, PUBLIC = "token", "public"
# A new route without a row here fails the tests: whoever adds one says who may call it.
EXPECTED = {
    ("POST", "/code"): TOKEN_NEEDED,
    ("GET", "/code"): TOKEN_NEEDED,
    ("GET", "/code/{code_id}"): TOKEN_NEEDED,
    ("PATCH", "/code/{code_id}"): TOKEN_NEEDED,
    ("DELETE", "/code/{code_id}"): TOKEN_NEEDED,
    ("POST", "/run/{code_id}"): TOKEN_NEEDED,
    ("GET", "/coderun"): TOKEN_NEEDED,
    ("GET", "/coderun/{run_id}"): TOKEN_NEEDED,
    ("GET", "/codelog"): TOKEN_NEEDED,
    ("GET", "/codelog/{log_id}"): TOKEN_NEEDED,
    ("GET", "/metrics"): TOKEN_NEEDED,
    ("GET", "/docs"): TOKEN_NEEDED,
    ("GET", "/docs/{name}"): TOKEN_NEEDED,
    ("GET", "/openapi.json"): TOKEN_NEEDED,
    ("GET", "/health"): PUBLIC,
    ("GET", "/healthz"): PUBLIC,
}
ECHO = "def Run(engine):\n    return [engine.header.items(), engine.params.items(), engine.body]\n"


def application() -> FastAPI:
    """The API as the server puts it together, with nothing behind it."""
    absent: dict[str, Any] = {
        name: None
        for name, parameter in inspect.signature(Services).parameters.items()
        if parameter.default is parameter.empty
    }
    return create_app(Services(**{**absent, "metrics": Metrics(), "token": TOKEN})).api


def routes_below(router: Any) -> Iterator[tuple[str, str]]:
    """(method, path) of every route of a router and of those included in it."""
    for route in router.routes:
        if included := getattr(route, "original_router", None):
            yield from routes_below(included)
        else:
            assert not getattr(route, "routes", None), f"look into {route} too"
            yield from ((method, route.path) for method in route.methods if method != "HEAD")


def anonymous(server: Server, method: str, path: str, authorization: str | None) -> httpx.Response:
    """A call with this Authorization header, or none."""
    headers = {} if authorization is None else {"Authorization": authorization}
    path = path.format(code_id=uuid4(), run_id=uuid4(), log_id=uuid4(), name="favicon.png")
    return httpx.request(method, server.base + path, headers=headers)


def test_every_route_has_its_row() -> None:
    assert set(routes_below(application().router)) == set(EXPECTED)


WRONG = [
    None,
    "",
    "Token",
    "Bearer",
    "Token wrong-token-wrong-token-wrong",
    f"Token {TOKEN}x",
    f"Token {TOKEN[:-1]}",
    f"Token x{TOKEN}",
    f"Token {TOKEN.upper()}",
    f"Digest {TOKEN}",
    f"Token Token {TOKEN}",
    "Basic !!!",
    "Basic " + base64.b64encode(f"{TOKEN}:".encode()).decode(),
    "Basic " + base64.b64encode(b"\xff:\xff").decode(),
    "Bearer null",
    "Bearer \xff\xfe",
]


@pytest.mark.parametrize("authorization", WRONG, ids=lambda value: ascii(value)[:24])
def test_without_the_token_every_route_but_the_public_ones_is_refused(
    server: Server, authorization: str | None
) -> None:
    for (method, path), expectation in EXPECTED.items():
        encoded = authorization.encode("latin-1") if authorization else authorization
        answer = anonymous(server, method, path, encoded)  # type: ignore[arg-type]
        if expectation == PUBLIC:
            assert answer.status_code == 200, (method, path)
            continue
        assert answer.status_code == 401, (method, path)
        assert set(answer.json()) == {"error"}
        assert answer.json()["error"]["code"] == "unauthorized"
        assert answer.headers["www-authenticate"]
        assert TOKEN not in answer.text


FORMS = {
    "token": f"Token {TOKEN}",
    "bearer": f"Bearer {TOKEN}",
    "bare": TOKEN,
    "lower case": f"token {TOKEN}",
    "upper case": f"BEARER {TOKEN}",
    "spaces": f"Token   {TOKEN}",
    "basic": "Basic " + base64.b64encode(f"anyone:{TOKEN}".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_token_is_taken_everywhere(server: Server, form: str) -> None:
    for method, path in EXPECTED:
        assert anonymous(server, method, path, FORMS[form]).status_code not in (401, 403), (method, path)


def test_refusals_come_before_anything_is_said_about_what_exists(server: Server) -> None:
    code_id = server.create(ECHO)
    there = anonymous(server, "GET", f"/code/{code_id}", "Token wrong")
    not_there = anonymous(server, "GET", "/code/{code_id}", "Token wrong")
    malformed = anonymous(server, "GET", "/code/nope?x=1", "Token wrong")
    assert there.status_code == not_there.status_code == malformed.status_code == 401
    assert there.content == not_there.content == malformed.content


def test_an_unauthorized_call_runs_and_changes_nothing(server: Server) -> None:
    code_id = server.create(ECHO)
    before = server.client.get(f"/code/{code_id}").json()
    for method, path in (
        ("POST", f"/run/{code_id}"),
        ("PATCH", f"/code/{code_id}?name=x"),
        ("DELETE", f"/code/{code_id}"),
    ):
        assert anonymous(server, method, path, "Token wrong").status_code == 401
    assert server.client.get(f"/code/{code_id}").json() == before
    assert server.client.get("/coderun", params={"code_id": code_id}).json()["total"] == 0


def test_endpoints_are_public_in_any_case(server: Server) -> None:
    code_id = server.create("def Run(engine):\n    return 'x'\n")
    for authorization in (None, "", "Token wrong", f"Token {TOKEN}"):
        for prefix in ("/endpoint", "/action/endpoint"):
            assert anonymous(server, "GET", f"{prefix}/{code_id}", authorization).text == "x"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["endpoint", "flow"])
def test_the_token_reaches_neither_the_code_nor_the_record(server: Server, kind: str, form: str) -> None:
    code_id = server.create(ECHO, type=kind)
    path = f"/endpoint/{code_id}" if kind == "endpoint" else f"/run/{code_id}"
    headers = [("Authorization", FORMS[form]), ("X-Forwarded-Authorization", f"Token {TOKEN}"), ("X-Other", "kept")]
    answer = httpx.post(server.base + path, headers=headers)
    assert answer.status_code == 200
    record = server.record(answer)
    secrets = (TOKEN, FORMS["basic"].split()[1])
    for text in (answer.text, json.dumps(record)):
        assert not any(secret in text for secret in secrets)
    seen = dict(json.loads(record["result"])[0])
    assert seen["x-other"] == "kept"
    assert "authorization" not in seen
    assert "authorization" not in record["headers"]


def test_the_token_is_found_among_several_authorization_headers(server: Server) -> None:
    code_id = server.create(ECHO)
    headers = [("Authorization", "Bearer users-own"), ("Authorization", f"Token {TOKEN}")]
    answer = httpx.get(f"{server.base}/endpoint/{code_id}", headers=headers)
    assert TOKEN not in answer.text
    assert dict(answer.json()[0])["authorization"] == "Bearer users-own"
