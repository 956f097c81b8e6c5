"""Tokens that manage the tokens of projects: their makers, their reach, and their end."""

from datetime import datetime
from typing import Any

import psycopg
import pytest
from harness import Server, wait_until
from integration.answers import refused
from integration.api_tokens.tokens import ANA, P, admit, called, make, status
from issuer import Issuer

NEW = {"name": "new", "project_uuid": P, "role": 2}


def bearer(made: dict[str, Any]) -> str:
    return f"Bearer {made['token']}"


def managing(server: Server, email: str, role: int = 3, **fields: Any) -> str:
    """An Authorization header with such a token, of a user with this role in the project."""
    admit(server, email, role)
    return bearer(make(server, email=email, manage_tokens=True, **fields))


def test_it_makes_lists_reads_and_revokes_tokens_of_its_users_projects(one: Server) -> None:
    manager = managing(one, "mo1@example.com")
    made = [called(one, manager, "/token", "POST", json={**NEW, "role": role}) for role in (1, 2, 3)]
    assert [answer.status_code for answer in made] == [201, 201, 201]
    assert [(each["manage_tokens"], each["role"]) for each in (answer.json() for answer in made)] == [
        (False, 1),
        (False, 2),
        (False, 3),
    ]
    assert made[0].json()["created_by"].startswith("token ")
    of_administrator = make(one, project_uuid=P, role=1)
    listed = called(one, manager, f"/token?project_uuid={P}").json()["data"]
    assert {of_administrator["id"], *(answer.json()["id"] for answer in made)} <= {each["id"] for each in listed}
    assert called(one, manager, f"/token/{of_administrator['id']}").json()["id"] == of_administrator["id"]
    for each in (of_administrator, made[2].json()):
        assert called(one, manager, f"/token/{each['id']}", "DELETE").status_code == 204
        assert status(one, each) == 401
    assert status(one, made[0].json()) == 200


def test_it_manages_no_tokens_of_users_and_gives_its_right_to_none(one: Server) -> None:
    email = "mo2@example.com"
    manager, of_user = managing(one, email), make(one, email=email)
    before = one.client.get("/token").json()["total"]
    for fields in ({"email": email}, {}, {"email": ANA}, {"email": email, "manage_tokens": True}):
        refused(called(one, manager, "/token", "POST", json={"name": "x", **fields}), 403, "forbidden")
    refused(called(one, manager, "/token", "POST", json={**NEW, "manage_tokens": True}))
    for path in ("/token", f"/token?email={email}", f"/token?email={ANA}", f"/token?email={email}&project_uuid={P}"):
        refused(called(one, manager, path), 403, "forbidden")
    for method in ("GET", "DELETE"):
        refused(called(one, manager, f"/token/{of_user['id']}", method), 403, "forbidden")
        refused(called(one, manager, f"/token/{make(one, email=ANA)['id']}", method), 404, "not_found")
    made = called(one, manager, "/token", "POST", json={**NEW, "role": 3}).json()
    refused(called(one, bearer(made), "/token", "POST", json=NEW), 403, "forbidden")
    assert one.client.get("/token").json()["total"] == before + 3
    assert status(one, of_user) == 200


def test_its_right_ends_with_the_moderator_and_returns_with_it(one: Server) -> None:
    email = "mo3@example.com"
    manager = bearer(make(one, email=email, manage_tokens=True))

    def answered() -> list[int]:
        listed = called(one, manager, f"/token?project_uuid={P}").status_code
        return [called(one, manager, "/token", "POST", json=NEW).status_code, listed]

    assert answered() == [404, 404]
    permission = admit(one, email, 2)
    assert answered() == [403, 403]
    one.client.patch(permission, json={"role": 3})
    assert answered() == [201, 200]
    made = called(one, manager, "/token", "POST", json=NEW).json()
    one.client.patch(permission, json={"role": 1})
    assert answered() == [403, 403]
    one.client.delete(permission)
    assert answered() == [404, 404]
    assert status(one, made) == 200  # the project's, whoever made it
    assert made["id"] in [each["id"] for each in one.client.get(f"/token?project_uuid={P}").json()["data"]]


