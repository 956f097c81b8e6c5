"""Answers to callers who are not known: whatever is broken, they name no setting, path, host or secret."""

import json
import re
from collections.abc import Callable, Iterator
from uuid import uuid4

import httpx
import psycopg
import pytest
from harness import Server, running_server, wait_until
from routes import application, routes_below

ECHO = "def Run(engine):\n    return 'x'\n"
GO = 'package action\nimport "codeactions"\nfunc Run(engine *codeactions.Engine) error { return nil }\n'
# Services that are not there: nothing listens on port 1.
SETTINGS = {
    "languages": "python",
    "slots": 4,
    "secret_key": "the-key-after-the-first",
    "oidc_issuer": "http://localhost:1/realm",
    "oidc_audience": "codeactions",
    "oidc_userinfo": "true",
    "rate_storage": "redis://user:redis-password@localhost:1/0",
    "events_url": "amqp://user:rabbit-password@localhost:1/",
    "rate_caller": 1_000_000,
    "endpoint_host": "endpoints.secret-host.invalid",
}
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl"
STRANGERS = {
    "nobody": None,
    "an unknown token": "Bearer garbage",
    "an unknown API token": "Bearer ca_" + "x" * 43,
    "an unknown identity token": f"Bearer {JWT}",
    "a password": "Basic dXNlcjpwYXNzd29yZA==",
}
_PATHS = re.compile(r"(?<![\w.>/-])/(?:tmp|root|home|usr|var|etc|run|opt|proc|sys|dev|work|srv|mnt|nonexistent)\b")
_HEADERS = {"date", "content-length", "x-run-id", "retry-after"}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[Server]:
    """A server on which much is broken, with an endpoint of each protection, and one in a language that is missing."""
    with running_server(
        tmp_path_factory.mktemp("before"), module_database_url, languages="python", secret_key="the-first-key-of-all"
    ) as server:
        codes = {name: server.create(ECHO) for name in ("public", "token", "basic", "hmac")}
        for kind, fields in (
            ("token", {}),
            ("basic", {"username": "u", "password": "p" * 16}),
            ("hmac", {"secret": "s" * 32}),
        ):
            answer = server.client.put(f"/code/{codes[kind]}/protection", json={"kind": kind, **fields})
            answer.raise_for_status()
        codes["failing"] = server.create("def Run(engine):\n    open('/etc/nothing-here')\n")
        codes["go"] = server.create(ECHO)
        codes["flow"] = server.create(ECHO, type="flow")
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute("UPDATE codes SET language = 'go', source = %s WHERE id = %s", (GO, codes["go"]))
    folder = tmp_path_factory.mktemp("broken")
    with running_server(folder, module_database_url, **SETTINGS) as server:
        server.codes = codes  # type: ignore[attr-defined]
        yield server


def requests(server: Server) -> Iterator[tuple[str, str, dict[str, str], bytes]]:
    """(method, path, headers, body) of all that a stranger may try."""
    api, endpoints = {}, {"Host": SETTINGS["endpoint_host"]}
    for method, path in routes_below(application().router):
        filled = re.sub(r"\{\w+\}", str(uuid4()), path)
        for query in ("", "?project_uuid=x&code_id=1", "?nothing=1"):
            yield method, filled + query, api, b"{"
        yield "PROPFIND", filled, api, b""
    signed = {"X-Signature-256": "sha256=" + "0" * 64}
    for code_id in (*server.codes.values(), str(uuid4()), "no-id"):  # type: ignore[attr-defined]
        for prefix in ("/endpoint", "/action/endpoint"):
            for headers in (endpoints, {**endpoints, **signed}, api):
                yield "POST", f"{prefix}/{code_id}/path?a=1", headers, b"body"
    for path in ("/", "/nothing", "/docs/nothing", "/metrics/"):
        yield "GET", path, api, b""
        yield "GET", path, endpoints, b""
    yield "OPTIONS", "/code", {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}, b""


def told(server: Server) -> dict[str, str]:
    """Each answer to a stranger, with its headers, by its request."""
    found = {}
    with httpx.Client(base_url=server.base, timeout=60) as client:
        for name, authorization in STRANGERS.items():
            for method, path, headers, body in requests(server):
                sent = {**headers, **({"Authorization": authorization} if authorization else {})}
                answer = client.request(method, path, headers=sent, content=body)
                heads = [f"{key}: {value}" for key, value in answer.headers.items() if key not in _HEADERS]
                where = f"{name}: {method} {path} {sorted(headers)}"
                text = answer.text.replace(path.partition("?")[0], "(the path that was asked for)")
                found[where] = "\n".join([str(answer.status_code), *heads, text])
    return found


def leaks(server: Server, answers: dict[str, str]) -> list[str]:
    """The answers that name what is the operator's alone."""
    hidden = (
        *("CODEACTIONS_", "DATABASE_URL", "secret-host", "localhost", "-password", "the-key-after"),
        *(str(server.data_dir), str(server.temporary_dir)),
        *("Traceback", ".py", "psycopg", "/socket", "postgres", "SELECT "),
    )
    return [
        f"{where}\n{text}"
        for where, text in answers.items()
        if any(word in text for word in hidden) or _PATHS.search(text)
    ]


