"""Where a backup or a restore cannot be made: one line that says why, and nothing has happened."""

import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from backups import (
    COMMAND,
    PASSWORD,
    Codeactions,
    NewDatabase,
    is_empty,
    names_in,
    rows,
    the_line,
)
from harness import clean_environment, wait_until
from integration.embedded_postgres.servers import ON_A_SMALL_DISK, as_root


@pytest.fixture
def backup(filled: str, codeactions: Codeactions, tmp_path: Path) -> bytes:
    """A backup of it."""
    done = codeactions("backup", "of-filled.sql", DATABASE_URL=filled)
    assert done.returncode == 0, done.stderr
    return (tmp_path / "of-filled.sql").read_bytes()


def test_a_database_that_holds_anything_is_left_as_it_is(
    backup: bytes, new_database: NewDatabase, codeactions: Codeactions, filled: str
) -> None:
    assert backup
    before = rows(filled)
    line = the_line(codeactions("restore", "of-filled.sql", DATABASE_URL=filled))
    assert "not empty (public.api_tokens, public.audit_log, public.code_protections" in line
    assert "a new data folder or a new database" in line
    assert rows(filled) == before
    other = new_database()
    with psycopg.connect(other, autocommit=True) as connection:
        connection.execute('CREATE SCHEMA elsewhere; CREATE VIEW elsewhere."A view" AS SELECT 1')
    assert '(elsewhere."A view")' in the_line(codeactions("restore", "of-filled.sql", DATABASE_URL=other))


def test_a_database_with_a_server_on_it_is_refused(
    backup: bytes, new_database: NewDatabase, codeactions: Codeactions
) -> None:
    assert backup
    empty = new_database()
    with psycopg.connect(empty, application_name="codeactions"):
        line = the_line(codeactions("restore", "of-filled.sql", DATABASE_URL=empty))
    assert "a codeactions server (backend " in line
    assert is_empty(empty)


def test_an_empty_database_is_not_backed_up(
    new_database: NewDatabase, codeactions: Codeactions, tmp_path: Path
) -> None:
    assert "nothing to back up" in the_line(codeactions("backup", DATABASE_URL=new_database()))
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("part", [0.0, 0.02, 0.5, 0.95])
def test_a_backup_without_its_end_restores_nothing(
    backup: bytes, new_database: NewDatabase, codeactions: Codeactions, tmp_path: Path, part: float
) -> None:
    end = int(len(backup) * part) if part else len(backup) - len(b"-- PostgreSQL database dump complete\n--\n") - 100
    (tmp_path / "part.sql").write_bytes(backup[:end])
    empty = new_database()
    line = the_line(codeactions("restore", "part.sql", DATABASE_URL=empty))
    assert "part.sql is not a whole backup" in line
    assert is_empty(empty)


def test_a_statement_that_fails_restores_nothing(
    backup: bytes, new_database: NewDatabase, codeactions: Codeactions, tmp_path: Path
) -> None:
    place = backup.index(b"CREATE INDEX")
    (tmp_path / "bad.sql").write_bytes(backup[:place] + b"SELECT 1/0;\n" + backup[place:])
    number = backup[:place].count(b"\n") + 1
    empty = new_database()
    line = the_line(codeactions("restore", "bad.sql", DATABASE_URL=empty))
    assert f"nothing was restored: line {number}: ERROR: division by zero (by " in line
    assert "psql (PostgreSQL)" in line
    assert is_empty(empty)


def test_a_file_that_ends_psql_restores_nothing(
    backup: bytes, new_database: NewDatabase, codeactions: Codeactions, tmp_path: Path
) -> None:
    text = re.sub(rb"(?m)^\\(un)?restrict .*$", b"", backup)  # as of an older pg_dump
    place = text.index(b"CREATE INDEX")
    (tmp_path / "quits.sql").write_bytes(text[:place] + b"\\q\n" + b"-- padding\n" * 100_000 + text[place:])
    empty = new_database()
    line = the_line(codeactions("restore", "quits.sql", DATABASE_URL=empty))
    assert "nothing was restored: it ended with 0" in line
    assert is_empty(empty)