def test_what_it_makes_does_not_outlive_it(one: Server) -> None:
    manager = managing(one, "mo4@example.com", expires_in_days=5)
    mine = one.client.get("/token?email=mo4@example.com").json()["data"][0]["expires_at"]

    def expiry(**fields: Any) -> str:
        answer = called(one, manager, "/token", "POST", json={**NEW, **fields})
        return answer.json()["expires_at"] if answer.status_code == 201 else refused(answer)

    assert expiry() == mine
    assert expiry(expires_in_days=4) < mine
    assert expiry(expires_at=mine) == mine
    told = f"the token must expire at {mine} at the latest, as the token that makes it does"
    assert expiry(expires_in_days=6) == told
    assert expiry(expires_at="2999-01-01T00:00:00Z") == told


def test_its_end_is_the_end_of_its_right(one: Server, module_database_url: str) -> None:
    admit(one, "mo5@example.com", 3)
    gone, old = (make(one, email="mo5@example.com", manage_tokens=True, expires_in_days=1) for _ in range(2))
    one.client.delete(f"/token/{gone['id']}").raise_for_status()
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute("UPDATE api_tokens SET expires_at = now() WHERE id = %s", (old["id"],))
    for made in (gone, old):
        wait_until(lambda made=made: called(one, bearer(made), "/token", "POST", json=NEW).status_code == 401)


def test_the_right_can_be_taken_away_in_the_database(one: Server, module_database_url: str) -> None:
    admit(one, "mo6@example.com", 3)
    made, of_project = make(one, email="mo6@example.com", manage_tokens=True), make(one, project_uuid=P, role=1)
    assert called(one, bearer(made), f"/token?project_uuid={P}").status_code == 200
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute("UPDATE api_tokens SET manage_tokens = false WHERE id = %s", (made["id"],))
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("UPDATE api_tokens SET manage_tokens = true WHERE id = %s", (of_project["id"],))
    wait_until(lambda: called(one, bearer(made), f"/token?project_uuid={P}").status_code == 403)


def test_only_the_administrator_and_services_give_the_right(one: Server, issuer: Issuer) -> None:
    email = "mo7@example.com"
    admit(one, email, 3)
    person = f"Bearer {issuer.sign_in('mo7', email=email).identity}"
    told = "only the administrator or an internal service may give a token the right to manage tokens"
    asked = {"name": "x", "email": email, "manage_tokens": True}
    assert refused(called(one, person, "/token", "POST", json=asked), 403, "forbidden") == told
    made = one.client.post("/token", json=asked)
    assert made.status_code == 201
    assert made.json()["manage_tokens"] is True
    line = next(each for each in one.client.get(f"/audit?thing_id={made.json()['id']}").json()["data"])
    assert line["details"]["manage_tokens"] is True
    # Its user may revoke it, as any other of its own.
    assert called(one, person, f"/token/{made.json()['id']}", "DELETE").status_code == 204


def test_it_is_refused_where_it_means_nothing(one: Server) -> None:
    for fields in ({"project_uuid": P, "role": 3}, {"email": ANA, "role": 2}, {"email": ANA, "role": 1}):
        told = refused(one.client.post("/token", json={"name": "x", "manage_tokens": True, **fields}))
        assert told == "manage_tokens goes together with email and the role moderator: only moderators manage tokens"
    for value in (1, "true", None, []):
        answer = one.client.post("/token", json={"name": "x", "email": ANA, "manage_tokens": value})
        assert refused(answer) == "manage_tokens must be true or false"


def test_the_times_of_a_token_have_the_one_format(one: Server) -> None:
    made = make(one, email=ANA, expires_at="2999-01-01T01:30:00+01:30")
    assert made["expires_at"] == "2999-01-01T00:00:00.000000Z"
    assert datetime.fromisoformat(made["created_at"]).strftime("%Y-%m-%dT%H:%M:%S.%fZ") == made["created_at"]
