"""`/project` and `/permission`: both ways to say who is in a project, which agree."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from harness import Server
from integration.answers import refused

ANA, BO = "ana@example.com", "bo@example.com"


def make(server: Server, *authorizations: tuple[str, int], **fields: Any) -> dict[str, Any]:
    given = {"uuid": str(uuid4()), "name": "a name", "authorizations": as_list(*authorizations), **fields}
    answer = server.client.post("/project", json=given)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def as_list(*pairs: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"email": email, "role": role} for email, role in pairs]


def allow(server: Server, uuid: str, email: str, role: int) -> dict[str, Any]:
    answer = server.client.post("/permission", json={"project_uuid": uuid, "email": email, "role": role})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def both(server: Server, uuid: str) -> dict[str, int]:
    """Who is in a project, which its authorizations and its permissions say alike."""
    authorizations = server.client.get(f"/project/{uuid}").json()["authorizations"]
    found = server.client.get("/permission", params={"project_uuid": uuid}).json()
    assert found["total"] == len(found["data"])
    roles = {one["email"]: one["role"] for one in found["data"]}
    assert authorizations == as_list(*sorted(roles.items()))
    return roles


def permission_of(server: Server, uuid: str, email: str) -> str:
    found = server.client.get("/permission", params={"project_uuid": uuid}).json()["data"]
    return next(str(one["id"]) for one in found if one["email"] == email)


def test_a_project_is_made_of_one_json_object(server: Server) -> None:
    uuid = str(uuid4())
    project = make(server, (BO, 1), (ANA, 3), uuid=uuid, name="Größe 🐍")
    assert list(project) == ["id", "uuid", "name", "authorizations", "created_at", "updated_at"]
    assert project["authorizations"] == as_list((ANA, 3), (BO, 1))
    assert (project["uuid"], project["name"]) == (uuid, "Größe 🐍")
    assert UUID(project["id"]).version == 7
    assert project["created_at"] == project["updated_at"]
    assert abs(datetime.now(UTC) - datetime.fromisoformat(project["created_at"])) < timedelta(minutes=1)
    assert server.client.get(f"/project/{uuid}").json() == project


def test_a_project_is_made_of_parameters_too_but_of_no_field_with_two_values(server: Server) -> None:
    uuid = str(uuid4())
    answer = server.client.post("/project", params={"name": "a", "uuid": uuid})
    assert (answer.status_code, answer.json()["authorizations"]) == (201, [])
    mixed = server.client.post("/project", params={"name": "b"}, json={"authorizations": as_list((ANA, 1))}).json()
    assert (mixed["name"], mixed["authorizations"]) == ("b", as_list((ANA, 1)))
    same = server.client.post("/project", params={"name": "b"}, json={"name": "b"})
    assert (same.status_code, same.json()["name"]) == (201, "b")
    for given in ({"name": "c"}, {"name": None}):
        twice = server.client.post("/project", params={"name": "b"}, json=given)
        assert refused(twice) == "name is given twice, with different values"


def test_a_project_without_a_uuid_gets_one(server: Server) -> None:
    for given in ({}, {"uuid": None}):
        project = server.client.post("/project", json={"name": "x", **given}).json()
        assert project["uuid"] == project["id"]
        assert server.client.get(f"/project/{project['uuid']}").json() == project


def test_a_uuid_may_be_any_text_but_a_taken_one(server: Server) -> None:
    uuid = f"Ein Projekt? #{uuid4()}"
    project = make(server, (ANA, 1), uuid=uuid)
    assert server.client.get("/project/" + uuid.replace("?", "%3F").replace("#", "%23")).json() == project
    again = server.client.post("/project", json={"uuid": uuid, "name": "y", "authorizations": as_list((BO, 3))})
    assert refused(again, 409, "conflict") == f"there is a project {uuid} already"
    assert server.client.get("/permission", params={"project_uuid": uuid}).json()["total"] == 1


def test_only_what_is_given_is_changed(server: Server) -> None:
    before = make(server, (ANA, 3))
    path = f"/project/{before['uuid']}"
    renamed = server.client.patch(path, params={"name": "new"})
    assert renamed.status_code == 200
    assert renamed.json() == {**before, "name": "new", "updated_at": renamed.json()["updated_at"]}
    assert renamed.json()["updated_at"] > before["updated_at"]
    moved = server.client.patch(path, json={"authorizations": as_list((BO, 2))}).json()
    assert (moved["name"], moved["authorizations"]) == ("new", as_list((BO, 2)))
    all_new = server.client.patch(path, json={"authorizations": [], "name": "newer"}).json()
    assert (all_new["name"], all_new["authorizations"]) == ("newer", [])
    assert server.client.get(path).json() == all_new


WRONG_PROJECTS: list[tuple[dict[str, Any], str]] = [
    ({}, "name is missing"),
    ({"name": " "}, "name must not be empty"),
    ({"name": "x" * 256}, "name must have at most 255"),
    ({"name": "a\0"}, "name must not contain the character U+0000"),
    ({"name": 7}, "name must be text"),
    ({"name": "x", "uuid": 7}, "uuid must be text"),
    ({"name": "x", "uuid": "u" * 256}, "uuid must have at most 255"),
    ({"name": "x", "authorizations": "all"}, "authorizations must be a list"),
    ({"name": "x", "authorizations": [1]}, "authorizations[0] must be an object"),
    ({"name": "x", "authorizations": as_list((ANA, 1), ("bo", 1))}, "authorizations[1].email must be an address"),
    ({"name": "x", "authorizations": as_list((ANA, 4))}, "role must be 1 (viewer)"),
    ({"name": "x", "authorizations": as_list((ANA, 1), ("ANA@example.com", 2))}, f"names {ANA} twice"),
    ({"name": "x", "id": str(UUID(int=1))}, "unknown field 'id'"),
]


@pytest.mark.parametrize(("fields", "named"), WRONG_PROJECTS, ids=lambda value: str(value)[:40])
def test_a_wrong_value_is_named_and_makes_no_project(server: Server, fields: dict[str, Any], named: str) -> None:
    before = server.client.get("/project").json()["total"]
    assert named in refused(server.client.post("/project", json=fields))
    assert server.client.get("/project").json()["total"] == before


@pytest.mark.parametrize("authorizations", [{}, "", 0, False], ids=repr)
def test_authorizations_that_are_no_list_are_refused_also_when_they_are_empty(
    server: Server, authorizations: Any
) -> None:
    answer = server.client.post("/project", json={"name": "x", "authorizations": authorizations})
    assert "authorizations must be a list" in refused(answer)


def test_a_wrong_change_is_named_and_changes_nothing(server: Server) -> None:
    project = make(server, (ANA, 3))
    path = f"/project/{project['uuid']}"
    for request, named in (
        ({}, "nothing to change"),
        ({"json": {}}, "nothing to change"),
        ({"json": {"uuid": "other"}}, "unknown field 'uuid'"),
        ({"json": {"name": None}}, "name must be text"),
        ({"json": {"name": "new", "authorizations": None}}, "authorizations must be a list"),
        ({"json": {"name": "new", "authorizations": as_list((BO, 0))}}, "role must be"),
        ({"json": []}, "a JSON body must be an object"),
        ({"content": b"{"}, "cannot be read as JSON"),
        ({"params": {"uuid": "other"}}, "unknown parameter 'uuid'"),
        ({"params": {"name": "x" * 256}}, "name"),
    ):
        assert named in refused(server.client.patch(path, **request)), request  # type: ignore[arg-type]
    assert server.client.get(path).json() == project
    assert both(server, project["uuid"]) == {ANA: 3}
    for method in ("GET", "PATCH", "DELETE"):
        request = {"json": {"name": "x"}} if method == "PATCH" else {}
        answer = server.client.request(method, "/project/nowhere", **request)
        assert refused(answer, 404, "not_found") == "there is no project nowhere"


def test_projects_and_permissions_are_listed_20_a_page(server: Server) -> None:
    made = [make(server, name=f"page {number}")["uuid"] for number in range(25)]
    total = server.client.get("/project").json()["total"]
    pages = [server.client.get("/project", params={"page": page}).json() for page in range(1, -(-total // 20) + 2)]
    assert [len(page["data"]) for page in pages[:-2]] == [20] * (len(pages) - 2)
    assert pages[-1] == {"data": [], "total": total, "page": len(pages), "last_page": len(pages) - 1}
    assert [one["uuid"] for page in pages for one in page["data"]][-25:] == made
    users = [f"u{number:02}@example.com" for number in range(25)]
    server.client.patch(f"/project/{made[0]}", json={"authorizations": as_list(*((user, 1) for user in users[::-1]))})
    params = {"project_uuid": made[0]}
    found = [server.client.get("/permission", params={**params, "page": page}).json() for page in (1, 2, 3)]
    assert [len(page["data"]) for page in found] == [20, 5, 0]
    assert [(page["total"], page["last_page"]) for page in found] == [(25, 2)] * 3
    assert [one["email"] for page in found for one in page["data"]] == users
    assert "page" in refused(server.client.get("/project", params={"page": 0}))


def test_a_project_with_codes_is_not_deleted_and_one_without_goes_with_its_permissions(server: Server) -> None:
    uuid = make(server, (ANA, 3))["uuid"]
    codes = [server.create("def Run(engine): pass", project_uuid=uuid) for _ in range(2)]
    answer = server.client.delete(f"/project/{uuid}")
    assert refused(answer, 409, "conflict") == f"project {uuid} has 2 codes: delete or move them first"
    assert both(server, uuid) == {ANA: 3}
    server.client.delete(f"/code/{codes[0]}")
    server.client.patch(f"/code/{codes[1]}", params={"project_uuid": "elsewhere"})
    answer = server.client.delete(f"/project/{uuid}")
    assert (answer.status_code, answer.content) == (204, b"")
    refused(server.client.get(f"/project/{uuid}"), 404, "not_found")
    assert server.client.get("/permission", params={"project_uuid": uuid}).json()["total"] == 0
    assert make(server, uuid=uuid)["authorizations"] == []


def test_a_permission_is_made_read_changed_and_taken_away(server: Server) -> None:
    uuid = make(server)["uuid"]
    made = server.client.post("/permission", params={"project_uuid": uuid, "email": " ANA@Example.com ", "role": 2})
    assert made.status_code == 201
    permission = made.json()
    assert list(permission) == ["id", "project_uuid", "email", "role", "created_at", "updated_at"]
    assert (permission["email"], permission["role"], permission["project_uuid"]) == (ANA, 2, uuid)
    path = f"/permission/{permission['id']}"
    assert server.client.get(path).json() == permission
    for change in ({"params": {"role": 3}}, {"json": {"role": 1}}, {"json": {"role": "contributor"}}):
        changed = server.client.patch(path, **change)  # type: ignore[arg-type]
        assert changed.status_code == 200
        assert both(server, uuid) == {ANA: changed.json()["role"]}
    assert changed.json() == {**permission, "role": 2, "updated_at": changed.json()["updated_at"]}
    assert changed.json()["updated_at"] > permission["updated_at"]
    assert server.client.delete(path).status_code == 204
    assert both(server, uuid) == {}
    for method in ("GET", "PATCH", "DELETE"):
        answer = server.client.request(method, path, **({"json": {"role": 1}} if method == "PATCH" else {}))
        assert refused(answer, 404, "not_found") == f"there is no permission {permission['id']}"


def test_a_wrong_permission_is_named_and_changes_nothing(server: Server) -> None:
    uuid = make(server, (ANA, 1))["uuid"]
    right = {"project_uuid": uuid, "email": BO, "role": 1}
    for change, status, code, named in (
        ({"email": "bo"}, 400, "invalid", "email must be an address"),
        ({"email": "\u212a@example.com"}, 400, "invalid", "email must be an address"),
        ({"role": 0}, 400, "invalid", "role must be"),
        ({"role": None}, 400, "invalid", "role is missing"),
        ({"project_uuid": None}, 400, "invalid", "project_uuid is missing"),
        ({"id": "x"}, 400, "invalid", "unknown field 'id'"),
        ({"project_uuid": "nowhere"}, 404, "not_found", "there is no project nowhere"),
        ({"email": "ANA@Example.com"}, 409, "conflict", f"{ANA} has a role in this project already"),
    ):
        assert named in refused(server.client.post("/permission", json={**right, **change}), status, code), change
    for params in ({"role": 4}, {"role": "viewer"}, {"roles": 1}):
        refused(server.client.post("/permission", params={"project_uuid": uuid, "email": BO, **params}))
    params = {"project_uuid": uuid, "email": BO, "role": 1}
    for body in ({"role": True}, {"role": "1"}, {"role": 2}):
        twice = server.client.post("/permission", params=params, json=body)
        assert refused(twice) == "role is given twice, with different values"
    path = f"/permission/{permission_of(server, uuid, ANA)}"
    for change in ({}, {"email": BO}, {"role": 2, "project_uuid": "other"}, {"role": 9}):
        refused(server.client.patch(path, json=change))
    refused(server.client.get("/permission"))
    refused(server.client.get("/permission/nope"))
    assert both(server, uuid) == {ANA: 1}


def test_each_change_of_one_shows_in_the_other(server: Server) -> None:
    uuid = make(server, (ANA, 3))["uuid"]
    first = permission_of(server, uuid, ANA)
    allow(server, uuid, BO, 1)
    assert both(server, uuid) == {ANA: 3, BO: 1}
    server.client.patch(f"/project/{uuid}", json={"authorizations": as_list((BO, 2), (ANA, 3), ("c@x", 1))})
    assert both(server, uuid) == {ANA: 3, BO: 2, "c@x": 1}
    assert permission_of(server, uuid, ANA) == first
    server.client.delete(f"/permission/{first}")
    assert both(server, uuid) == {BO: 2, "c@x": 1}
    refused(server.client.get(f"/permission/{first}"), 404, "not_found")
    before = server.client.get(f"/project/{uuid}").json()
    assert before["updated_at"] > before["created_at"]
    after = server.client.patch(f"/project/{uuid}", json={"name": "other"}).json()
    assert after["authorizations"] == before["authorizations"]