def test_what_is_no_backup_is_refused_before_anything_is_made(codeactions: Codeactions, tmp_path: Path) -> None:
    (tmp_path / "empty.sql").touch()
    (tmp_path / "custom").write_bytes(b"PGDMP\x01\x0e" + bytes(5000))
    (tmp_path / "other.sql").write_text("CREATE TABLE t ();\n" * 500)
    (tmp_path / "all.sql").write_text("--\n-- PostgreSQL database cluster dump\n--\n")
    before = names_in(tmp_path)
    for name in before:
        line = the_line(codeactions("restore", name, "--data-dir", "elsewhere"))
        assert f"codeactions: {name} is no backup" in line
        assert "elsewhere" not in line, "a word for the program is no command to type"
    line = the_line(codeactions("restore", "absent.sql", CODEACTIONS_DATA_DIR=tmp_path / "data"))
    assert "absent.sql cannot be read: No such file or directory" in line
    assert "cannot be read: Is a directory" in the_line(codeactions("restore", tmp_path))
    assert names_in(tmp_path) == before


def test_killed_in_the_middle_a_restore_leaves_the_database_empty(
    backup: bytes, new_database: NewDatabase, tmp_path: Path
) -> None:
    empty = new_database()
    command = [*COMMAND, "restore", "-"]
    # So much, in the middle, that psql has the first table's rows before it waits for more.
    place = backup.index(b"CREATE INDEX")
    text = backup[:place] + b"-- padding\n" * 100_000
    states = "SELECT state FROM pg_stat_activity WHERE application_name = 'codeactions restore'"
    with (
        psycopg.connect(empty, autocommit=True) as connection,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, env=clean_environment(DATABASE_URL=empty), cwd=tmp_path
        ) as process,
    ):
        try:
            assert process.stdin
            process.stdin.write(text)
            process.stdin.flush()
            wait_until(lambda: connection.execute(states).fetchall() == [("idle in transaction",)], 30)
        finally:
            process.kill()
        wait_until(lambda: connection.execute(states).fetchone() is None, 30)
    assert is_empty(empty)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_in_the_middle_a_backup_leaves_no_file_of_that_name(
    filled: str, tmp_path: Path, number: signal.Signals
) -> None:
    command = [*COMMAND, "backup", "b.sql"]
    with psycopg.connect(filled) as connection:
        connection.execute("LOCK TABLE coderuns")  # pg_dump waits for it
        process = subprocess.Popen(
            command, env=clean_environment(DATABASE_URL=filled), cwd=tmp_path, stderr=subprocess.PIPE
        )
        with psycopg.connect(filled, autocommit=True) as other:
            who = "SELECT wait_event_type FROM pg_stat_activity WHERE application_name = 'codeactions backup'"
            wait_until(lambda: other.execute(who).fetchall() == [("Lock",)], 30)
            [name] = names_in(tmp_path)
            assert name.startswith(".codeactions-")
            process.send_signal(number)
            process.communicate(timeout=30)
            assert process.returncode != 0
    left = names_in(tmp_path)
    assert left == ([name] if number == signal.SIGKILL else [])


