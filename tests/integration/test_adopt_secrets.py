"""`codeactions adopt` and the Go service's table of secrets: its plain values are copied, encrypted, all or none."""

from pathlib import Path

import pytest
from backups import Codeactions, rows, schema
from gotool import SERVICE_TABLES
from integration.test_foreign import LATEST, version
from migrations import Connection

from codeactions.identity.cipher import Cipher
from codeactions.node.migrations import upgrade
from codeactions.node.secret_keys import KeyFile
from codeactions.postgres.project_values import secret_identity

TABLE = """
CREATE TABLE secrets (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name varchar(255) NOT NULL, value text NOT NULL,
    project_uuid varchar(255) NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(), UNIQUE (project_uuid, name));
INSERT INTO secrets (name, value, project_uuid, created_at, updated_at) VALUES
    ('API_KEY', 'the value of it', 'p', '2026-01-02T03:04:05Z', '2026-02-03T04:05:06Z'),
    ('ö ''🐍"', E'line one\\nline ''two'' \\\\ öß🐍', 'p', now(), now()),
    ('API_KEY', 'that of another project', 'q', now(), now());
"""
VALUES = {
    ("p", "API_KEY"): "the value of it",
    ("p", "ö '🐍\""): "line one\nline 'two' \\ öß🐍",
    ("q", "API_KEY"): "that of another project",
}
DROP = "DROP TABLE secrets"


@pytest.fixture
def service(database: Connection) -> Connection:
    """A database of the Go service with secrets."""
    database.execute((SERVICE_TABLES + TABLE + version(6)).encode())
    return database


def decrypted(database: Connection, folder: Path) -> dict[tuple[str, str], str]:
    """The secrets in our table, in clear."""
    cipher = Cipher(KeyFile(folder / "data" / "secret.key"))
    found = database.execute("SELECT id, project_uuid, name, encrypted FROM project_values WHERE kind = 'secret'")
    return {
        (project, name): cipher.decrypt(encrypted, secret_identity(project, name, row_id)).decode()
        for row_id, project, name, encrypted in found
    }


