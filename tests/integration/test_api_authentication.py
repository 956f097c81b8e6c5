"""The administrator's token in all its forms, on every route. What other callers may do is in test_access.py."""

import base64
import json
import re
from uuid import uuid4

import httpx
import pytest
from harness import TOKEN, Server
from routes import PUBLIC, application, routes_below

_PLACES = {"name": "favicon.png", "number": "1"}  # in a path; the others are ids
ECHO = "def Run(engine):\n    return [engine.header.items(), engine.params.items(), engine.body]\n"


def anonymous(server: Server, method: str, path: str, authorization: str | None) -> httpx.Response:
    """A call with this Authorization header, or none."""
    headers = {} if authorization is None else {"Authorization": authorization}
    path = re.sub(r"\{(\w+)\}", lambda place: _PLACES.get(place[1]) or str(uuid4()), path)
    return httpx.request(method, server.base + path, headers=headers)


ROUTES = sorted(routes_below(application().router))


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
    "Basic \xe9",
    "Basic " + base64.b64encode(f"{TOKEN}:".encode()).decode(),
    "Basic " + base64.b64encode(b"\xff:\xff").decode(),
    "Bearer null",
    "Bearer \xff\xfe",
]


@pytest.mark.parametrize("authorization", WRONG, ids=lambda value: ascii(value)[:24])
def test_without_the_token_every_route_but_the_public_ones_is_refused(
    server: Server, authorization: str | None
) -> None:
    for method, path in ROUTES:
        encoded = authorization.encode("latin-1") if authorization else authorization
        answer = anonymous(server, method, path, encoded)  # type: ignore[arg-type]
        if (method, path) in PUBLIC:
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
    for method, path in ROUTES:
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


def test_a_header_that_is_no_text_is_no_mistake_of_the_servers(server: Server) -> None:
    code_id = server.create(ECHO)
    answer = httpx.get(f"{server.base}/endpoint/{code_id}", headers={"Authorization": b"Basic \xe9"})
    assert answer.status_code == 200
    server.client.put(f"/code/{code_id}/protection", json={"kind": "basic", "username": "a", "password": "b" * 16})
    answer = httpx.get(f"{server.base}/endpoint/{code_id}", headers={"Authorization": b"Basic \xe9"})
    assert answer.status_code == 401


FORGED = {
    "a form of another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "a form of a page that an endpoint returned": {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    "the same over plain HTTP": {"Origin": "null"},
    "another site's over plain HTTP": {"Origin": "http://evil.example"},
    "what is no origin": {"Origin": "http://["},
    "a host beside it": {"Sec-Fetch-Site": "same-site"},
    "a link on another site": {"Sec-Fetch-Site": "cross-site"},
}


@pytest.mark.parametrize("name", FORGED)
def test_credentials_that_a_browser_keeps_are_of_no_use_to_another_site(server: Server, name: str) -> None:
    """`/docs` has it ask for them, and it sends them along with everything from then on."""
    path = f"/permission?project_uuid={new_project(server)}&email=evil@example.com&role=3"
    headers = {**FORGED[name], "Authorization": FORMS["basic"]}
    refused = httpx.post(server.base + path, headers=headers)
    assert refused.status_code == 401
    assert refused.json()["error"]["message"].startswith("another site's page cannot use the credentials")
    code_id = server.create(ECHO)
    server.client.put(f"/code/{code_id}/protection", json={"kind": "token"}).raise_for_status()
    assert httpx.get(f"{server.base}/endpoint/{code_id}", headers=headers).status_code == 401
    # A token is sent by nobody but who has it.
    headers["Authorization"] = FORMS["bearer"]
    assert httpx.post(server.base + path, headers=headers).status_code == 201


@pytest.mark.parametrize(
    "headers", [{}, {"Sec-Fetch-Site": "same-origin", "Origin": "https://outside.example"}, {"Sec-Fetch-Site": "none"}]
)
def test_the_documentations_own_page_may_use_them(server: Server, headers: dict[str, str]) -> None:
    headers = {**headers, "Authorization": FORMS["basic"]}
    assert httpx.get(f"{server.base}/docs", headers=headers).status_code == 200
    path = f"/permission?project_uuid={new_project(server)}&email=a@example.com&role=3"
    assert httpx.post(server.base + path, headers=headers).status_code == 201
    headers = {"Origin": server.base, "Authorization": FORMS["basic"]}
    assert httpx.post(server.base + path.replace("a@", "b@"), headers=headers).status_code == 201


def new_project(server: Server) -> str:
    """A project of the test's own."""
    answer = server.client.post("/project", json={"uuid": str(uuid4()), "name": "x"})
    return str(answer.json()["uuid"])