def test_a_disk_that_is_full_leaves_no_file(filled: str, codeactions: Codeactions, tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    line = the_line(codeactions("backup", "b.sql", DATABASE_URL=filled, preexec_fn=limit))
    assert "b.sql cannot be written: File too large" in line
    assert names_in(tmp_path) == []
    with open("/dev/full", "wb") as full:
        done = codeactions(
            "backup", "-", DATABASE_URL=filled, capture_output=False, stdout=full, stderr=subprocess.PIPE
        )
    assert "standard output cannot be written: No space left on device" in the_line(done)


@as_root
@pytest.mark.parametrize(
    "statement",
    [
        # Its log of changes finds no space: PostgreSQL ends, and psql hears nothing of the reason.
        "SELECT count(pg_logical_emit_message(false, '', repeat('x', 1000000))) FROM generate_series(1, 200)",
        # A table finds no space.
        "CREATE UNLOGGED TABLE large AS SELECT repeat('x', 1000) FROM generate_series(1, 200000)",
    ],
)
def test_a_disk_that_is_full_when_restoring_is_named(tmp_path: Path, statement: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    begin, end = "-- PostgreSQL database dump\n", "\n--\n-- PostgreSQL database dump complete\n--\n"
    (tmp_path / "large.sql").write_text(f"{begin}\n{statement};\n{end}")
    small = [sys.executable, "-c", ON_A_SMALL_DISK, str(folder), "80m"]
    restore = [*small, *COMMAND, "restore", "large.sql", "--data-dir", str(folder)]
    done = subprocess.run(restore, env=clean_environment(), cwd=tmp_path, stderr=subprocess.PIPE, text=True, timeout=60)
    assert f"The disk that holds {folder} is full: free some space" in the_line(done)


def test_a_reader_that_goes_away_is_one_line(filled: str, codeactions: Codeactions) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as pipe:
        done = codeactions(
            "backup", "-", DATABASE_URL=filled, capture_output=False, stdout=pipe, stderr=subprocess.PIPE
        )
    assert "standard output cannot be written: Broken pipe" in the_line(done)


def test_a_closed_output_is_one_line(filled: str, codeactions: Codeactions) -> None:
    done = codeactions("backup", "-", DATABASE_URL=filled, preexec_fn=lambda: os.close(1))
    assert "standard output is closed" in the_line(done)


def test_no_file_is_ever_overwritten(filled: str, codeactions: Codeactions, tmp_path: Path) -> None:
    (tmp_path / "mine.sql").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("mine.sql", "dangling", "."):
        assert f"{name} exists already" in the_line(codeactions("backup", name, DATABASE_URL=filled))
    assert "no/such.sql cannot be written: No such file" in the_line(
        codeactions("backup", "no/such.sql", DATABASE_URL=filled)
    )
    assert names_in(tmp_path) == ["dangling", "mine.sql"]
    assert (tmp_path / "mine.sql").read_text() == "mine"


def test_a_file_that_comes_meanwhile_is_not_overwritten_either(filled: str, tmp_path: Path) -> None:
    command = [*COMMAND, "backup", "b.sql"]
    with psycopg.connect(filled) as connection:
        connection.execute("LOCK TABLE coderuns")
        process = subprocess.Popen(
            command, env=clean_environment(DATABASE_URL=filled), cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        wait_until(lambda: names_in(tmp_path), 30)
        (tmp_path / "b.sql").write_text("mine")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "b.sql exists already" in said
    assert names_in(tmp_path) == ["b.sql"]
    assert (tmp_path / "b.sql").read_text() == "mine"


def test_a_table_that_may_not_be_read_fails_the_backup(filled: str, codeactions: Codeactions, tmp_path: Path) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("CREATE ROLE backup_stranger LOGIN; GRANT SELECT ON schema_migrations TO backup_stranger")
        try:
            stranger = filled.replace("postgres@", "backup_stranger@")
            line = the_line(codeactions("backup", DATABASE_URL=stranger))
            assert "the backup failed: pg_dump: error: " in line
            assert "permission denied for table" in line
            assert names_in(tmp_path) == []
        finally:
            connection.execute("DROP OWNED BY backup_stranger; DROP ROLE backup_stranger")


def test_an_unreachable_database_is_one_line(codeactions: Codeactions, tmp_path: Path, backup: bytes) -> None:
    assert backup
    before = names_in(tmp_path)
    url = f"postgresql://user:{quote(PASSWORD, safe='')}@127.0.0.1:1/db"
    for words in (("backup",), ("restore", "of-filled.sql")):
        line = the_line(codeactions(*words, DATABASE_URL=url))
        assert "cannot connect to the database" in line
        assert "Connection refused" in line
    assert names_in(tmp_path) == before
    for bad in ("postgresql://u:s3/cret@h/db", "mysql://u:s3cret@h/db", "host=h password=s3cret"):
        assert "cret" not in the_line(codeactions("backup", DATABASE_URL=bad))
