"""The audit log: a line for each deed, in its transaction, and none is ever changed."""

import json
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from harness import Server

SOURCE = "def Run(engine):\n    return 'the source itself'\n"


def lines(server: Server, **wanted: str) -> list[dict[str, Any]]:
    """The first page, oldest first."""
    answer = server.client.get("/audit", params=wanted)
    assert answer.status_code == 200, answer.text
    return list(reversed(answer.json()["data"]))


def test_each_deed_has_one_line_that_says_who_what_and_from_where(server: Server) -> None:
    client = server.client
    project = client.post("/project", json={"name": "A", "authorizations": [{"email": "a@x.y", "role": 1}]}).json()[
        "uuid"
    ]
    client.patch(f"/project/{project}", json={"name": "B", "authorizations": [{"email": "a@x.y", "role": 2}]})
    permission = client.post("/permission", json={"project_uuid": project, "email": "b@x.y", "role": 1}).json()["id"]
    client.patch(f"/permission/{permission}", json={"role": 3})
    client.delete(f"/permission/{permission}")
    token = client.post("/token", json={"name": "ci", "project_uuid": project, "role": 2}).json()
    client.delete(f"/token/{token['id']}")
    code = server.create(SOURCE, project_uuid=project)
    client.patch(f"/code/{code}?name=other&timeout=30", content=SOURCE.replace("itself", "changed"))
    client.put(f"/code/{code}/protection", json={"kind": "basic", "username": "u", "password": "a long password it is"})
    client.delete(f"/code/{code}/protection")
    secret = client.post(
        "/secret", json={"project_uuid": project, "name": "K", "value": "never in here", "code_ids": [code]}
    ).json()["id"]
    client.patch(f"/secret/{secret}", json={"value": "never in here, too", "code_ids": None})
    client.delete(f"/secret/{secret}")
    variable = client.post("/variable", json={"project_uuid": project, "name": "V", "value": "never in here"}).json()[
        "id"
    ]
    client.delete(f"/code/{code}")
    client.delete(f"/project/{project}")
    found = lines(server, project_uuid=project)
    assert [(line["action"], line["thing"], line["thing_id"]) for line in found] == [
        ("create", "project", project),
        ("update", "project", project),
        ("create", "permission", permission),
        ("update", "permission", permission),
        ("delete", "permission", permission),
        ("create", "token", token["id"]),
        ("revoke", "token", token["id"]),
        ("create", "code", code),
        ("update", "code", code),
        ("update", "protection", code),
        ("delete", "protection", code),
        ("create", "secret", secret),
        ("update", "secret", secret),
        ("delete", "secret", secret),
        ("create", "variable", variable),
        ("delete", "code", code),
        ("delete", "variable", variable),
        ("delete", "project", project),
    ]
    assert found[11]["details"] == {"name": "K", "code_ids": [code]}
    assert found[12]["details"] == {"name": "K", "code_ids": [[code], None], "changed": ["value"]}
    assert "never in here" not in json.dumps(found)
    for line in found:
        assert (line["actor_kind"], line["actor"], line["address"]) == ("administrator", "administrator", "127.0.0.1")
        assert line["project_uuid"] == project
    assert found[1]["details"] == {"name": ["A", "B"], "authorizations": {"a@x.y": [1, 2]}}
    assert found[3]["details"] == {"email": "b@x.y", "role": [1, 3]}
    assert found[8]["details"] == {
        "name": ["test", "other"],
        "timeout": [60, 30],
        "version": [1, 2],
        "changed": ["source"],
    }
    told = json.dumps(found)
    for secret in (token["token"], "a long password it is", "the source"):
        assert secret not in told


