"""`codeactions adopt`: all that is there stays, and what is missing is added in one transaction, or nothing is."""

import re
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
from backups import COMMAND, Codeactions, rows, schema, the_line
from gotool import SERVICE_TABLES
from harness import clean_environment, wait_until
from integration.test_foreign import FOREIGN, INDEXES, LATEST, SECRETS, VERSIONS, version
from migrations import Connection
from migrations import rows as versions
from terminals import WITH_TERMINAL, Terminal

from codeactions.migrate.database.lock_sql import release_advisory_lock, try_advisory_lock
from codeactions.migrate.database.session import opened
from codeactions.node.migrations import DatabaseState, inspect, upgrade

CANNOT = {"a column less", "another type", "a table of its own"}
FIVE = ("codes", "codelibs", "coderuns", "user_permissions", "projects")
ROWS = """
INSERT INTO codes (id, name, type, source, language, project_uuid)
VALUES ('6a1d8f0e-0000-4000-8000-000000000001', 'old', 'flow', 'x', 'python', 'p');
INSERT INTO coderuns (id, code_id, status) VALUES (gen_random_uuid(), '6a1d8f0e-0000-4000-8000-000000000001', 'failed');
"""


def content(database: Connection, table: str) -> list[dict[str, Any]]:
    """Every row of a table. Later migrations may add columns to it."""
    return [row for (row,) in database.execute(f"SELECT to_jsonb(t) FROM {table} AS t ORDER BY id".encode())]


