"""Databases whose version another program made: they are refused with a line that says how they differ."""

from collections.abc import Callable
from pathlib import Path

import pytest
from backups import Codeactions, the_line
from gotool import SERVICE_TABLES
from migrations import Connection, relations, rows

from codeactions.domain.errors import Error, ErrorCode
from codeactions.node.migrations import DatabaseState, inspect, upgrade

VERSIONS = sorted(int(path.name[:6]) for path in (Path(__file__).parents[2] / "migrations").glob("*.up.sql"))
LATEST = VERSIONS[-1]
# The Go service's own migration 6, in each of its forms: a table, and two indexes.
SECRETS = """
CREATE TABLE secrets (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name varchar(255) NOT NULL, value text NOT NULL,
    project_uuid varchar(255) NOT NULL, UNIQUE (project_uuid, name));
INSERT INTO secrets (name, value, project_uuid) VALUES ('key', 'kept', 'p');
"""
INDEXES = "CREATE INDEX idx_coderuns_id_text ON coderuns ((id::text));"
MISSING = "table codelogs is missing"


def version(number: int, dirty: bool = False) -> str:
    """The statement that records a version."""
    return f"DELETE FROM schema_migrations; INSERT INTO schema_migrations VALUES ({number}, {dirty});"


FOREIGN = {
    "its table of secrets": (SERVICE_TABLES + SECRETS + version(6), "at version 6,", MISSING),
    "its indexes": (SERVICE_TABLES + INDEXES + version(6), "at version 6,", MISSING),
    "its later versions": (SERVICE_TABLES + version(9), "at version 9,", MISSING),
    "a version above ours": (SERVICE_TABLES + version(20240131), "at version 20240131, newer than", " is missing"),
    "indexes that failed": (SERVICE_TABLES + version(6, dirty=True), "dirty at version 6", "another program"),
    "a later one that failed": (SERVICE_TABLES + version(8, dirty=True), "dirty at version 8", MISSING),
    "no version": (SERVICE_TABLES + "DROP TABLE schema_migrations", "has no version", "table codes is there already"),
    "a column less": (
        SERVICE_TABLES + "ALTER TABLE coderuns DROP COLUMN headers",
        "at version 5,",
        "table coderuns has no column headers",
    ),
    "another type": (
        SERVICE_TABLES + "ALTER TABLE codes ALTER COLUMN id TYPE text",
        "at version 5,",
        "column id of table codes is text, not uuid",
    ),
    "a table of its own": (
        SERVICE_TABLES + "CREATE TABLE codelogs (id uuid)",
        "at version 5,",
        "table codelogs is there already",
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_it_is_refused_as_it_is(url: str, database: Connection, codeactions: Codeactions, name: str) -> None:
    made, at, reason = FOREIGN[name]
    database.execute(made.encode())
    before = relations(database)
    with pytest.raises(Error) as caught:
        upgrade(url)
    assert caught.value.code is ErrorCode.CONFLICT
    for text in (at, reason, "`codeactions adopt`"):
        assert text in caught.value.message
    assert inspect(url).message == caught.value.message
    assert caught.value.message in the_line(codeactions("project", "list", DATABASE_URL=url))
    for words in (("up",), ("up", "-dry-run"), ("goto", "7"), ("down", "1")):
        done = codeactions("migrate", *words, DATABASE_URL=url)
        assert done.returncode == 1
        assert "codeactions adopt" in done.stderr
    status = codeactions("migrate", "status", DATABASE_URL=url)
    assert caught.value.message in status.stdout
    assert codeactions("migrate", "status", "-check", DATABASE_URL=url).returncode == 1
    assert relations(database) - before <= {name for name in relations(database) if "schema_migrations" in name}


@pytest.mark.parametrize(
    ("number", "dirty", "texts"), [(7, False, []), (20240131, False, ["newer"]), (7, True, ["dirty", "force"])]
)
def test_a_database_with_no_table_of_ours_is_left_to_its_program(
    url: str, database: Connection, codeactions: Codeactions, number: int, dirty: bool, texts: list[str]
) -> None:
    table = (
        "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); CREATE TABLE orders ();"
    )
    database.execute((table + version(number, dirty)).encode())
    with pytest.raises(Error, match="no table of codeactions is there, so another program keeps its version") as caught:
        upgrade(url)
    for text in ("a database of its own", "`codeactions adopt`", *texts):
        assert text in caught.value.message
    line = the_line(codeactions("adopt", DATABASE_URL=url))
    assert "no table of codeactions is there, so nothing to take over: use a database of its own" in line
    assert rows(database) == [(number, dirty)]
    assert relations(database) == {"schema_migrations", "schema_migrations_pkey", "orders"}


def test_the_version_table_of_another_kind_of_program(url: str, database: Connection, codeactions: Codeactions) -> None:
    database.execute("CREATE TABLE schema_migrations (version varchar PRIMARY KEY)")
    for call in (upgrade, inspect):
        with pytest.raises(Error, match=r"schema_migrations is another program's .*: use a database of its own"):
            call(url)
    assert "another program's" in the_line(codeactions("adopt", DATABASE_URL=url))


@pytest.mark.parametrize("loosely", ["text for varchar", "naive times", "further columns"])
def test_what_the_server_can_work_with_is_taken(url: str, database: Connection, loosely: str) -> None:
    database.execute(SERVICE_TABLES)
    database.execute(
        {
            "text for varchar": "ALTER TABLE codes ALTER COLUMN name TYPE text",
            "naive times": "ALTER TABLE coderuns ALTER COLUMN created_at TYPE timestamp",
            "further columns": "ALTER TABLE codes ADD COLUMN tags jsonb, ADD COLUMN rank int NOT NULL DEFAULT 0",
        }[loosely].encode()
    )
    assert upgrade(url) == LATEST
    assert upgrade(url) == LATEST
    assert inspect(url).state is DatabaseState.CURRENT


@pytest.mark.parametrize(
    ("drop", "told"),
    [
        ("DROP TABLE codelogs", MISSING),
        ("ALTER TABLE audit_log DROP COLUMN details", "table audit_log has no column details"),
        ("DROP TRIGGER codes_notify_change ON codes", "trigger codes_notify_change of table codes is missing"),
    ],
)
def test_our_own_database_that_lost_something_is_refused(url: str, database: Connection, drop: str, told: str) -> None:
    upgrade(url)
    database.execute(drop.encode())
    with pytest.raises(Error) as caught:
        upgrade(url)
    message = f"the database is at version {LATEST}, but {told}: restore a backup, or run `codeactions adopt`"
    assert caught.value.message.startswith(message)
    assert inspect(url).state is DatabaseState.FOREIGN


def test_a_newer_release_of_ours_is_told_from_another_program(
    url: str, database: Connection, codeactions: Codeactions
) -> None:
    upgrade(url)
    database.execute("UPDATE schema_migrations SET version = 9999")
    assert "or run `codeactions adopt` if another program's migrations made this version" in inspect(url).message
    database.execute(
        "INSERT INTO schema_migrations_history (version, title, direction, recorded, done, tool)"
        " VALUES (9999, 'later', 'up', 9999, true, 'codeactions 9.0')"
    )
    assert "adopt" not in inspect(url).message
    assert "start that release" in the_line(codeactions("adopt", DATABASE_URL=url))


def test_the_restore_of_a_foreign_database_says_so(
    url: str, database: Connection, codeactions: Codeactions, new_database: Callable[[], str]
) -> None:
    database.execute((SERVICE_TABLES + SECRETS + version(6)).encode())
    assert codeactions("backup", "b.sql", DATABASE_URL=url).returncode == 0
    done = codeactions("restore", "b.sql", DATABASE_URL=new_database())
    assert done.returncode == 0
    assert "before a server can start: the database is at version 6, but codeactions did not make it so" in done.stderr