def test_a_project_that_is_deleted_tells_of_its_tokens(server: Server) -> None:
    uuid = str(uuid4())
    server.client.post("/project", json={"uuid": uuid, "name": "x"}).raise_for_status()
    fields = {"name": "ci", "project_uuid": uuid, "role": 2}
    tokens = [server.client.post("/token", json=fields).json()["id"] for _ in range(2)]
    server.client.delete(f"/token/{tokens[0]}").raise_for_status()
    server.client.delete(f"/project/{uuid}").raise_for_status()
    found = [(line["action"], line["thing"], line["thing_id"]) for line in lines(server, project_uuid=uuid)]
    assert found[-3:] == [*(("revoke", "token", one) for one in tokens), ("delete", "project", uuid)]


def test_a_tokens_name_does_not_hide_who_it_is(server: Server) -> None:
    uuid = "p" * 255
    server.client.post("/project", json={"uuid": uuid, "name": "x"}).raise_for_status()
    fields = {"name": "n" * 255, "project_uuid": uuid, "role": 2}
    made = server.client.post("/token", json=fields).json()
    url = f"{server.base}/code?name=a&language=python&type=flow&project_uuid={uuid}"
    source = b"def Run(engine): pass\n"
    httpx.post(url, content=source, headers={"Authorization": f"Bearer {made['token']}"}).raise_for_status()
    line = lines(server, project_uuid=uuid)[-1]
    assert line["actor"].startswith(f"token {made['id']} of ppp")


def test_a_code_that_moves_has_a_line_in_both_projects(server: Server) -> None:
    one, two = (server.client.post("/project", json={"name": name}).json()["uuid"] for name in "AB")
    code = server.create(SOURCE, project_uuid=one)
    server.client.patch(f"/code/{code}", params={"project_uuid": two})
    for project in (one, two):
        line = lines(server, project_uuid=project)[-1]
        assert (line["action"], line["thing_id"]) == ("update", code)
        assert line["details"] == {"project_uuid": [one, two]}


def test_what_was_refused_leaves_no_line(server: Server) -> None:
    project = server.client.post("/project", json={"name": "A", "uuid": "audited"}).json()["uuid"]
    before = lines(server, project_uuid=project)
    assert server.client.post("/project", json={"name": "A", "uuid": project}).status_code == 409
    server.create(SOURCE, project_uuid=project)
    assert server.client.delete(f"/project/{project}").status_code == 409
    fields = {"project_uuid": project, "email": "a@x.y", "role": 9}
    assert server.client.post("/permission", json=fields).status_code == 400
    assert [line["thing"] for line in lines(server, project_uuid=project)[len(before) :]] == ["code"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'x'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "DELETE FROM audit_log WHERE false",
    ],
)
def test_the_database_lets_nobody_change_a_line(server: Server, database_of_server: str, statement: str) -> None:
    before = lines(server)
    with psycopg.connect(database_of_server, autocommit=True) as connection:
        with pytest.raises(psycopg.Error, match="can only be added to") as caught:
            connection.execute(statement)  # type: ignore[arg-type]
        assert caught.value.sqlstate == "RS002"
    assert lines(server) == before


def test_lines_are_found_by_thing_actor_and_time(server: Server) -> None:
    project = server.client.post("/project", json={"name": "A"}).json()["uuid"]
    codes = [server.create(SOURCE, project_uuid=project) for _ in range(25)]
    first = server.client.get("/audit", params={"project_uuid": project}).json()
    assert (first["total"], first["last_page"], len(first["data"])) == (26, 2, 20)
    second = server.client.get("/audit", params={"project_uuid": project, "page": 2}).json()
    assert [line["thing_id"] for line in second["data"]] == [*reversed(codes[:5]), project]
    assert [line["thing_id"] for line in lines(server, thing_id=codes[3])] == [codes[3]]
    middle = first["data"][10]["at"]
    after = server.client.get("/audit", params={"project_uuid": project, "after": middle}).json()["total"]
    before = server.client.get("/audit", params={"project_uuid": project, "before": middle}).json()["total"]
    assert (after, before) == (11, 15)
    assert lines(server, project_uuid=project, actor="somebody else") == []
    assert lines(server, project_uuid=project, after="2026-01-01T00:00:00")
