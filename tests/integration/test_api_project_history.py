"""`/coderun` and `/codelog` of a whole project: every page as it would be sorted by hand, and for its members alone."""

import random
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from harness import Server
from integration.answers import refused

from codeactions.domain.page import PAGE_SIZE
from codeactions.domain.run import RunStatus
from codeactions.postgres.codelogs import LogStore
from codeactions.postgres.coderuns import PAGE_BYTES, RunStore
from codeactions.postgres.database import Database

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
P, OTHER = "project-p", "project-other"
SAID = "def Run(engine):\n    engine.log.info(engine.params.get('say'))\n    return engine.params.get('say')\n"


@pytest.fixture(scope="module")
def rows(migrated_url: str) -> list[dict[str, Any]]:
    """Runs and one line of each: of many codes, some at the same time, in two projects, as they were written."""
    chance, made = random.Random(7), []
    codes = {uuid4(): OTHER if number % 4 == 0 else P for number in range(40)}
    for number, code_id in enumerate(codes):
        for _ in range(0 if number == 1 else 60 if number == 2 else chance.randrange(9)):
            at = BEGIN + timedelta(minutes=chance.randrange(200))
            status = chance.choice(["completed", "completed", "failed"])
            made.append({"id": uuid4(), "code_id": code_id, "project": codes[code_id], "at": at, "status": status})
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        for code_id, project in codes.items():
            connection.execute(
                "INSERT INTO codes (id, name, type, source, language, project_uuid)"
                " VALUES (%s, 'x', 'flow', 'x', 'python', %s)",
                (code_id, project),
            )
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO coderuns (id, code_id, status, created_at, updated_at)"
                " VALUES (%(id)s, %(code_id)s, %(status)s, %(at)s, %(at)s)",
                made,
            )
            cursor.executemany(
                "INSERT INTO codelogs (run_id, code_id, type, content, position, created_at)"
                " VALUES (%(id)s, %(code_id)s, 'info', 'x', 0, %(at)s)",
                made,
            )
    return made


@pytest.fixture
async def database(migrated_url: str) -> Any:
    database = Database(migrated_url, connections=1)
    await database.open()
    yield database
    await database.close()


def newest(rows: list[dict[str, Any]], **wanted: Any) -> list[UUID]:
    """The ids of the project's runs, newest first, as a reader of the table would find them."""
    found = [
        row
        for row in rows
        if row["project"] == P
        and wanted.get("status") in (None, row["status"])
        and (wanted.get("after") is None or row["at"] > wanted["after"])
        and (wanted.get("before") is None or row["at"] < wanted["before"])
    ]
    return [row["id"] for row in sorted(found, key=lambda row: (row["at"], row["id"].int), reverse=True)]


async def test_each_page_of_runs_is_as_sorted_by_hand(database: Database, rows: list[dict[str, Any]]) -> None:
    store, middle = RunStore(database), BEGIN + timedelta(minutes=100)
    for status, after, before in product((None, RunStatus.FAILED, RunStatus.QUEUED), (None, middle), (None, middle)):
        expected = newest(rows, status=status, after=after, before=before)
        for page in range(1, 2 + len(expected) // PAGE_SIZE + 1):
            found = await store.page_of_project(P, status=status, after=after, before=before, page=page)
            place = (page - 1) * PAGE_SIZE
            assert [run.id for run in found.data] == expected[place : place + PAGE_SIZE]
            assert (found.total, found.page) == (len(expected), page)
    assert len(newest(rows)) > 5 * PAGE_SIZE


async def test_each_page_of_lines_is_as_sorted_by_hand(database: Database, rows: list[dict[str, Any]]) -> None:
    mine = [row for row in rows if row["project"] == P]
    expected = [row["id"] for row in sorted(mine, key=lambda row: (-row["at"].timestamp(), row["id"].int))]
    found = []
    for page in range(1, 2 + len(expected) // PAGE_SIZE):
        lines = await LogStore(database).page_of_project(P, page)
        assert lines.total == len(expected)
        found += [line.run_id for line in lines.data]
    assert found == expected
    assert (await LogStore(database).page_of_project("nowhere", 1)).data == []


async def test_the_texts_of_a_page_have_a_bound(database: Database, migrated_url: str) -> None:
    code_id, ids = uuid4(), [uuid4() for _ in range(4)]
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO codes (id, name, type, source, language, project_uuid)"
            " VALUES (%s, 'x', 'flow', 'x', 'python', 'large')",
            (code_id,),
        )
        for number, run_id in enumerate(ids):
            connection.execute(
                "INSERT INTO coderuns (id, code_id, status, result, body) VALUES (%s, %s, 'completed', %s, 'small')",
                (run_id, code_id, "x" * (PAGE_BYTES // 3 if number else 10)),
            )
    found = {run.id: run for run in (await RunStore(database).page_of_project("large")).data}
    assert [found[run_id].cut for run_id in ids] == [(), ("result",), ("result",), ("result",)]
    assert {len(found[run_id].result or "") for run_id in ids[1:]} == {1000}


@pytest.fixture
def project(server: Server) -> str:
    uuid = str(uuid4())
    server.client.post("/project", json={"uuid": uuid, "name": "x"}).raise_for_status()
    return uuid


def of(server: Server, path: str, **params: Any) -> list[str]:
    answer = server.client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return [row.get("content") or row["result"] for row in answer.json()["data"]]


def test_a_project_shows_the_runs_and_lines_of_all_its_codes_newest_first(server: Server, project: str) -> None:
    codes = [server.create(SAID, project_uuid=project) for _ in range(2)]
    server.client.get(f"/endpoint/{server.create(SAID, project_uuid=str(uuid4()))}?say=elsewhere")
    for number in range(4):
        server.client.get(f"/endpoint/{codes[number % 2]}?say={number}")
    for path in ("/coderun", "/codelog"):
        assert of(server, path, project_uuid=project) == ["3", "2", "1", "0"], path
        assert of(server, path, project_uuid=project, page=2) == [], path
    server.client.patch(f"/code/{codes[0]}", params={"project_uuid": str(uuid4())}).raise_for_status()
    for path in ("/coderun", "/codelog"):
        assert of(server, path, project_uuid=project) == ["3", "1"], "a code that is moved takes its history along"
    runs = server.client.get("/coderun", params={"project_uuid": project}).json()["data"]
    moment = runs[0]["created_at"]
    assert of(server, "/coderun", project_uuid=project, before=moment) == ["1"]
    assert of(server, "/coderun", project_uuid=project, after=runs[1]["created_at"]) == ["3"]
    assert of(server, "/coderun", project_uuid=project, status="failed") == []
    assert of(server, "/coderun", project_uuid=project, status="completed") == ["3", "1"]
    assert runs[0] == server.client.get(f"/coderun/{runs[0]['id']}").json()


def test_either_a_code_or_a_project_is_named(server: Server, project: str) -> None:
    code_id = str(uuid4())
    for path, told in (
        ("/coderun", "give either code_id or project_uuid"),
        ("/codelog", "give run_id, code_id or both, or project_uuid"),
    ):
        assert refused(server.client.get(path)) == told
        assert refused(server.client.get(path, params={"code_id": code_id, "project_uuid": project})) == told
        assert "project_uuid" in refused(server.client.get(path, params={"project_uuid": ""}))
        assert of(server, path, project_uuid="no-such-project") == []
    assert refused(server.client.get("/codelog", params={"run_id": code_id, "project_uuid": project}))
