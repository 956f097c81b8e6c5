"""Versions as the database keeps them, whichever program changes a code."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from gotool import SERVICE_TABLES
from harness import Server, running_server
from migrations import Connection

from codeactions.migrate.main import main

DIRECTORY = Path(__file__).parents[2] / "migrations"


@pytest.fixture
def tables(migrated_url: str) -> Iterator[Connection]:
    """A session on our tables, which are empty."""
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("TRUNCATE codes CASCADE")
        yield connection


def new_code(database: Connection, source: str | None = "1", **columns: str) -> Any:
    values = {"name": "'n'", "type": "'flow'", "language": "'python'", "project_uuid": "'p'", **columns}
    row = database.execute(
        f"INSERT INTO codes (source, {', '.join(values)}) VALUES (%s, {', '.join(values.values())}) "
        "RETURNING id".encode(),
        (source,),
    ).fetchone()
    assert row is not None
    return row[0]


def versions(database: Connection, code_id: object) -> tuple[int, list[tuple[int, str | None]]]:
    """The current number, and number and source of what is kept."""
    current = database.execute("SELECT version FROM codes WHERE id = %s", (code_id,)).fetchone()
    rows = database.execute(
        "SELECT number, source FROM code_versions WHERE code_id = %s ORDER BY number", (code_id,)
    ).fetchall()
    assert current is not None
    return current[0], rows


def test_a_new_code_has_version_1_whatever_it_says(tables: Connection) -> None:
    assert versions(tables, new_code(tables, version="7")) == (1, [(1, "1")])


def test_a_changed_source_or_language_is_a_new_version(tables: Connection) -> None:
    code_id = new_code(tables)
    tables.execute("UPDATE codes SET source = '2' WHERE id = %s", (code_id,))
    tables.execute("UPDATE codes SET language = 'go' WHERE id = %s", (code_id,))
    assert versions(tables, code_id) == (3, [(1, "1"), (2, "2"), (3, "2")])
    tables.execute("UPDATE codes SET source = '2', name = 'm', updated_at = now() WHERE id = %s", (code_id,))
    assert versions(tables, code_id)[0] == 3
    row = tables.execute("SELECT language, source_sha256, author FROM code_versions WHERE number = 3").fetchone()
    assert row == ("go", hashlib.sha256(b"2").hexdigest(), None)


def test_a_number_goes_back_only_to_what_is_kept_with_that_very_source_and_language(tables: Connection) -> None:
    code_id = new_code(tables)
    tables.execute("UPDATE codes SET source = '2' WHERE id = %s", (code_id,))
    for wrong in ("version = 1", "version = 9", "version = NULL"):
        tables.execute(f"UPDATE codes SET {wrong} WHERE id = %s".encode(), (code_id,))
        assert versions(tables, code_id)[0] == 2, wrong
    tables.execute("UPDATE codes SET source = '1', language = 'go', version = 1 WHERE id = %s", (code_id,))
    assert versions(tables, code_id) == (3, [(1, "1"), (2, "2"), (3, "1")]), "another language is another version"
    tables.execute("UPDATE codes SET source = '1', language = 'python', version = 1 WHERE id = %s", (code_id,))
    assert versions(tables, code_id)[0] == 1
    tables.execute("UPDATE codes SET source = '4' WHERE id = %s", (code_id,))
    assert versions(tables, code_id)[0] == 4


def test_a_statement_of_many_codes_and_an_upsert_count_each_by_itself(tables: Connection) -> None:
    first, second = new_code(tables), new_code(tables, "2")
    tables.execute("UPDATE codes SET source = source || 'x'")
    assert versions(tables, first) == (2, [(1, "1"), (2, "1x")])
    assert versions(tables, second) == (2, [(1, "2"), (2, "2x")])
    tables.execute(
        "INSERT INTO codes (id, name, type, source, language, project_uuid) VALUES (%s, 'n', 'flow', 'y', 'go', 'p') "
        "ON CONFLICT (id) DO UPDATE SET source = excluded.source",
        (first,),
    )
    assert versions(tables, first) == (3, [(1, "1"), (2, "1x"), (3, "y")])


def test_two_changes_at_once_get_two_numbers(tables: Connection, migrated_url: str) -> None:
    code_id = new_code(tables)
    with psycopg.connect(migrated_url) as first, psycopg.connect(migrated_url) as second:
        first.execute("UPDATE codes SET source = 'first' WHERE id = %s", (code_id,))
        waiting = threading.Thread(
            target=second.execute, args=("UPDATE codes SET source = 'second' WHERE id = %s", (code_id,))
        )
        waiting.start()
        first.commit()
        waiting.join(30)
        second.commit()
    assert versions(tables, code_id) == (3, [(1, "1"), (2, "first"), (3, "second")])


def test_what_is_undone_leaves_no_version(tables: Connection) -> None:
    code_id = new_code(tables)
    with pytest.raises(psycopg.errors.CheckViolation):
        tables.execute("UPDATE codes SET source = '2', timeout = 1 WHERE id = %s", (code_id,))
    assert versions(tables, code_id) == (1, [(1, "1")])


@pytest.fixture
def foreign(database_url: str) -> Iterator[Connection]:
    """A database of the Go service with rows of every kind, migrated."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(SERVICE_TABLES)
        connection.execute(
            "INSERT INTO codes (id, name, type, source, language, project_uuid, updated_at) VALUES "
            "(gen_random_uuid(), 'a', 'flow', 'grüße', 'python', 'p', '2024-05-01'), "
            "(gen_random_uuid(), 'b', NULL, NULL, NULL, NULL, NULL), "
            "(gen_random_uuid(), 'c', 'flow', '', 'lua', 'p', 'infinity')"
        )
        assert main(["-path", str(DIRECTORY), "-database", database_url, "up"]) == 0
        yield connection


