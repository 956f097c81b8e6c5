"""Who may call what: one table of every route and every kind of caller, held against the application's own routes."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from harness import running_server
from integration.access import OTHER, P, Row, Scene, Who, rows
from issuer import Issuer
from routes import application, routes_below

# API tokens may do what their user may, or what their project gave them, except this, unless they manage tokens.
REFUSED_TO_TOKENS = {"POST /token", "GET /token", "GET /token/{token}", "DELETE /token/{token}"}
STRANGERS = (
    "a user of the other project",
    "a stranger's token",
    "a stranger's token that manages tokens",
    "the other project's token",
)
NAMES = {"code_id": "code", "run_id": "run", "log_id": "log", "permission_id": "permission", "token_id": "token"}
NAMES |= {"secret_id": "secret", "variable_id": "variable"}


@pytest.fixture(scope="module")
def scene(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[Scene]:
    """The scene, with a server of its own."""
    settings = {
        "oidc_issuer": issuer.url,
        "oidc_audience": "codeactions",
        "oidc_service_claim": "internal",
        "languages": "python",
        "slots": 8,
    }
    with running_server(tmp_path_factory.mktemp("access"), module_database_url, **settings) as server:
        scene = Scene(server, issuer, module_database_url)
        yield scene
        scene.http.close()


@pytest.fixture(scope="module")
def callers(scene: Scene) -> dict[str, Who]:
    """Every kind of caller."""
    return scene.callers()


def test_every_route_has_its_row() -> None:
    """Endpoints are no routes of the API's (front.py), and have rows all the same."""
    named = {path for path in {row.bare for row in rows()} if "endpoint" not in path}
    there = set()
    for method, path in routes_below(application().router):
        for name, short in NAMES.items():
            path = path.replace(f"{{{name}}}", f"{{{short}}}")
        there.add(f"{method} {path.replace('{uuid}', '{p}').replace('{name}', 'favicon.png').replace('{number}', '1')}")
    assert named == there


@pytest.mark.parametrize("row", rows(), ids=str)
def test_a_route_answers_each_kind_of_caller_as_the_table_says(scene: Scene, callers: dict[str, Who], row: Row) -> None:
    wrong = []
    things = scene.things()
    for name, who in callers.items():
        expected = row.expected[who.column]
        if who.is_token and not who.manages_tokens and row.bare in REFUSED_TO_TOKENS and who.column != "stranger":
            expected = "403"
        answer = scene.send(row, who, things)
        told = str(answer.status_code)
        if expected == "0":
            content = answer.json()
            told = "0" if told == "200" and not (content if isinstance(content, list) else content["data"]) else told
        if told != expected:
            wrong.append(f"{name}: {told}, not {expected}: {answer.text[:200]}")
        if row.method == "DELETE" and answer.is_success:
            things = scene.things()
    assert wrong == []


def test_a_stranger_is_told_of_a_thing_exactly_what_is_told_of_nothing(scene: Scene, callers: dict[str, Who]) -> None:
    things = scene.things()
    nothing = {name: str(uuid4()) for name in things}
    for row in rows():
        for name in STRANGERS:
            there, not_there = scene.send(row, callers[name], things), scene.send(row, callers[name], nothing)
            if row.path in ("/endpoint/{code}", "/action/endpoint/{code}", "/health", "/project"):
                continue  # public; latencies; names that were made
            if row.method == "POST" and "project_uuid: p" in row.body:
                continue  # the body names P in both
            assert there.status_code == not_there.status_code, str(row)
            assert without(there.text, things) == without(not_there.text, nothing), str(row)


def without(text: str, ids: dict[str, str]) -> str:
    """The text with a question mark in place of each id and name."""
    for value in sorted(ids.values(), key=len, reverse=True):
        text = text.replace(value, "?")
    return text


def test_projects_are_listed_to_those_who_are_in_them(scene: Scene, callers: dict[str, Who]) -> None:
    def seen(name: str) -> set[str]:
        headers = {"Authorization": str(callers[name].authorization)}
        return {one["uuid"] for one in scene.http.get("/project", headers=headers).json()["data"]}

    assert seen("a viewer") == {P}
    assert seen("the project's token for viewing") == {P}
    assert seen("a user of the other project") == {OTHER}
    assert seen("a user of no project") == set()
    assert {P, OTHER} <= seen("the administrator")


