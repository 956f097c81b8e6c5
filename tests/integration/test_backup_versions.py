"""Backups between PostgreSQL versions, and over TLS with a password: a server as a company's own may be."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from backups import (
    PASSWORD,
    Codeactions,
    NewDatabase,
    fill,
    is_empty,
    rows,
    schema,
    the_line,
)
from harness import wait_until

from codeactions.node.migrations import upgrade
from codeactions.postgres.embedded.user import find_or_create

# Where Debian and those after it put the programs of each version.
OLDER = sorted(folder for major in range(13, 18) for folder in Path("/usr/lib/postgresql").glob(f"{major}/bin"))
pytestmark = pytest.mark.skipif(
    not OLDER or not shutil.which("openssl"), reason="needs an older PostgreSQL and openssl"
)
NAME = "a role@example.org"
ROLE = quote(NAME, safe="")


@dataclass(frozen=True)
class Older:
    """A server of an older version that insists on TLS and the password."""

    programs: Path
    url: str
    """Of the database `postgres`."""

    @property
    def major(self) -> str:
        return self.programs.parent.name

    def new_database(self, name: str) -> str:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}"'.encode())
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url.replace("/postgres?", f"/{quote(name)}?")


@pytest.fixture(scope="module")
def older() -> Iterator[Older]:
    """The newest of the older versions there are."""
    user = find_or_create()
    owner = {"user": user.uid, "group": user.gid, "extra_groups": []} if user else {}
    folder = Path(tempfile.mkdtemp(prefix="codeactions-older-"))
    if user:
        os.chown(folder, user.uid, user.gid)
    programs = OLDER[-1]

    def run(*words: object) -> None:
        subprocess.run([*map(str, words)], check=True, capture_output=True, timeout=60, cwd=folder, **owner)

    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    run(programs / "initdb", "-D", "data", "-U", NAME, "--pwfile=password", "--encoding=UTF8", "--locale=C")
    request = ["-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    run("openssl", "req", *request, "-keyout", "data/server.key", "-out", "data/server.crt")
    (folder / "data" / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
    shutil.copy(folder / "data" / "server.crt", folder / "root.crt")
    (folder / "root.crt").chmod(0o644)
    folder.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"port": port, "listen_addresses": "127.0.0.1", "ssl": "on", "unix_socket_directories": ""}
    arguments = [f"-c{name}={value}" for name, value in settings.items()]
    with (
        open(folder / "log", "wb") as log,
        subprocess.Popen([programs / "postgres", "-D", "data", *arguments], stderr=log, cwd=folder, **owner) as server,
    ):
        try:
            tls = f"sslmode=verify-full&sslrootcert={folder / 'root.crt'}&hostaddr=127.0.0.1"
            url = f"postgresql://{ROLE}:{quote(PASSWORD, safe='')}@localhost:{port}/postgres?{tls}"
            wait_until(lambda: answers(url), 30, "an answer of the older server")
            yield Older(programs, url)
        finally:
            server.terminate()
    shutil.rmtree(folder)


def answers(url: str) -> bool:
    """Whether one can connect."""
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize("installed", [True, False], ids=["with its own programs", "with the wheel's"])
def test_an_older_server_to_itself_by_tls_and_password(
    older: Older, codeactions: Codeactions, tmp_path: Path, *, installed: bool
) -> None:
    path = str(older.programs) if installed else str(tmp_path / "nothing")
    source, target = older.new_database("source"), older.new_database("a target")
    fill(source)
    done = codeactions("backup", "b.sql", "-v", DATABASE_URL=source, PATH=path)
    assert done.returncode == 0, done.stderr
    assert f"pg_dump (PostgreSQL) {older.major if installed else 18}." in done.stderr
    assert PASSWORD not in done.stderr
    done = codeactions("restore", "b.sql", "-v", DATABASE_URL=target, PATH=path)
    assert done.returncode == 0, done.stderr
    assert "psql (PostgreSQL) 18." in done.stderr
    assert PASSWORD not in done.stderr
    assert rows(target) == rows(source)
    assert schema(target) == schema(source)


def test_from_the_embedded_to_an_older_server_and_back(
    older: Older, new_database: NewDatabase, codeactions: Codeactions
) -> None:
    first, between, last = new_database(), older.new_database("between"), new_database()
    fill(first)
    for source, target in ((first, between), (between, last)):
        dumped = codeactions("backup", "-", DATABASE_URL=source)
        assert dumped.returncode == 0, dumped.stderr
        done = codeactions("restore", "-", DATABASE_URL=target, input=dumped.stdout)
        assert done.returncode == 0, done.stderr
        assert rows(target) == rows(first)
        assert upgrade(target) == upgrade(first)
    assert schema(last) == schema(first)


def test_a_wrong_password_or_an_unknown_certificate_is_one_line(older: Older, codeactions: Codeactions) -> None:
    line = the_line(codeactions("backup", DATABASE_URL=older.url.replace(f"{ROLE}:", f"{ROLE}:Wr0ng")))
    assert "password authentication failed" in line
    assert "Wr0ng" not in line
    strange = older.url.replace("@localhost", "@example.org")
    assert "does not match host name" in the_line(codeactions("backup", DATABASE_URL=strange))
    assert is_empty(older.url)
