"""Versions of a code: kept, listed, compared, and made current again."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from harness import Server, wait_until
from integration.answers import get, refused

ONE = "def Run(engine):\n    return 'one'\n"
TWO = "def Run(engine):\n    return 'two'\n"
THREE = "export function Run() { return 'three' }\n"


def sha256(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def change(server: Server, code_id: str, **fields: object) -> dict[str, Any]:
    """Change a code; the code afterwards."""
    answer = server.client.patch(f"/code/{code_id}", json=fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def roll_back(server: Server, code_id: str, version: int, **fields: object) -> dict[str, Any]:
    """Go back to a version; the code afterwards."""
    answer = server.client.post(f"/code/{code_id}/rollback", json={"version": version, **fields})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def numbers(server: Server, code_id: str) -> list[tuple[int, bool]]:
    """The versions, newest first, and whether each is current."""
    return [(one["number"], one["current"]) for one in get(server, f"/code/{code_id}/versions")["data"]]


def test_every_change_of_a_source_is_kept_with_its_circumstances(server: Server) -> None:
    made = server.client.post(
        "/code",
        params={"name": "n", "language": "python", "type": "endpoint", "project_uuid": "p", "message": "first"},
        content=ONE.encode(),
    ).json()
    changed = change(server, made["id"], source=TWO, message="grüße")
    again = change(server, made["id"], source=THREE, language="javascript")
    assert [made["version"], changed["version"], again["version"]] == [1, 2, 3]
    page = get(server, f"/code/{made['id']}/versions")
    assert (page["total"], page["page"], page["last_page"]) == (3, 1, 1)
    assert "source" not in page["data"][0]
    artifact = page["data"][0]["artifact"]
    assert page["data"] == [
        {
            "code_id": made["id"],
            "number": number,
            "language": language,
            "source_sha256": sha256(source),
            "size": len(source.encode()),
            "author": "administrator",
            "message": message,
            "artifact": built,
            "current": number == 3,
            "created_at": page["data"][3 - number]["created_at"],
        }
        for number, language, source, message, built in [
            (3, "javascript", THREE, None, artifact),
            (2, "python", TWO, "grüße", None),
            (1, "python", ONE, "first", None),
        ]
    ]
    run = server.client.get(f"/endpoint/{made['id']}")
    assert server.record(run)["extra"]["artifact"] == artifact, "what was built is what runs"
    assert get(server, f"/code/{made['id']}/versions/2") == {**page["data"][1], "source": TWO}


def test_only_a_change_of_source_or_language_makes_a_version(server: Server) -> None:
    code_id = server.create(ONE)
    for fields in ({"name": "other"}, {"source": ONE}, {"timeout": 9, "message": "no source"}, {"type": "flow"}):
        assert change(server, code_id, **fields)["version"] == 1
    assert numbers(server, code_id) == [(1, True)]


def test_a_message_alone_is_no_change(server: Server) -> None:
    message = refused(server.client.patch(f"/code/{server.create(ONE)}", json={"message": "m"}))
    assert message.startswith("nothing to change: give one or more of name, ")
    assert "message" not in message
    long = refused(server.client.patch(f"/code/{server.create(ONE)}", json={"source": TWO, "message": "x" * 501}))
    assert long == "message must have at most 500 characters, not 501"


def test_a_rollback_makes_an_earlier_version_current_and_is_no_version_itself(server: Server) -> None:
    code_id = server.create(ONE, timeout=9)
    change(server, code_id, source=THREE, language="javascript", name="renamed")
    before = server.client.get(f"/endpoint/{code_id}")
    back = roll_back(server, code_id, 1, message="it broke")
    assert (back["version"], back["source"], back["language"]) == (1, ONE, "python")
    assert (back["name"], back["timeout"]) == ("renamed", 9)
    assert back == get(server, f"/code/{code_id}")
    after = server.client.get(f"/endpoint/{code_id}")
    assert [(run.text, server.record(run)["extra"]["version"]) for run in (before, after)] == [("three", 2), ("one", 1)]
    assert numbers(server, code_id) == [(2, False), (1, True)]
    assert change(server, code_id, source=TWO, language="python")["version"] == 3, "the next number is a new one"
    assert roll_back(server, code_id, 2)["version"] == 2
    assert numbers(server, code_id) == [(3, False), (2, True), (1, False)]
    audit = get(server, "/audit", thing_id=code_id)["data"]
    assert [line["details"] for line in audit if line["action"] == "rollback"][-1] == {
        "version": [2, 1], "language": ["javascript", "python"], "changed": ["source"], "message": "it broke"
    }  # fmt: skip


def test_a_rollback_to_what_is_current_changes_nothing(server: Server) -> None:
    code_id = server.create(ONE)
    before = get(server, f"/code/{code_id}")
    assert roll_back(server, code_id, 1) == before


def test_a_rollback_may_be_asked_for_by_parameters(server: Server) -> None:
    code_id = server.create(ONE)
    change(server, code_id, source=TWO)
    answer = server.client.post(f"/code/{code_id}/rollback", params={"version": 1, "message": "m"})
    assert (answer.status_code, answer.json()["version"]) == (200, 1)


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({}, 400, "version is missing"),
        ({"version": "1"}, 400, "version must be a whole number from 1 to 2147483647"),
        ({"version": 0}, 400, "version must be a whole number from 1 to 2147483647"),
        ({"version": 2**31}, 400, "version must be a whole number from 1 to 2147483647"),
        ({"version": 1, "x": 1}, 400, "unknown field 'x'; a rollback has version, message"),
        ({"version": 7}, 404, "has no version 7; only the newest are kept"),
    ],
    ids=repr,
)
def test_a_wrong_rollback_is_refused(server: Server, fields: dict[str, Any], status: int, told: str) -> None:
    code = {400: "invalid", 404: "not_found"}[status]
    assert told in refused(server.client.post(f"/code/{server.create(ONE)}/rollback", json=fields), status, code)


@pytest.mark.parametrize("time", ["now()", "updated_at"], ids=["with a new time", "with the old time"])
@pytest.mark.parametrize(
    ("method", "path", "fields"), [("POST", "/rollback", {"version": 1}), ("PATCH", "", {"source": ONE})]
)
def test_a_code_that_is_changed_meanwhile_is_not_changed(
    server: Server, database_of_server: str, time: str, method: str, path: str, fields: dict[str, Any]
) -> None:
    code_id = server.create(ONE)
    change(server, code_id, source=TWO)
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%UPDATE codes%'"
    with (
        psycopg.connect(database_of_server) as other,
        psycopg.connect(database_of_server, autocommit=True) as looking,
        ThreadPoolExecutor(1) as pool,
    ):
        other.execute(f"UPDATE codes SET source = %s, updated_at = {time} WHERE id = %s".encode(), (THREE, code_id))
        asked = pool.submit(server.client.request, method, f"/code/{code_id}{path}", json=fields)
        wait_until(lambda: looking.execute(waiting).fetchone(), 30)
        other.commit()
        message = refused(asked.result(30), 409, "conflict")
    assert message == f"code {code_id} was changed in the meantime; read it again"
    assert numbers(server, code_id) == [(3, True), (2, False), (1, False)]


def test_a_version_whose_source_is_refused_becomes_current_only_if_that_is_wanted(server: Server) -> None:
    code_id = server.create(ONE)
    wrong = server.client.patch(f"/code/{code_id}", params={"check": "false"}, content=b"def Run(")
    assert wrong.json()["version"] == 2
    roll_back(server, code_id, 1)
    answer = server.client.post(f"/code/{code_id}/rollback", json={"version": 2})
    assert (answer.status_code, answer.json()["error_type"]) == (400, "invalid_source")
    assert server.client.get(f"/endpoint/{code_id}").text == "one"
    unchecked = server.client.post(f"/code/{code_id}/rollback", params={"check": "false"}, json={"version": 2})
    assert unchecked.json()["source"] == "def Run("


def test_a_diff_shows_what_a_version_changed(server: Server) -> None:
    code_id = server.create(ONE)
    change(server, code_id, source=TWO)
    change(server, code_id, source=THREE, language="javascript")
    expected = {"code_id": code_id, "number": 2, "against": 1, "language": "python", "against_language": "python"}
    lines = "--- version 1\n+++ version 2\n@@ -1,2 +1,2 @@\n def Run(engine):\n-    return 'one'\n+    return 'two'\n"
    assert get(server, f"/code/{code_id}/versions/2/diff") == {**expected, "diff": lines}
    first = get(server, f"/code/{code_id}/versions/1/diff")
    assert (first["against"], first["against_language"]) == (None, None)
    assert first["diff"] == "--- nothing\n+++ version 1\n@@ -0,0 +1,2 @@\n+def Run(engine):\n+    return 'one'\n"
    backwards = get(server, f"/code/{code_id}/versions/1/diff", against=3)
    assert (backwards["against_language"], backwards["language"]) == ("javascript", "python")
    assert backwards["diff"].startswith("--- version 3\n+++ version 1\n@@ -1 +1,2 @@\n-export ")
    assert get(server, f"/code/{code_id}/versions/3/diff", against=3)["diff"] == ""


@pytest.mark.parametrize("path", ["versions/9", "versions/9/diff", "versions/1/diff?against=9"])
def test_a_version_that_there_is_none_of_is_not_found(server: Server, path: str) -> None:
    code_id = server.create(ONE)
    message = refused(server.client.get(f"/code/{code_id}/{path}"), 404, "not_found")
    assert message == f"code {code_id} has no version 9; only the newest are kept"
    nothing = uuid4()
    unknown = refused(server.client.get(f"/code/{nothing}/{path}"), 404, "not_found")
    assert unknown == f"there is no code {nothing}"


@pytest.mark.parametrize("number", ["0", "-1", "x", str(2**31)])
def test_what_is_no_number_of_a_version_is_refused(server: Server, number: str) -> None:
    code_id = server.create(ONE)
    refused(server.client.get(f"/code/{code_id}/versions/{number}"))
    refused(server.client.get(f"/code/{code_id}/versions/1/diff?against={number}"))


def test_versions_come_in_pages(server: Server) -> None:
    code_id = server.create(ONE)
    for number in range(2, 23):
        change(server, code_id, source=f"{ONE}# {number}\n")
    second = get(server, f"/code/{code_id}/versions", page=2)
    assert [one["number"] for one in second["data"]] == [2, 1]
    assert (second["total"], second["page"], second["last_page"]) == (22, 2, 2)


def test_deleting_a_code_takes_its_versions_along(server: Server) -> None:
    code_id = server.create(ONE)
    server.client.delete(f"/code/{code_id}")
    assert refused(server.client.get(f"/code/{code_id}/versions"), 404, "not_found") == f"there is no code {code_id}"