def test_the_sources_that_were_there_are_version_1(foreign: Connection) -> None:
    rows = foreign.execute(
        "SELECT name, version, number, kept.source, kept.language, source_sha256, author, kept.created_at::text "
        "FROM codes JOIN code_versions AS kept ON code_id = id ORDER BY name"
    ).fetchall()
    assert [row[:5] for row in rows] == [
        ("a", 1, 1, "grüße", "python"), ("b", 1, 1, None, None), ("c", 1, 1, "", "lua")
    ]  # fmt: skip
    assert [row[5] for row in rows] == [hashlib.sha256(text.encode()).hexdigest() for text in ("grüße", "", "")]
    assert rows[0][7].startswith("2024-05-01")
    assert rows[2][7] == "infinity"


def test_the_go_service_goes_on_with_its_columns(foreign: Connection) -> None:
    foreign.execute("UPDATE codes SET source = 'new', mongo_object_id = 'x' WHERE name = 'b'")
    foreign.execute("UPDATE codes SET source = NULL WHERE name = 'b'")
    row = foreign.execute("SELECT id FROM codes WHERE name = 'b'").fetchone()
    assert row is not None
    assert versions(foreign, row[0]) == (3, [(1, None), (2, "new"), (3, None)])
    foreign.execute("DELETE FROM codes WHERE name = 'b'")
    assert foreign.execute("SELECT count(*) FROM code_versions").fetchone() == (2,)


def test_what_the_server_shows_of_versions_of_other_programs(
    foreign: Connection, database_url: str, tmp_path: Path
) -> None:
    foreign.execute("UPDATE codes SET source = 'def Run(e): return 2', language = 'python', type = 'endpoint'")
    with running_server(tmp_path / "data", database_url, slots=2, languages="python", versions=3) as server:
        ids = {row[1]: str(row[0]) for row in foreign.execute("SELECT id, name FROM codes").fetchall()}
        for name, source in (("a", "grüße"), ("b", None), ("c", "")):
            listed = server.client.get(f"/code/{ids[name]}/versions").json()
            assert [(one["number"], one["author"], one["current"]) for one in listed["data"]] == [
                (2, None, True),
                (1, None, False),
            ]
            assert server.client.get(f"/code/{ids[name]}/versions/1").json()["source"] == source
            assert (
                server.client.get(f"/code/{ids[name]}/versions/2/diff")
                .json()["diff"]
                .endswith("return 2\n\\ No newline at end of file\n")
            )
        _keeps_the_newest_and_the_current_one(server, ids["a"])


def _keeps_the_newest_and_the_current_one(server: Server, code_id: str) -> None:
    """`versions` is 3 there."""
    assert server.client.post(f"/code/{code_id}/rollback?check=false", json={"version": 1}).json()["version"] == 1
    for number in range(3, 8):
        assert server.client.patch(f"/code/{code_id}", content=f"n = {number}".encode()).json()["version"] == number
    listed = server.client.get(f"/code/{code_id}/versions").json()["data"]
    assert [one["number"] for one in listed] == [7, 6, 5]
    back = server.client.post(f"/code/{code_id}/rollback", json={"version": 5})
    assert back.json()["version"] == 5
    for number in (8, 9):
        server.client.patch(f"/code/{code_id}", content=f"n = {number}".encode())
    listed = server.client.get(f"/code/{code_id}/versions").json()["data"]
    assert [one["number"] for one in listed] == [9, 8, 7]