@pytest.mark.parametrize("name", [name for name in FOREIGN if name not in CANNOT])
def test_it_becomes_ours_and_keeps_its_rows(
    url: str, database: Connection, codeactions: Codeactions, name: str
) -> None:
    database.execute((FOREIGN[name][0] + ";" + ROWS).encode())
    tables = [*FIVE, "secrets"] if "secrets" in FOREIGN[name][0] else FIVE
    before = {table: content(database, table) for table in tables}
    done = codeactions("adopt", DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    assert f"the database is at version {LATEST}" in done.stderr
    for table, there in before.items():
        kept = [{name: row[name] for name in old} for old, row in zip(there, content(database, table), strict=True)]
        assert kept == there, table
    after = rows(url)
    assert versions(database) == [(LATEST, False)]
    assert inspect(url).state is DatabaseState.CURRENT
    assert upgrade(url) == LATEST
    assert codeactions("project", "list", DATABASE_URL=url).returncode == 0
    status = codeactions("migrate", "status", "-check", DATABASE_URL=url)
    assert status.returncode == 0, status.stdout
    assert f"({len(VERSIONS)} applied)" in status.stdout
    again = codeactions("adopt", DATABASE_URL=url)
    nothing = f"nothing to take over: the database is at version {LATEST}, and everything is there"
    assert (again.returncode, again.stderr.splitlines()[0]) == (0, nothing)
    assert ("DROP TABLE secrets" in again.stderr) == ("secrets" in tables)
    assert rows(url) == after


def test_the_schema_is_that_of_a_database_that_was_upgraded(
    url: str, database: Connection, codeactions: Codeactions
) -> None:
    database.execute(SERVICE_TABLES)
    upgrade(url)
    upgraded = schema(url)
    database.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    database.execute((SERVICE_TABLES + version(6)).encode())
    assert codeactions("adopt", DATABASE_URL=url).returncode == 0
    assert schema(url) == upgraded


def test_the_history_has_the_takeover_what_was_there_and_what_was_added(
    url: str, database: Connection, codeactions: Codeactions
) -> None:
    database.execute((SERVICE_TABLES + SECRETS + version(6)).encode())
    assert codeactions("adopt", DATABASE_URL=url).returncode == 0
    found = database.execute(
        "SELECT version, direction, recorded, done, split_part(tool, ' ', 1), tool LIKE '%(adopt)'"
        " FROM schema_migrations_history ORDER BY id"
    ).fetchall()
    assert found == [
        (6, "force", LATEST, True, "codeactions", True),
        *((number, "up", LATEST, True, "unknown", False) for number in range(1, 6)),
        *((number, "up", LATEST, True, "codeactions", False) for number in VERSIONS if number >= 6),
    ]


@pytest.mark.parametrize("name", sorted(CANNOT))
def test_another_shape_is_named_and_nothing_is_changed(
    url: str, database: Connection, codeactions: Codeactions, name: str
) -> None:
    database.execute((FOREIGN[name][0] + ";" + ROWS).encode())
    before = rows(url), schema(url)
    line = the_line(codeactions("adopt", DATABASE_URL=url))
    assert "cannot be taken over, since a part of it has another shape: " in line
    assert {"a table of its own": "table codelogs has no column"}.get(name, FOREIGN[name][2]) in line
    assert (rows(url), schema(url)) == before


def test_a_dry_run_only_says_what_would_be_done(url: str, database: Connection, codeactions: Codeactions) -> None:
    database.execute((SERVICE_TABLES + SECRETS + version(6) + "CREATE TABLE other ();").encode())
    before = rows(url), schema(url)
    done = codeactions("adopt", "--dry-run", DATABASE_URL=url)
    assert done.returncode == 0
    said = done.stderr.splitlines()
    assert "now:      version 6" in said
    assert "          other, which this server does not use" in said
    assert "secrets:  1 secrets of the table secrets are copied, encrypted" in said
    assert "applied:  6 create_codelogs_table" in said
    assert f"recorded: version {LATEST}" in said
    assert (rows(url), schema(url)) == before


@pytest.mark.parametrize("recorded", [version(6), "DROP TABLE schema_migrations;"])
def test_a_failure_in_between_leaves_everything_as_it_was(
    url: str, database: Connection, codeactions: Codeactions, recorded: str
) -> None:
    # The name that an index of a later migration gets.
    database.execute((SERVICE_TABLES + SECRETS + recorded + "CREATE TABLE idx_audit_log_at ();").encode())
    before = rows(url), schema(url)
    line = codeactions("adopt", DATABASE_URL=url).stderr.splitlines()[-1]
    assert re.search(
        r'migration 12/u create_audit_log_table failed: .*"idx_audit_log_at" already exists; nothing', line
    )
    assert (rows(url), schema(url)) == before
    database.execute("DROP TABLE idx_audit_log_at")
    assert codeactions("adopt", DATABASE_URL=url).returncode == 0


def test_a_table_that_our_own_database_lost_is_made_anew(
    url: str, database: Connection, codeactions: Codeactions
) -> None:
    upgrade(url)
    complete = schema(url)
    database.execute("DROP TABLE codelogs; DROP TABLE identity_events")
    assert codeactions("adopt", DATABASE_URL=url).returncode == 0
    assert schema(url) == complete, "with what later migrations did to it"
    database.execute("DROP TABLE code_protections")
    line = the_line(codeactions("adopt", DATABASE_URL=url))
    assert "table code_protections is missing, but function code_protections_notify_change is there" in line


def test_an_empty_database_is_not_taken_over(url: str, database: Connection, codeactions: Codeactions) -> None:
    assert "start the server, which fills it" in the_line(codeactions("adopt", DATABASE_URL=url))
    assert rows(url) == {}


def test_a_step_of_ours_that_is_not_finished_is_for_a_human(
    url: str, database: Connection, codeactions: Codeactions
) -> None:
    upgrade(url)
    database.execute("UPDATE schema_migrations SET dirty = true")
    database.execute("UPDATE schema_migrations_history SET done = false WHERE version = %s", (LATEST,))
    assert f"`codeactions migrate force {LATEST}`" in the_line(codeactions("adopt", DATABASE_URL=url))


def test_other_programs_that_are_connected_are_named(url: str, database: Connection, codeactions: Codeactions) -> None:
    database.execute((SERVICE_TABLES + INDEXES + version(6)).encode())
    with psycopg.connect(url, application_name="flows") as other:
        said = codeactions("adopt", "--dry-run", DATABASE_URL=url).stderr
        assert f"flows (pid {other.info.backend_pid})" in said
        assert "Stop those that write here" in said


def test_another_migration_is_waited_for(url: str, database: Connection, codeactions: Codeactions) -> None:
    database.execute((SERVICE_TABLES + version(6)).encode())
    with opened(url) as session:
        key = session.lock.key  # type: ignore[attr-defined]
    database.execute(try_advisory_lock(key).encode())
    assert "another migration is running" in codeactions("adopt", DATABASE_URL=url).stderr.splitlines()[-1]
    database.execute(release_advisory_lock(key).encode())
    assert codeactions("adopt", DATABASE_URL=url).returncode == 0


@pytest.mark.parametrize(("answer", "adopted"), [("y\r", True), ("\r", False), ("no\r", False)])
def test_a_human_is_asked(url: str, database: Connection, tmp_path: Path, answer: str, adopted: bool) -> None:
    database.execute((SERVICE_TABLES + version(6)).encode())
    with Terminal() as terminal:
        process = subprocess.Popen(
            [*WITH_TERMINAL, *COMMAND, "adopt"],
            env=clean_environment(DATABASE_URL=url),
            stdin=terminal.slave,
            stdout=terminal.slave,
            stderr=terminal.slave,
            cwd=tmp_path,
        )
        terminal.wait_for("Take this database over? [y/N]")
        terminal.type(answer)
        assert process.wait(60) == (0 if adopted else 1)
        wait_until(lambda: f"at version {LATEST}" in terminal.seen or "nothing was changed" in terminal.seen)
    assert versions(database) == [(LATEST if adopted else 6, False)]