def test_the_values_are_copied_encrypted_and_the_table_stays(
    url: str, service: Connection, codeactions: Codeactions, tmp_path: Path
) -> None:
    before = service.execute("SELECT * FROM secrets ORDER BY id").fetchall()
    done = codeactions("adopt", DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    assert "secrets:  3 secrets of the table secrets are copied, encrypted" in done.stderr.splitlines()
    assert "with its values in plain text" in done.stderr
    assert DROP in done.stderr
    assert "the value of it" not in done.stderr
    assert f"made the key {tmp_path / 'data' / 'secret.key'}, which the server needs" in done.stderr
    assert decrypted(service, tmp_path) == VALUES
    assert service.execute("SELECT * FROM secrets ORDER BY id").fetchall() == before
    times = service.execute(
        "SELECT created_at::text, updated_at::text FROM project_values WHERE project_uuid = 'p' AND name = 'API_KEY'"
    ).fetchone()
    theirs = service.execute(
        "SELECT created_at::text, updated_at::text FROM secrets WHERE project_uuid = 'p' AND name = 'API_KEY'"
    ).fetchone()
    assert times == theirs
    everything = rows(url)
    again = codeactions("adopt", DATABASE_URL=url)
    assert again.returncode == 0
    assert again.stderr.startswith(f"nothing to take over: the database is at version {LATEST}")
    assert DROP in again.stderr
    assert rows(url) == everything


def test_a_dry_run_tells_how_many_and_makes_no_key(
    url: str, service: Connection, codeactions: Codeactions, tmp_path: Path
) -> None:
    before = rows(url), schema(url)
    done = codeactions("adopt", "--dry-run", DATABASE_URL=url)
    assert "secrets:  3 secrets of the table secrets are copied, encrypted" in done.stderr.splitlines()
    assert (rows(url), schema(url)) == before
    assert not (tmp_path / "data").exists()


def test_what_cannot_be_copied_is_named(
    url: str, service: Connection, codeactions: Codeactions, tmp_path: Path
) -> None:
    service.execute(
        "ALTER TABLE secrets ALTER COLUMN value DROP NOT NULL;"
        "INSERT INTO secrets (name, value, project_uuid) VALUES ('EMPTY', '', 'p'), ('NULL', NULL, 'p'),"
        " ('LARGE', repeat('ö', 32769), 'p'), ('LARGEST', repeat('ö', 32768), 'p'), (' ', 'x', 'p'), ('X', 'x', '');"
        "INSERT INTO secrets (name, value, project_uuid) SELECT 'N' || n, 'x', 'many'"
        " FROM generate_series(1001, 1201) n;"
        "INSERT INTO secrets (name, value, project_uuid) SELECT 'N' || n, repeat('x', 65536), 'big'"
        " FROM generate_series(1, 9) n"
    )
    done = codeactions("adopt", DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    for told in (
        "not copied: 'EMPTY' of project 'p', whose value is empty",
        "not copied: 'NULL' of project 'p', of which a part is NULL or no text",
        "not copied: 'LARGE' of project 'p', whose value has 65538 bytes, and 65536 are the most",
        "not copied: ' ' of project 'p', whose name or project is empty",
        "not copied: 'X' of project '', whose name or project is empty",
        "not copied: 'N1201' of project 'many', whose project has 200 values or 524288 bytes of them already",
        "not copied: 'N9' of project 'big', whose project has 200 values or 524288 bytes of them already",
    ):
        assert told in done.stderr
    copied = decrypted(service, tmp_path)
    assert f"{len(copied)} secrets of the table secrets are copied" in done.stderr
    assert len(copied) == 3 + 1 + 200 + 8
    assert copied["p", "LARGEST"] == "ö" * 32768
    again = codeactions("adopt", DATABASE_URL=url)
    assert again.stderr.startswith("nothing to take over")
    assert "not copied: 'EMPTY' of project 'p', whose value is empty" in again.stderr


def test_a_name_that_is_there_already_is_kept_and_told(
    url: str, service: Connection, codeactions: Codeactions, tmp_path: Path
) -> None:
    assert codeactions("adopt", DATABASE_URL=url).returncode == 0
    set_words = ("secret", "set", "API_KEY", "--project", "p")
    assert codeactions(*set_words, DATABASE_URL=url, input="a newer value").returncode == 0
    service.execute("INSERT INTO secrets (name, value, project_uuid) VALUES ('LATER', 'a later one', 'p')")
    done = codeactions("adopt", DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    assert "secrets:  1 secrets of the table secrets are copied, encrypted" in done.stderr
    assert "not copied, since the project has this name already: 'API_KEY' of project 'p'" in done.stderr
    newer = {("p", "API_KEY"): "a newer value", ("p", "LATER"): "a later one"}
    assert decrypted(service, tmp_path) == {**VALUES, **newer}


def test_secrets_of_a_database_that_was_upgraded_before_are_copied_too(
    url: str, service: Connection, codeactions: Codeactions, tmp_path: Path
) -> None:
    service.execute(version(5).encode())
    upgrade(url)
    assert codeactions("adopt", DATABASE_URL=url).returncode == 0
    assert decrypted(service, tmp_path) == VALUES


def test_a_failure_leaves_everything_as_it_was(url: str, service: Connection, codeactions: Codeactions) -> None:
    # Our table gets this name for its index.
    service.execute("CREATE TABLE idx_project_values_unique_project_name ()")
    before = rows(url), schema(url)
    done = codeactions("adopt", DATABASE_URL=url)
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr.splitlines()[-1]
    assert (rows(url), schema(url)) == before


def test_a_copy_that_fails_takes_the_migrations_back(url: str, service: Connection, codeactions: Codeactions) -> None:
    service.execute("ALTER TABLE secrets ALTER COLUMN project_uuid TYPE text, ADD COLUMN bad text")
    service.execute("ALTER TABLE secrets DROP COLUMN created_at; ALTER TABLE secrets RENAME COLUMN bad TO created_at")
    service.execute("UPDATE secrets SET created_at = 'no time' WHERE project_uuid = 'q'")
    before = rows(url), schema(url)
    done = codeactions("adopt", DATABASE_URL=url)
    assert done.returncode == 1
    assert "copying rows failed: " in done.stderr.splitlines()[-1]
    assert (rows(url), schema(url)) == before


def test_another_key_than_that_of_the_database_is_refused(
    url: str, service: Connection, codeactions: Codeactions
) -> None:
    assert codeactions("adopt", DATABASE_URL=url).returncode == 0
    service.execute("INSERT INTO secrets (name, value, project_uuid) VALUES ('LATER', 'a later one', 'p')")
    before = rows(url)
    done = codeactions("adopt", DATABASE_URL=url, CODEACTIONS_SECRET_KEY="another key of 16 or more")
    assert done.returncode == 1
    assert "are not encrypted with CODEACTIONS_SECRET_KEY" in done.stderr.splitlines()[-1]
    assert rows(url) == before


def test_a_table_of_that_name_with_another_shape_is_left_alone(
    url: str, database: Connection, codeactions: Codeactions
) -> None:
    database.execute((SERVICE_TABLES + "CREATE TABLE secrets (id uuid, key text);" + version(6)).encode())
    done = codeactions("adopt", DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    assert "          secrets, which this server does not use" in done.stderr.splitlines()
    assert DROP not in done.stderr


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_the_encoding_of_the_connection_changes_nothing(
    url: str, service: Connection, codeactions: Codeactions, tmp_path: Path, encoding: str
) -> None:
    service.execute("DELETE FROM secrets WHERE name LIKE 'ö%'")
    service.execute("UPDATE secrets SET value = 'größer' WHERE project_uuid = 'p'")
    done = codeactions("adopt", DATABASE_URL=f"{url}&client_encoding={encoding}")
    assert done.returncode == 0, done.stderr
    assert decrypted(service, tmp_path)["p", "API_KEY"] == "größer"


def test_columns_may_have_other_types(url: str, service: Connection, codeactions: Codeactions, tmp_path: Path) -> None:
    project = "0198c0de-0000-7000-8000-000000000001"
    service.execute(
        f"UPDATE secrets SET project_uuid = '{project}', name = length(value);"
        "ALTER TABLE secrets ALTER COLUMN project_uuid TYPE uuid USING project_uuid::uuid,"
        " ALTER COLUMN name TYPE integer USING name::integer, ALTER COLUMN value TYPE jsonb USING to_jsonb(value)"
    )
    done = codeactions("adopt", DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    copied = decrypted(service, tmp_path)
    assert copied[project, "15"] == '"the value of it"'
    assert len(copied) == 3
    assert codeactions("adopt", DATABASE_URL=url).stderr.startswith("nothing to take over")


def test_a_table_that_cannot_be_read_is_told_in_one_line(
    url: str, service: Connection, codeactions: Codeactions
) -> None:
    service.execute(
        "ALTER TABLE secrets RENAME TO hidden;"
        "CREATE VIEW secrets AS SELECT id, name, project_uuid, (1 / (length(value) - length(value)))::text AS value"
        " FROM hidden"
    )
    before = rows(url), schema(url)
    done = codeactions("adopt", DATABASE_URL=url)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "division by zero" in done.stderr.splitlines()[-1]
    assert (rows(url), schema(url)) == before
