"""What happens beside `codeactions adopt`: it is killed, another one runs, a server starts."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from backups import COMMAND, Codeactions, rows, schema
from gotool import SERVICE_TABLES
from harness import clean_environment
from integration.test_foreign import LATEST, SECRETS, version
from migrations import Connection, background, wait_for
from migrations import rows as versions

from codeactions.migrate import adoption, api
from codeactions.migrate.about import APPLICATION
from codeactions.migrate.database.lock_sql import try_advisory_lock
from codeactions.migrate.errors import MigrationError
from codeactions.node.migrations import OWNER, PROGRAM, find_directory

# Seconds for what waits on purpose, on a busy machine too.
PATIENCE = 120.0


def at(database: Connection, condition: str) -> int:
    """How many of our sessions are at such a statement."""
    ours = f"datname = current_database() AND application_name = '{APPLICATION}'"
    [(count,)] = database.execute(f"SELECT count(*) FROM pg_stat_activity WHERE {ours} AND {condition}".encode())
    return int(count)


@contextmanager
def in_use(url: str, table: str) -> Iterator[None]:
    """Another program writes to a table."""
    with psycopg.connect(url) as other:
        other.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE".encode())
        yield


# Before its transaction, for which the version's table is asked for again and again, and in the middle of it.
@pytest.mark.parametrize(
    ("table", "waiting"), [("schema_migrations", "query = 'ROLLBACK'"), ("codes", "wait_event_type = 'Lock'")]
)
def test_kill_9_changes_nothing(
    url: str, database: Connection, codeactions: Codeactions, tmp_path: Path, table: str, waiting: str
) -> None:
    database.execute((SERVICE_TABLES + SECRETS + version(6)).encode())
    before = rows(url), schema(url)
    with in_use(url, table):
        command = [*COMMAND, "adopt", "--yes"]
        environment = clean_environment(DATABASE_URL=url, CODEACTIONS_DATA_DIR=str(tmp_path / "data"))
        with subprocess.Popen(command, env=environment, cwd=tmp_path) as process:
            try:
                wait_for(lambda: at(database, waiting))
            finally:
                process.kill()
    # A statement that was going on is done to its end.
    wait_for(lambda: at(database, "true") == 0)
    assert (rows(url), schema(url)) == before
    assert codeactions("adopt", DATABASE_URL=url).returncode == 0
    assert versions(database) == [(LATEST, False)]


def test_a_second_one_and_a_server_at_its_start_wait_for_the_first(
    url: str, database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "LOCK_TIMEOUT", PATIENCE)
    monkeypatch.setattr(adoption, "PATIENCE", PATIENCE)
    database.execute((SERVICE_TABLES + SECRETS + version(6)).encode())
    folder = find_directory()
    planned = api.plan_adoption(url, folder, OWNER, program=PROGRAM)
    asking = try_advisory_lock(0).partition("(")[0]
    with psycopg.connect(url) as other, ExitStack() as stack:
        other.execute("LOCK TABLE codes IN ROW EXCLUSIVE MODE")
        first = stack.enter_context(background(lambda: api.adopt(url, folder, OWNER, planned, program=PROGRAM)))
        stack.callback(other.rollback)
        wait_for(lambda: at(database, "wait_event_type = 'Lock'"))  # with the lock that the others want
        second = stack.enter_context(background(lambda: api.adopt(url, folder, OWNER, planned, program=PROGRAM)))
        server = stack.enter_context(background(lambda: api.upgrade(url, folder, owner=OWNER, lock_timeout=PATIENCE)))
        stack.callback(other.rollback)
        wait_for(lambda: at(database, f"query ~ '{asking}'") == 2)
    told = second.exception()
    assert (first.exception(), server.result()) == (None, LATEST)
    assert isinstance(told, MigrationError)
    assert told.message == "the database has changed meanwhile: run `codeactions adopt` again"
    assert versions(database) == [(LATEST, False)]
    assert len(rows(url)["secrets"]) == 1
