"""The choice of pg_dump and psql, and the options that they get."""

import os
from pathlib import Path

import pytest

from codeactions.domain.errors import Error
from codeactions.postgres import client_programs

BUNDLED = 18


def target(major: int, **options: str) -> client_programs.Target:
    return client_programs.Target(options, major, encrypted=False)


def put(folder: Path, name: str, version: str) -> Path:
    """A program that knows its version and nothing else."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("installed", "server", "taken"),
    [
        ("15.4 (Debian 15.4-1)", 15, 15),  # as old as can be: what it writes is understood by as many as can be
        ("15.4", 16, BUNDLED),
        ("17.0", 14, 17),
        ("19beta2", 18, BUNDLED),
        ("19beta2", 19, 19),
    ],
)
def test_pg_dump_is_never_older_than_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: str, server: int, taken: int
) -> None:
    path = put(tmp_path, "pg_dump", installed)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = client_programs.find_program("pg_dump", target(server))
    assert found.major == taken
    assert (found.path == str(path)) == (taken != BUNDLED)


@pytest.mark.parametrize(("installed", "taken"), [("15.4", BUNDLED), ("19.1", 19)])
def test_psql_is_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: str, taken: int) -> None:
    put(tmp_path, "psql", installed)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert client_programs.find_program("psql", target(15), newest=True).major == taken


@pytest.mark.parametrize("installed", ["15.4", "broken", None])
def test_where_none_fits_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: str | None
) -> None:
    if installed:
        put(tmp_path, "pg_dump", installed)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Error, match="install postgresql-client-21, so that pg_dump is in PATH"):
        client_programs.find_program("pg_dump", target(21))


def test_nothing_but_what_leads_to_the_database_is_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "CODEACTIONS_AUTH_TOKEN", "PGOPTIONS", "PGCLIENTENCODING", "PGSERVICE"):
        monkeypatch.setenv(name, "theirs")
    told = client_programs._environment(
        target(15, host="h", user="u", password="p ' \\", client_encoding="LATIN1"), None
    )
    assert {key: value for key, value in told.items() if key.startswith(("PG", "CODEACTIONS", "DATABASE"))} == {
        "PGHOST": "h",
        "PGUSER": "u",
        "PGPASSWORD": "p ' \\",
        "PGSSLMODE": "disable",
    }


def test_what_has_no_variable_is_in_the_service_file() -> None:
    options = {"host": "h", "password": "p", "keepalives_idle": "30", "sslpassword": " se=\\cr'et"}
    told = client_programs._service_file(target(15, **options))
    assert told == "[codeactions]\nkeepalives_idle=30\nsslpassword= se=\\cr'et\n"


@pytest.mark.parametrize("value", ["secret\nhost=elsewhere", "secret ", "secret\r", "secret\n"])
def test_an_option_that_a_service_file_cannot_hold_is_refused_and_not_told(value: str) -> None:
    with pytest.raises(Error, match=r"^sslpassword contains a line end or ends in white space") as caught:
        client_programs._service_file(target(15, sslpassword=value))
    assert "secret" not in caught.value.message
