"""Permissions and projects that another program wrote are shown as they are, and count as far as they are known."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from backups import codeactions_in
from harness import Server, wait_until
from integration.answers import get
from integration.api_tokens.tokens import headers_with_token
from integration.foreign_rows.rows import TEXTS, TIMES, WHOLE_NUMBERS, assert_shown, cases, insert, insert_code

PERMISSION = {"email": TEXTS, "role": WHOLE_NUMBERS, "created_at": TIMES, "updated_at": TIMES}
PROJECT = {"name": TEXTS, "created_at": TIMES, "updated_at": TIMES}


@pytest.mark.parametrize(("column", "value", "shown"), cases(PERMISSION))
def test_a_permission(foreign: Server, db: psycopg.Connection[Any], column: str, value: str, shown: Any) -> None:
    project = str(uuid4())
    foreign.client.post("/project", json={"name": "p", "uuid": project}).raise_for_status()
    usual = {"project_uuid": f"'{project}'", "email": "'ana@example.com'", "role": "1"}
    permission_id = insert(db, "user_permissions", **{**usual, column: value})
    assert_shown(get(foreign, f"/permission/{permission_id}"), column, shown)
    (listed,) = get(foreign, "/permission", project_uuid=project)["data"]
    assert_shown(listed, column, shown)
    (member,) = get(foreign, f"/project/{project}")["authorizations"]
    assert member == {"email": listed["email"], "role": listed["role"]}
    # Another user comes and goes, the project gets another name: the row stays as it is.
    made = foreign.client.post("/permission", json={"project_uuid": project, "email": "bo@example.com", "role": 2})
    assert made.status_code == 201, made.text
    assert foreign.client.patch(f"/project/{project}", json={"name": "renamed"}).status_code == 200
    assert foreign.client.delete(f"/permission/{made.json()['id']}").status_code == 204
    assert_shown(get(foreign, f"/permission/{permission_id}"), column, shown)
    changed = foreign.client.patch(f"/permission/{permission_id}", params={"role": 2})
    assert changed.status_code == 200, changed.text
    assert [one["role"] for one in get(foreign, f"/project/{project}")["authorizations"]] == [2]
    assert foreign.client.delete(f"/permission/{permission_id}").status_code == 204
    assert get(foreign, f"/project/{project}")["authorizations"] == []


@pytest.mark.parametrize("role", [value for value, _ in WHOLE_NUMBERS])
def test_an_unknown_role_gives_no_right_and_takes_none(foreign: Server, db: psycopg.Connection[Any], role: str) -> None:
    project, email = str(uuid4()), f"{uuid4()}@example.com"
    code_id = insert_code(db, project_uuid=f"'{project}'")
    foreign.client.post("/project", json={"name": "p", "uuid": project}).raise_for_status()
    mine = headers_with_token(foreign, email=email)
    insert(db, "user_permissions", project_uuid=f"'{project}'", email=f"'{email}'", role=role)
    assert foreign.client.get(f"/code/{code_id}", headers=mine).status_code == 404
    assert foreign.client.get("/project", headers=mine).json()["data"] == []
    # Beside a role that is known, under another spelling of the address, the known one counts.
    insert(db, "user_permissions", project_uuid=f"'{project}'", email=f"'{email.upper()}'", role="1")
    wait_until(lambda: foreign.client.get(f"/code/{code_id}", headers=mine).status_code == 200)
    answer = foreign.client.patch(f"/code/{code_id}", params={"name": "x"}, headers=mine)
    assert (answer.status_code, "viewer" in answer.json()["error"]["message"]) == (403, True)


@pytest.mark.parametrize("role", [value for value, _ in WHOLE_NUMBERS])
def test_a_new_list_takes_away_an_unknown_role_too(foreign: Server, db: psycopg.Connection[Any], role: str) -> None:
    project = str(uuid4())
    wanted = [{"email": "ana@example.com", "role": 1}]
    fields = {"name": "p", "uuid": project, "authorizations": wanted}
    foreign.client.post("/project", json=fields).raise_for_status()
    insert(db, "user_permissions", project_uuid=f"'{project}'", email="'bo@example.com'", role=role)
    assert len(get(foreign, f"/project/{project}")["authorizations"]) == 2
    answer = foreign.client.patch(f"/project/{project}", json={"authorizations": wanted})
    assert (answer.status_code, answer.json()["authorizations"]) == (200, wanted)
    assert [one["email"] for one in get(foreign, "/permission", project_uuid=project)["data"]] == ["ana@example.com"]


@pytest.mark.parametrize(("column", "value", "shown"), cases(PROJECT))
def test_a_project(foreign: Server, db: psycopg.Connection[Any], column: str, value: str, shown: Any) -> None:
    uuid = str(uuid4())
    insert(db, "projects", **{"uuid": f"'{uuid}'", "name": "'n'", "authorizations": "'[]'", column: value})
    assert_shown(get(foreign, f"/project/{uuid}"), column, shown)
    assert foreign.client.patch(f"/project/{uuid}", json={"name": "renamed"}).status_code == 200
    assert foreign.client.delete(f"/project/{uuid}").status_code == 204


def test_a_project_without_a_uuid_is_listed(foreign: Server, db: psycopg.Connection[Any]) -> None:
    row_id = insert(db, "projects", name="'no uuid'", authorizations="'[]'")
    pages = [get(foreign, "/project", page=number + 1) for number in range(get(foreign, "/project")["last_page"])]
    assert [one["uuid"] for page in pages for one in page["data"] if one["id"] == row_id] == [None]


AUTHORIZATIONS: list[Any] = [
    None, "ana@example.com", 7, {}, {"email": "ana@example.com", "role": 1}, [None], ["ana@example.com"], [[1]], [{}],
    [{"email": "ana@example.com"}], [{"email": None, "role": 1}], [{"role": 3}], [{"email": "", "role": 1}],
    [{"user_email": "ana@example.com", "role": "admin"}], [{"email": "ana@example.com", "role": "3"}],
    [{"email": "ana@example.com", "role": True}], [{"email": "ana@example.com", "role": 5, "since": 2024}],
    [{"email": "Ana@example.com", "role": 1}, {"email": "ana@example.com", "role": 2}],
    [{"email": "ana@example.com", "role": 1}, {"email": "ana@example.com", "role": 1}],
]  # fmt: skip


def can_be_a_row(one: Any) -> bool:
    """Whether an authorization gives somebody a role. To Python, True is a number."""
    if not isinstance(one, dict):
        return False
    role = one.get("role")
    return isinstance(one.get("email"), str) and type(role) is int and role in (1, 2, 3)


@pytest.mark.parametrize("stored", [*AUTHORIZATIONS, ...], ids=str)
def test_authorizations_are_shown_as_they_are_and_stay_so(
    foreign: Server, db: psycopg.Connection[Any], stored: Any
) -> None:
    uuid = str(uuid4())
    insert(db, "projects", uuid=f"'{uuid}'", name="'n'", authorizations="'[]'")
    text = None if stored is ... else json.dumps(stored)
    # As the service before wrote it: without the triggers, which a database gets with this server.
    with db.transaction():
        db.execute("SET LOCAL session_replication_role = replica")
        db.execute("UPDATE projects SET authorizations = %s WHERE uuid = %s", (text, uuid))
    shown = [] if stored in (None, ...) else stored
    assert get(foreign, f"/project/{uuid}")["authorizations"] == shown
    assert any(one["uuid"] == uuid for page in range(1, 99) for one in get(foreign, "/project", page=page)["data"])
    assert foreign.client.patch(f"/project/{uuid}", json={"name": "renamed"}).status_code == 200
    assert get(foreign, f"/project/{uuid}")["authorizations"] == shown
    # With the triggers, whatever is written, both records of who is in it end the same, and nothing else is lost.
    db.execute("UPDATE projects SET authorizations = NULL WHERE uuid = %s", (uuid,))
    db.execute("UPDATE projects SET authorizations = %s WHERE uuid = %s", (text, uuid))
    query = 'SELECT email, role FROM user_permissions WHERE project_uuid = %s ORDER BY email COLLATE "C"'
    rows = [{"email": email, "role": role} for email, role in db.execute(query, (uuid,))]
    items = shown if isinstance(shown, list) else [shown]
    odd = [one for one in items if one is not None and not can_be_a_row(one)]
    assert get(foreign, f"/project/{uuid}")["authorizations"] == [*rows, *odd]
    wanted = [{"email": "bo@example.com", "role": 2}]
    answer = foreign.client.patch(f"/project/{uuid}", json={"authorizations": wanted})
    assert (answer.status_code, answer.json()["authorizations"]) == (200, wanted)


def test_the_command_line_shows_members_of_every_role(
    foreign: Server, db: psycopg.Connection[Any], module_database_url: str, tmp_path: Path
) -> None:
    uuid = str(uuid4())
    foreign.client.post("/project", json={"name": "p", "uuid": uuid}).raise_for_status()
    for role in (0, 1, 4, 5):
        insert(db, "user_permissions", project_uuid=f"'{uuid}'", email=f"'{role}@example.com'", role=str(role))
    command = codeactions_in(tmp_path)
    shown = json.loads(command("project", "show", uuid, "--json", DATABASE_URL=module_database_url).stdout)
    assert [(one["email"], one["role"]) for one in shown["users"]] == [
        ("0@example.com", "unknown (0)"),
        ("1@example.com", "viewer"),
        ("4@example.com", "unknown (4)"),
        ("5@example.com", "unknown (5)"),
    ]