def test_a_code_is_moved_only_by_who_may_delete_it_and_may_change_the_other_project(
    scene: Scene, callers: dict[str, Who]
) -> None:
    code = scene.things()["code"]
    scene.admin("POST", "/permission", json={"project_uuid": P, "email": "mover@example.com", "role": 2})
    scene.admin("POST", "/permission", json={"project_uuid": OTHER, "email": "mover@example.com", "role": 3})
    mover = scene.sign_in("mover")

    def move(authorization: object, **request: Any) -> tuple[int, str]:
        answer = scene.http.patch(f"/code/{code}", headers={"Authorization": str(authorization)}, **request)
        return answer.status_code, answer.json().get("error", {}).get("message", "")

    too_low = (403, "to delete here you need the role moderator in the project; your role is contributor")
    for request in ({"params": {"project_uuid": OTHER}}, {"json": {"project_uuid": OTHER}}):
        assert move(callers["a contributor"].authorization, **request) == too_low
        assert move(mover, **request) == too_low  # who could delete it there, with all its history
        for name in ("a moderator", "the project's token for moderating"):
            assert move(callers[name].authorization, **request) == (404, f"there is no project {OTHER}")
    assert scene.admin("GET", f"/code/{code}")["project_uuid"] == P
    permission = next(p for p in scene.admin("GET", f"/permission?project_uuid={P}")["data"] if "mover" in p["email"])
    scene.admin("PATCH", f"/permission/{permission['id']}", json={"role": 3})
    assert move(mover, json={"project_uuid": OTHER}) == (200, "")
    assert scene.admin("GET", f"/code/{code}")["project_uuid"] == OTHER


def test_a_changed_permission_counts_from_the_next_call_on(scene: Scene) -> None:
    code = scene.things()["code"]
    headers = {"Authorization": scene.sign_in("ana")}

    def status() -> int:
        return scene.http.get(f"/code/{code}", headers=headers).status_code

    def may_change() -> bool:
        return scene.http.patch(f"/code/{code}?name=y", headers=headers).status_code == 200

    assert status() == 404
    made = scene.admin("POST", "/permission", json={"project_uuid": P, "email": "Ana@Example.com", "role": 1})
    assert (status(), may_change()) == (200, False)
    scene.admin("PATCH", f"/permission/{made['id']}", json={"role": 2})
    assert may_change()
    scene.admin("DELETE", f"/permission/{made['id']}")
    assert status() == 404
    before = scene.admin("GET", f"/project/{P}")["authorizations"]
    everybody = [*before, {"email": "ana@example.com", "role": 1}]
    scene.admin("PATCH", f"/project/{P}", json={"authorizations": everybody})
    assert status() == 200
    scene.admin("PATCH", f"/project/{P}", json={"authorizations": before})
    assert status() == 404


def test_no_secret_is_in_the_database_the_log_or_the_metrics(scene: Scene, callers: dict[str, Who]) -> None:
    """Every secret that the callers above have sent, and one of an endpoint."""
    code = scene.things()["code"]
    secret = scene.admin("PUT", f"/code/{code}/protection", json={"kind": "hmac"})["secret"]
    password = "a password of some length"
    scene.admin("PUT", f"/code/{code}/protection", json={"kind": "basic", "username": "u", "password": password})
    secrets = {secret, password, *(str(who.authorization).partition(" ")[2] for who in callers.values())} - {
        "",
        "garbage",
    }
    with psycopg.connect(scene.database_url) as connection:
        tables = connection.execute(
            "SELECT format('%I', relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        stored = "\n".join(
            str(connection.execute(f"SELECT coalesce(json_agg(t), '[]')::text FROM {name} AS t").fetchone())  # type: ignore[arg-type]
            for (name,) in tables
        )
    told = stored + "\n".join(scene.server.output) + scene.server.client.get("/metrics").text
    told += json.dumps(scene.admin("GET", "/token")) + json.dumps(scene.admin("GET", "/audit"))
    assert [secret for secret in secrets if secret in told] == []
