"""A server of ours takes over the database of the Go service: it applies what came later and changes no row."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from gotool import SERVICE_TABLES, GoTool
from harness import Server, running_server

MIGRATIONS = Path(__file__).parents[2] / "migrations"
OLD_CODE = "6a1d8f0e-0000-4000-8000-000000000001"
# From MongoDB, before the service had a relational database.
OLDER_CODE = "6a1d8f0e-0000-4000-8000-000000000002"
OLD_RUN = "6a1d8f0e-0000-4000-8000-000000000003"
ORPHAN = "6a1d8f0e-0000-4000-8000-000000000004"
ROWS = f"""
INSERT INTO codes VALUES
    ('{OLD_CODE}', 'old', 'endpoint', E'def Run(engine):\\n    return "old " + engine.params.get("x")\\n', 'python',
     NULL, 'p', 60, '2024-05-01 10:00:00+00', '2024-05-02 11:00:00.123456+00', NULL),
    ('{OLDER_CODE}', 'older', 'flow', E'def Run(engine):\\n    return 1\\n', 'python',
     'https://example.com/hook', 'p', 30, '2023-01-01 00:00:00+00', '2023-01-01 00:00:00+00',
     '507f1f77bcf86cd799439011');
INSERT INTO codelibs VALUES
    ('{OLD_CODE}', 'requests', 'python', '2024-05-01 10:00:00+00', '2024-05-01 10:00:00+00', NULL);
INSERT INTO coderuns VALUES
    ('{OLD_RUN}', '{OLD_CODE}', 'completed', 'old result', '{{"status_code": 200}}', '{{"x": "1"}}', 'body',
     '{{"A": "b"}}', '2024-05-03 10:00:00+00', '2024-05-03 10:00:01+00', NULL, NULL),
    ('{ORPHAN}', '6a1d8f0e-0000-4000-8000-00000000dead', 'failed', NULL, '{{}}', '{{}}', NULL, '{{}}',
     '2023-02-01 00:00:00+00', '2023-02-01 00:00:00+00', '507f1f77bcf86cd799439012', '507f1f77bcf86cd799439099');
INSERT INTO user_permissions VALUES
    ('{OLD_CODE}', 'p', 'a@example.com', 3, '2024-05-01 10:00:00+00', '2024-05-01 10:00:00+00', NULL);
INSERT INTO projects VALUES
    ('{OLD_CODE}', 'p', 'Project', '[{{"email": "a@example.com", "role": 3}}]', '2024-05-01 10:00:00+00',
     '2024-05-01 10:00:00+00', '507f1f77bcf86cd799439013');
"""
NAMES = ("codes", "codelibs", "coderuns", "user_permissions", "projects")


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(SERVICE_TABLES)
        connection.execute(ROWS.encode())
        yield connection


def content(database: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """Every row of the five tables, all columns that the service knows, as text."""
    later = "'{timezone,description,mask_result,version}'::text[]"  # columns of migrations 16 to 19
    row = f"(to_jsonb(t) - {later})::text"
    return {
        name: [text for (text,) in database.execute(f"SELECT {row} FROM {name} t ORDER BY id".encode())]
        for name in NAMES
    }


def check(server: Server) -> None:
    """The old rows are there, and a new run of an old code works and is on record."""
    assert server.client.get(f"/code/{OLD_CODE}").json()["updated_at"].startswith("2024-05-02T11:00:00.123")
    assert {code["name"] for code in server.client.get("/code", params={"project_uuid": "p"}).json()} == {
        "old",
        "older",
    }
    old = server.client.get(f"/coderun/{OLD_RUN}").json()
    assert (old["status"], old["result"], old["params"]) == ("completed", "old result", {"x": "1"})
    answer = server.client.get(f"/endpoint/{OLD_CODE}", params={"x": "7"})
    assert (answer.status_code, answer.text) == (200, "old 7")
    record = server.record(answer)
    assert (record["code_id"], record["status"], record["result"]) == (OLD_CODE, "completed", "old 7")
    listed = server.client.get("/coderun", params={"code_id": OLD_CODE}).json()["data"]
    assert [run["id"] for run in listed][-1] == OLD_RUN
    assert server.client.post(f"/run/{OLDER_CODE}").json()["result"]["result"] == "1"


def test_the_go_services_database_is_taken_over_as_it_is(
    database_url: str, database: psycopg.Connection[Any], tmp_path: Path
) -> None:
    before = content(database)
    latest = max(int(path.name.split("_")[0]) for path in MIGRATIONS.glob("*.up.sql"))
    with running_server(tmp_path / "data", database_url) as server:
        check(server)
        new_code = server.create("def Run(engine):\n    engine.log.info('said')\n    return 2\n")
        answer = server.client.get(f"/endpoint/{new_code}")
        assert answer.text == "2"
        assert server.logs(answer) == [("info", "said")]
    assert database.execute("SELECT version, dirty FROM schema_migrations").fetchall() == [(latest, False)]
    after = content(database)
    for name in NAMES:
        assert [text for text in after[name] if text in before[name]] == before[name], name
    assert len(after["coderuns"]) == len(before["coderuns"]) + 3
    # Steps that the service had behind it are not claimed as our own.
    steps = database.execute("SELECT version, tool = 'unknown', direction FROM schema_migrations_history ORDER BY id")
    assert steps.fetchall() == [(version, version <= 5, "up") for version in range(1, latest + 1)]
    # And it starts again, on what is current now, while golang-migrate finds nothing to do either.
    with GoTool(database_url, MIGRATIONS) as tool:
        assert tool.up() == ["no change"]
    with running_server(tmp_path / "data", database_url) as server:
        check(server)