def statuses(answers: dict[str, str], path: str = "") -> set[str]:
    """The statuses of the answers to requests whose description has the text."""
    return {text[:3] for where, text in answers.items() if path in where}


def cut_off(url: str) -> Callable[[bool], None]:
    """What closes a database to everybody, and opens it again."""
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]

    def allow(connections: bool) -> None:
        with psycopg.connect(url.replace(f"/{name}?", "/postgres?"), autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS {connections}')  # type: ignore[arg-type]
            if not connections:
                kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                connection.execute(kill, (name,))

    return allow


def test_the_search_finds_what_must_not_be_told(broken: Server) -> None:
    for text in ("see CODEACTIONS_X", "in /tmp/a", "at localhost:6379", "open '/root/.env'", "(/var/lib)"):
        assert leaks(broken, {"x": text}) != []
    assert leaks(broken, {"x": "there is nothing at /code/1; /health, and/or 1/2 of text/plain"}) == []


@pytest.mark.timeout(300)  # a thousand requests
def test_with_everything_broken_strangers_are_told_nothing_of_the_server(broken: Server) -> None:
    answers = told(broken)
    assert leaks(broken, answers) == []
    go = broken.codes["go"]  # type: ignore[attr-defined]
    assert {"404", "503"} == statuses(answers, f"/endpoint/{go}")
    said = {text.rpartition("\n")[2] for where, text in answers.items() if f"/{go}" in where}
    assert any("this node has no runtime for go" in text for text in said)
    assert "500" in statuses(answers, f"/endpoint/{broken.codes['hmac']}")  # type: ignore[attr-defined]
    assert "500" in statuses(answers, f"/endpoint/{broken.codes['failing']}")  # type: ignore[attr-defined]
    assert "503" in statuses(answers, "an unknown identity token")
    assert "503" in statuses(answers, "/health ")


def test_strangers_see_of_health_what_is_down_and_the_administrator_why(broken: Server) -> None:
    public = httpx.get(f"{broken.base}/health").json()["parts"]
    in_full = broken.client.get("/health").json()["parts"]
    assert {name: part["state"] for name, part in public.items()} == {
        name: part["state"] for name, part in in_full.items()
    }
    assert {name for name, part in public.items() if part["state"] == "down"} == {"issuer", "limits", "events"}
    assert "localhost" in in_full["limits"]["reason"]
    assert in_full["events"]["reason"] != public["events"]["reason"] == "not connected"
    assert public["issuer"]["reason"] == "identity tokens cannot be checked now; try again shortly"
    assert public["sandbox"]["level"] == in_full["sandbox"]["level"]
    assert public["languages"]["python"]["state"] == in_full["languages"]["python"]["state"]
    for wrong in (f"Bearer {JWT}", "Token garbage"):
        seen = httpx.get(f"{broken.base}/health", headers={"Authorization": wrong}).json()["parts"]
        assert seen["limits"]["reason"] == public["limits"]["reason"]


def test_the_log_has_what_strangers_are_not_told(broken: Server) -> None:
    headers = {"Host": str(SETTINGS["endpoint_host"])}
    go = broken.codes["go"]  # type: ignore[attr-defined]
    reason = "this node has no runtime for go: it is not switched on; see CODEACTIONS_LANGUAGES"

    def times() -> int:
        return len([line for line in broken.output if reason in line])

    before = times()
    for _ in range(3):
        httpx.post(f"{broken.base}/endpoint/{go}", headers=headers)
    wait_until(times, what="the reason in the log")
    administrator = {**headers, "Authorization": broken.client.headers["authorization"]}
    answer = httpx.post(f"{broken.base}/endpoint/{go}", headers=administrator)
    assert answer.json()["error"]["message"] == reason
    assert times() <= before + 1, "once a minute, whenever the last one was"


@pytest.mark.timeout(300)
def test_without_a_database_strangers_are_told_that_and_no_more(broken: Server, module_database_url: str) -> None:
    allow = cut_off(module_database_url)
    allow(False)
    try:
        with httpx.Client(base_url=broken.base, timeout=60) as client:
            answers = {}
            for name in ("nobody", "an unknown API token"):
                headers = {"Authorization": STRANGERS[name]} if STRANGERS[name] else {}
                hosts = {"Host": SETTINGS["endpoint_host"]}
                for path, more in (("/health", {}), ("/code?project_uuid=x", {}), (f"/endpoint/{uuid4()}", hosts)):
                    answer = client.get(path, headers={**headers, **more})
                    answers[f"{name}: {path}"] = f"{answer.status_code}\n{answer.text}"
    finally:
        allow(True)
    assert leaks(broken, answers) == []
    assert "503" in statuses(answers, "/endpoint")
    assert "503" in statuses(answers, "/health")
    assert "503" in statuses(answers, "an unknown API token: /code")


def test_with_a_missing_table_strangers_are_told_of_an_internal_error(broken: Server, module_database_url: str) -> None:
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE codes RENAME TO codes_elsewhere")
        try:
            headers = {"Host": str(SETTINGS["endpoint_host"])}
            answer = httpx.get(f"{broken.base}/endpoint/{uuid4()}", headers=headers)
        finally:
            connection.execute("ALTER TABLE codes_elsewhere RENAME TO codes")
    assert answer.status_code == 500
    assert json.loads(answer.text) == {"error": {"code": "internal", "message": "internal error; see the server log"}}
