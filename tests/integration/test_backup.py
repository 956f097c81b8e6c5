"""`codeactions backup` and `restore` on real databases: everything comes back."""

import os
import pwd
import re
import stat
from pathlib import Path

import psycopg
import pytest
from backups import Codeactions, NewDatabase, fill, names_in, rows, schema, the_line

from codeactions.migrate import api
from codeactions.node.migrations import upgrade
from codeactions.postgres.embedded.cluster import processes_in
from codeactions.postgres.embedded.server import EmbeddedPostgres

TABLES = ("codes", "codelibs", "coderuns", "codelogs", "projects", "user_permissions", "schema_migrations")


def test_everything_comes_back(
    filled: str, new_database: NewDatabase, codeactions: Codeactions, tmp_path: Path
) -> None:
    done = codeactions("backup", DATABASE_URL=filled)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    [name] = names_in(tmp_path)
    assert re.fullmatch(r"codeactions-\d{8}-\d{6}\.sql", name)
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    version = upgrade(filled)
    assert f"at version {version} to {name}" in done.stderr

    empty = new_database()
    done = codeactions("restore", name, "--database-url", empty)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert f"at version {version}" in done.stderr
    assert "start the server with `codeactions serve` (with the same --database-url)" in done.stderr
    assert set(TABLES) <= set(rows(empty))
    assert rows(empty) == rows(filled)
    assert schema(empty) == schema(filled)
    applied: list[str] = []
    assert upgrade(empty, progress=applied.append) == version
    assert applied == []


def test_an_older_backup_says_that_migrations_come(
    new_database: NewDatabase, codeactions: Codeactions, tmp_path: Path
) -> None:
    old = tmp_path / "old"
    old.mkdir()
    for file in (Path(__file__).parents[2] / "migrations").glob("00000[1-6]*.sql"):
        (old / file.name).write_bytes(file.read_bytes())
    source, empty = new_database(), new_database()
    api.upgrade(source, old)
    assert codeactions("backup", "old.sql", DATABASE_URL=source).returncode == 0
    done = codeactions("restore", "old.sql", DATABASE_URL=empty)
    assert done.returncode == 0
    assert "at version 6" in done.stderr
    assert f"it will bring the schema to version {upgrade(empty)}" in done.stderr


def test_it_goes_through_pipes_and_names_the_program_when_asked(
    filled: str, new_database: NewDatabase, codeactions: Codeactions
) -> None:
    done = codeactions("backup", "-", "-v", DATABASE_URL=filled, text=False)
    assert done.returncode == 0
    assert b"pg_dump (PostgreSQL) " in done.stderr
    empty = new_database()
    again = codeactions("restore", "-", "--verbose", DATABASE_URL=empty, text=False, input=done.stdout)
    assert again.returncode == 0, again.stderr
    assert b"psql (PostgreSQL) " in again.stderr
    assert rows(empty) == rows(filled)


def test_owners_and_grants_stay_behind(
    postgres: EmbeddedPostgres, filled: str, new_database: NewDatabase, codeactions: Codeactions
) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute(
            "CREATE ROLE backup_owner LOGIN; CREATE ROLE backup_reader; ALTER TABLE codes OWNER TO backup_owner"
        )
        connection.execute("GRANT SELECT ON coderuns TO backup_reader; GRANT CREATE ON SCHEMA public TO backup_owner")
    try:
        text = codeactions("backup", "-", DATABASE_URL=filled).stdout
        assert "backup_owner" not in text
        assert "backup_reader" not in text
        empty = new_database()
        with psycopg.connect(empty, autocommit=True) as connection:
            connection.execute("GRANT CREATE ON SCHEMA public TO backup_owner")
        done = codeactions("restore", "-", DATABASE_URL=empty.replace("postgres@", "backup_owner@"), input=text)
        assert done.returncode == 0, done.stderr
        assert rows(empty) == rows(filled)
    finally:
        for url in (filled, empty):
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("DROP OWNED BY backup_owner, backup_reader CASCADE")
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("DROP ROLE backup_owner, backup_reader")


def test_settings_for_go_and_for_migrations_may_be_in_the_url(
    new_database: NewDatabase, codeactions: Codeactions
) -> None:
    more = "&search_path=odd&x-migrations-table=versions&application_name=mine&options=-c%20work_mem%3D1MB"
    source, empty = new_database(), new_database()
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA odd")
    fill_url = source + more
    version = upgrade(fill_url)
    done = codeactions("backup", "-", DATABASE_URL=fill_url)
    assert done.returncode == 0, done.stderr
    done = codeactions("restore", "-", DATABASE_URL=empty + more, input=done.stdout)
    assert done.returncode == 0, done.stderr
    assert f"at version {version}" in done.stderr
    assert rows(empty) == rows(source)
    assert "versions" in rows(empty)
    assert schema(empty) == schema(source)


@pytest.fixture
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a database that no server runs on."""
    folder = tmp_path_factory.mktemp("data")
    embedded = EmbeddedPostgres(folder)
    embedded.start()
    try:
        fill(embedded.url)
    finally:
        embedded.stop()
    return folder


def test_the_embedded_database_is_started_for_it_and_stopped_again(
    data_dir: Path, codeactions: Codeactions, tmp_path: Path
) -> None:
    done = codeactions("backup", "b.sql", CODEACTIONS_DATA_DIR=data_dir)
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert processes_in(data_dir / "postgres") == []
    done = codeactions("restore", "b.sql", "--data-dir", tmp_path / "new", CODEACTIONS_DATA_DIR=data_dir)
    assert done.returncode == 0, done.stderr
    assert processes_in(tmp_path / "new" / "postgres") == []
    first, second = EmbeddedPostgres(data_dir), EmbeddedPostgres(tmp_path / "new")
    try:
        first.start()
        second.start()
        assert rows(second.url) == rows(first.url)
        assert schema(second.url) == schema(first.url)
        # While a server has it: the backup goes to that one, a restore does not.
        done = codeactions("backup", "running.sql", CODEACTIONS_DATA_DIR=data_dir)
        assert done.returncode == 0, done.stderr
        assert first.is_running()
        line = the_line(codeactions("restore", "b.sql", CODEACTIONS_DATA_DIR=data_dir))
        assert "is in use by process" in line
    finally:
        first.stop()
        second.stop()
    assert "not empty" in the_line(codeactions("restore", "b.sql", CODEACTIONS_DATA_DIR=data_dir))


def test_a_folder_without_a_database_stays_so(codeactions: Codeactions, tmp_path: Path) -> None:
    line = the_line(codeactions("backup", CODEACTIONS_DATA_DIR=tmp_path / "none"))
    assert f"there is no database in {tmp_path / 'none'}" in line
    assert names_in(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_does_not_take_another_users_database_away(data_dir: Path, codeactions: Codeactions) -> None:
    other = pwd.getpwnam("nobody").pw_uid
    for path in [data_dir, *data_dir.rglob("*")]:
        os.chown(path, other, -1, follow_symlinks=False)
    for words in (("backup",), ("restore", __file__)):
        line = the_line(codeactions(*words, CODEACTIONS_DATA_DIR=data_dir))
        assert f"belongs to uid {other}: run this as that user" in line or "is no backup" in line
    assert (data_dir / "postgres").stat().st_uid == other
