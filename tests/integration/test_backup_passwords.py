"""The database's password, in a backup: no message and no command line shows it."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from backups import (
    COMMAND,
    PASSWORD,
    Codeactions,
    names_in,
    the_line,
)
from harness import clean_environment, wait_until
from psycopg import sql

from codeactions.postgres.embedded.server import EmbeddedPostgres


@pytest.fixture
def guarded(postgres: EmbeddedPostgres, filled: str) -> Iterator[str]:
    """The filled database's URL for a role that needs its password."""
    rules = postgres.data_dir / "postgres" / "pg_hba.conf"
    before = rules.read_text()
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        create = sql.SQL("CREATE ROLE guarded SUPERUSER LOGIN PASSWORD {}")
        connection.execute(create.format(sql.Literal(PASSWORD)))
        rules.write_text("local all guarded scram-sha-256\n" + before)
        connection.execute("SELECT pg_reload_conf()")
        yield filled.replace("postgres@", f"guarded:{quote(PASSWORD, safe='')}@")
        rules.write_text(before)
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("DROP ROLE guarded")


def test_a_wrong_password_is_one_line_and_not_in_it(guarded: str, codeactions: Codeactions, tmp_path: Path) -> None:
    wait_until(lambda: refused(guarded.replace("guarded:", "guarded:x")))
    wrong = guarded.replace("guarded:", "guarded:Wr0ng")
    line = the_line(codeactions("backup", DATABASE_URL=wrong))
    assert 'password authentication failed for user "guarded"' in line
    assert "Wr0ng" not in line
    assert names_in(tmp_path) == []


def refused(url: str) -> bool:
    """Whether the server does not let this one in."""
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return True
    return False


def test_no_command_line_shows_the_password(guarded: str, filled: str, tmp_path: Path) -> None:
    wait_until(lambda: refused(guarded.replace("guarded:", "guarded:x")))
    command = [*COMMAND, "backup", "b.sql"]
    with psycopg.connect(filled) as connection:
        connection.execute("LOCK TABLE coderuns")
        process = subprocess.Popen(
            command, env=clean_environment(DATABASE_URL=guarded), cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        programs = wait_until(lambda: [line for line in command_lines(process.pid) if "pg_dump" in line], 30)
        assert [line for line in programs if PASSWORD in line or quote(PASSWORD, safe="") in line] == []
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert PASSWORD not in said


def command_lines(parent: int) -> list[str]:
    """Those of a process's children."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "stat").read_text().rpartition(")")[2].split()[1] == str(parent):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found
