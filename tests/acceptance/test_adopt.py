"""A database of the Go service at a version of its own: refused, taken over, served, and watched for missing tables."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from acceptance.test_migrate_service import OLD_CODE, ROWS, check
from backups import COMMAND
from gotool import SERVICE_TABLES
from harness import Server, clean_environment
from integration.test_foreign import SECRETS, version

Connection = psycopg.Connection[Any]


def test_from_the_refusal_to_the_first_call(
    new_server: Callable[..., Server], database_url: str, database: Connection
) -> None:
    database.execute((SERVICE_TABLES + SECRETS + version(6)).encode())
    database.execute(ROWS.encode())
    server = new_server(database_url=database_url)
    with pytest.raises(AssertionError, match="ended while starting"):
        server.start()
    [line] = [line for line in server.output if line.startswith("codeactions: ")]
    assert "version 6, but codeactions did not make it so: table codelogs is missing" in line
    assert "`codeactions adopt`" in line
    environment = clean_environment(DATABASE_URL=database_url, CODEACTIONS_DATA_DIR=str(server.data_dir))
    done = subprocess.run([*COMMAND, "adopt", "--yes"], env=environment, timeout=60)
    assert done.returncode == 0
    server = new_server(database_url=database_url).start()
    check(server)
    assert server.healthy()
    assert database.execute("SELECT name, value FROM secrets").fetchall() == [("key", "kept")]
    assert server.client.get(f"/code/{OLD_CODE}").status_code == 200


@pytest.mark.parametrize(
    ("change", "undo"),
    [
        ("ALTER TABLE codelogs RENAME TO gone", "ALTER TABLE gone RENAME TO codelogs"),
        ("ALTER TABLE coderuns RENAME TO gone", "ALTER TABLE gone RENAME TO coderuns"),
        ("ALTER TABLE schema_migrations RENAME TO gone", "ALTER TABLE gone RENAME TO schema_migrations"),
        ("ALTER TABLE codes RENAME COLUMN url TO gone", "ALTER TABLE codes RENAME COLUMN gone TO url"),
    ],
)
def test_a_server_is_not_healthy_while_something_is_missing(
    server: Server, database_of_server: str, change: str, undo: str
) -> None:
    with psycopg.connect(database_of_server, autocommit=True) as connection:
        connection.execute(change.encode())
        try:
            answer = server.client.get("/health")
            assert answer.status_code == 503
            assert answer.json()["status"] == "failing"
            database = answer.json()["parts"]["database"]
            assert database["state"] == "down"
            assert "is missing" in json.dumps(database) or "has no column url" in json.dumps(database)
        finally:
            connection.execute(undo.encode())
    assert server.healthy()
