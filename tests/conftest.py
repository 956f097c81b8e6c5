"""Real parts for every test: one embedded PostgreSQL for the session, a fresh database or a server on it."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from harness import Server, running_server

from codeactions.postgres.embedded.server import EmbeddedPostgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """An embedded PostgreSQL of the session's own."""
    folder = Path(tempfile.mkdtemp(prefix="codeactions-tests-"))
    embedded = EmbeddedPostgres(folder)
    embedded.start()
    yield embedded
    embedded.stop()
    shutil.rmtree(folder)


def _create_database(postgres: EmbeddedPostgres) -> tuple[str, str]:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return name, postgres.url.replace("/codeactions?", f"/{name}?")


def _drop_database(postgres: EmbeddedPostgres, name: str) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """An empty database, with no migration applied."""
    name, url = _create_database(postgres)
    yield url
    _drop_database(postgres, name)


@pytest.fixture(scope="session")
def server(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that many tests share: they leave it healthy. Its database is on the session's PostgreSQL."""
    name, url = _create_database(postgres)
    with running_server(tmp_path_factory.mktemp("server"), url, slots=16) as server:
        yield server
    _drop_database(postgres, name)
