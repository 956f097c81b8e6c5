"""`/token`: API tokens, from the one time that they are shown to their end, and what two servers know of them."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from harness import Server, running_server, wait_until
from integration.answers import refused
from integration.api_tokens.tokens import ANA, P, admit, called, make, status
from issuer import Issuer

FIELDS = ["id", "name", "email", "project_uuid", "role", "manage_tokens", "created_by", "created_at",
          "expires_at", "last_used_at", "revoked_at"]  # fmt: skip


def test_a_token_is_shown_once(one: Server) -> None:
    made = make(one, email="Ana@Example.com", role=2, expires_in_days=7)
    token = made["token"]
    assert list(made) == [*FIELDS, "token"]
    assert (made["email"], made["role"], made["created_by"]) == (ANA, 2, "administrator")
    shown = {name: made[name] for name in FIELDS}
    assert one.client.get(f"/token/{made['id']}").json() == shown
    listed = one.client.get("/token", params={"email": ANA.upper()}).json()
    assert listed["data"][0] == shown
    assert token not in json.dumps([listed, one.client.get("/audit").json()])
    again = make(one, email=ANA)
    assert again["token"] != token
    assert [found["id"] for found in one.client.get("/token").json()["data"]][:2] == [again["id"], made["id"]]


def test_wrong_fields_are_named_and_make_no_token(one: Server) -> None:
    before = one.client.get("/token").json()["total"]
    for fields, named in (
        ({}, "either email"),
        ({"email": "ana"}, "email must be an address"),
        ({"email": ANA, "expires_in_days": 0}, "expires_in_days must be"),
        ({"email": ANA, "expires_at": "2001-01-01T00:00:00Z"}, "must be in the future"),
        ({"email": ANA, "token": "ca_mine"}, "unknown field 'token'"),
        ({"project_uuid": P}, "role is missing: it must be 1 (viewer)"),
        ({"project_uuid": P, "role": 4}, "role must be 1 (viewer)"),
    ):
        assert named in refused(one.client.post("/token", json={"name": "x", **fields})), fields
    unknown = one.client.post("/token", json={"name": "x", "project_uuid": "nowhere", "role": 1})
    assert refused(unknown, 404, "not_found") == "there is no project nowhere"
    refused(one.client.post("/token?email=ana@example.com", json={"name": "x"}))
    assert one.client.get("/token").json()["total"] == before


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00"])
def test_however_late_a_token_expires_all_can_still_be_listed(one: Server, module_database_url: str, at: str) -> None:
    answer = one.client.post("/token", json={"name": "late", "project_uuid": P, "role": 1, "expires_at": at})
    try:
        assert one.client.get("/token").status_code == 200
        assert answer.status_code == 400 or status(one, answer.json()) == 200
    finally:
        with psycopg.connect(module_database_url, autocommit=True) as connection:
            connection.execute("DELETE FROM api_tokens WHERE name = 'late'")


def test_a_revoked_token_counts_no_more_from_that_moment_on(one: Server) -> None:
    made = make(one, project_uuid=P, role=1)
    assert status(one, made) == 200
    assert one.client.delete(f"/token/{made['id']}").status_code == 204
    answer = called(one, f"Bearer {made['token']}", f"/project/{P}")
    assert refused(answer, 401, "unauthorized") == "the API token does not exist or was revoked"
    assert one.client.get(f"/token/{made['id']}").json()["revoked_at"] > made["created_at"]
    again = one.client.delete(f"/token/{made['id']}")
    assert refused(again, 409, "conflict") == f"token {made['id']} is revoked already"
    nothing = uuid4()
    assert refused(one.client.delete(f"/token/{nothing}"), 404, "not_found") == f"there is no token {nothing}"


def test_a_token_ends_with_its_project_and_another_project_of_that_uuid_is_not_its(one: Server) -> None:
    one.client.post("/project", json={"uuid": "short", "name": "x"})
    made = make(one, project_uuid="short", role=3)
    assert status(one, made, "/project/short", "DELETE") == 204
    wait_until(lambda: status(one, made, "/project/short") == 401, 5, "the end of the token")
    one.client.post("/project", json={"uuid": "short", "name": "y"})
    assert status(one, made, "/project/short") == 401


def test_no_token_is_made_for_a_project_that_is_just_being_deleted(one: Server, module_database_url: str) -> None:
    one.client.post("/project", json={"uuid": "going", "name": "x"}).raise_for_status()
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with ThreadPoolExecutor(1) as thread, psycopg.connect(module_database_url) as going:
        going.execute("DELETE FROM projects WHERE uuid = 'going'")
        fields = {"name": "late", "project_uuid": "going", "role": 3}
        late = thread.submit(one.client.post, "/token", json=fields)
        with psycopg.connect(module_database_url, autocommit=True) as looking:
            wait_until(lambda: looking.execute(waiting).fetchone() == (1,), what="the maker of the token waiting")
        going.commit()
        assert late.result().status_code == 404
    one.client.post("/project", json={"uuid": "going", "name": "y"}).raise_for_status()
    assert one.client.get("/token", params={"project_uuid": "going"}).json()["total"] == 0


def test_no_code_is_made_in_a_project_that_is_just_being_deleted(one: Server, module_database_url: str) -> None:
    one.client.post("/project", json={"uuid": "leaving", "name": "x"}).raise_for_status()
    made = make(one, project_uuid="leaving", role=2)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%FOR KEY SHARE%%'"
    with ThreadPoolExecutor(1) as thread, psycopg.connect(module_database_url) as going:
        going.execute("DELETE FROM projects WHERE uuid = 'leaving'")
        path = "/code?name=late&language=python&type=flow&project_uuid=leaving"
        late = thread.submit(called, one, f"Bearer {made['token']}", path, "POST", content=b"def Run(engine): pass\n")
        with psycopg.connect(module_database_url, autocommit=True) as looking:
            wait_until(lambda: looking.execute(waiting).fetchone() == (1,), what="the maker of the code waiting")
        going.commit()
        assert late.result().status_code == 404
    assert one.client.get("/code", params={"project_uuid": "leaving"}).json() == []


def test_a_role_that_is_taken_away_during_a_build_counts_no_more(one: Server, module_database_url: str) -> None:
    made = make(one, email="hal@example.com")
    admit(one, "hal@example.com", 2)
    assert status(one, made) == 200
    path = f"/code?name=late&language=python&type=flow&project_uuid={P}"
    with psycopg.connect(module_database_url) as holding, ThreadPoolExecutor(1) as thread:
        # Where the code is about to be written, after its build.
        holding.execute("SELECT FROM projects WHERE uuid = %s FOR UPDATE", (P,))
        late = thread.submit(called, one, f"Bearer {made['token']}", path, "POST", content=b"def Run(engine): pass\n")
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%KEY SHARE%%'"
        with psycopg.connect(module_database_url, autocommit=True) as looking:
            wait_until(lambda: looking.execute(waiting).fetchone() == (1,), what="the maker of the code waiting")
        holding.execute("DELETE FROM user_permissions WHERE project_uuid = %s AND email = 'hal@example.com'", (P,))
        holding.commit()
        assert late.result().status_code == 404


def test_an_expired_token_is_told_from_an_unknown_one(one: Server, module_database_url: str) -> None:
    made = make(one, project_uuid=P, role=1, expires_in_days=1)
    assert status(one, made) == 200
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute("UPDATE api_tokens SET expires_at = now() WHERE id = %s", (made["id"],))
    wait_until(lambda: status(one, made) == 401, 5, "the end of the token")
    answer = called(one, f"Bearer {made['token']}", f"/project/{P}")
    assert refused(answer, 401, "unauthorized") == "the API token has expired"


def test_a_users_token_may_what_the_user_may_at_that_moment(one: Server) -> None:
    email = "dan@example.com"
    made, weak = make(one, email=email), make(one, email=email, role=1)
    code = f"/code/{one.create('def Run(engine): pass', project_uuid=P)}?name=new"

    def allowed() -> list[int]:
        return [status(one, token, *call) for token in (made, weak) for call in ((f"/project/{P}",), (code, "PATCH"))]

    assert allowed() == [404, 404, 404, 404]
    permission = admit(one, email, 1)
    assert allowed() == [200, 403, 200, 403]
    one.client.patch(permission, json={"role": 2})
    assert allowed() == [200, 200, 200, 403]
    one.client.delete(permission)
    assert allowed() == [404, 404, 404, 404]


def test_another_server_hears_of_revocations_and_roles(one: Server, other: Server) -> None:
    made, permission = make(one, email="eve@example.com"), admit(one, "eve@example.com", 1)
    for _ in range(3):  # both have it in memory
        assert (status(one, made), status(other, made)) == (200, 200)
    audit = f"/audit?project_uuid={P}"
    assert status(other, made, audit) == 403
    one.client.patch(permission, json={"role": 3})
    wait_until(lambda: status(other, made, audit) == 200, 5, "hearing of the role")
    other.client.delete(permission)
    wait_until(lambda: status(one, made) == 404, 5, "hearing of the removed permission")
    assert status(one, made, "/project") == 200
    other.client.delete(f"/token/{made['id']}")
    wait_until(lambda: status(one, made, "/project") == 401, 5, "hearing of the revocation")


def test_a_revocation_that_nobody_heard_of_counts_within_five_seconds(one: Server, module_database_url: str) -> None:
    made = make(one, project_uuid=P, role=1)
    assert status(one, made) == 200
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        ears = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        connection.execute("ALTER TABLE api_tokens DISABLE TRIGGER api_tokens_notify_change")
        assert connection.execute(ears).fetchone() != (0,)
        status(one, made)  # which may be in memory again
        connection.execute("UPDATE api_tokens SET revoked_at = now() WHERE id = %s", (made["id"],))
        connection.execute("ALTER TABLE api_tokens ENABLE TRIGGER api_tokens_notify_change")
    wait_until(lambda: status(one, made) == 401, 6, "the revocation being found out")


def test_the_use_of_a_token_is_written_when_the_server_stops(
    tmp_path: Path, one: Server, module_database_url: str
) -> None:
    used, unused = make(one, project_uuid=P, role=1), make(one, project_uuid=P, role=1)
    with running_server(tmp_path / "short", module_database_url, languages="python") as server:
        assert (status(server, used), status(server, used)) == (200, 200)
    found = one.client.get(f"/token/{used['id']}").json()
    assert found["last_used_at"] > used["created_at"]
    assert {**found, "last_used_at": None} == {name: used[name] for name in FIELDS}
    assert one.client.get(f"/token/{unused['id']}").json()["last_used_at"] is None


def test_a_user_makes_lists_and_revokes_its_own_tokens_and_no_others(one: Server, issuer: Issuer) -> None:
    fay = f"Bearer {issuer.sign_in('fay', email='Fay@Example.com').identity}"
    of_ana = make(one, email=ANA)
    mine = called(one, fay, "/token", "POST", json={"name": "mine"}).json()
    assert (mine["email"], mine["role"], mine["created_by"]) == ("fay@example.com", 3, "fay@example.com")
    assert called(one, fay, "/token", "POST", json={"name": "x", "email": "FAY@example.com"}).status_code == 201
    for_ana = called(one, fay, "/token", "POST", json={"name": "x", "email": ANA})
    refused(for_ana, 403, "forbidden")
    refused(called(one, fay, f"/token?email={ANA}"), 403, "forbidden")
    listed = called(one, fay, "/token").json()
    assert (listed["total"], {found["email"] for found in listed["data"]}) == (2, {"fay@example.com"})
    refused(called(one, fay, f"/token/{of_ana['id']}"), 404, "not_found")
    refused(called(one, fay, f"/token/{of_ana['id']}", "DELETE"), 404, "not_found")
    assert called(one, f"Bearer {of_ana['token']}", "/project").status_code == 200
    own = f"/token/{mine['id']}"
    refused(called(one, f"Bearer {mine['token']}", own, "DELETE"), 403, "forbidden")
    assert called(one, fay, own, "DELETE").status_code == 204
    assert status(one, mine, "/project") == 401
