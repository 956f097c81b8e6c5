"""Real parts for every test: one embedded PostgreSQL for the session, a fresh database or a server on it."""

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from harness import Server, running_server

from codeactions.postgres.embedded.server import EmbeddedPostgres

# A program inherits that a signal is ignored, as after `nohup` or in a shell's background, and `migrate` keeps to it.
for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)
# The same examples in every run, and however long each takes, which says more about the machine than about the code.
hypothesis.settings.register_profile(
    "the same", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("the same")
pytest_plugins = ["order"]
_MOST_DESCRIPTORS = 100  # what the session's own parts keep open is a fifth of it
_numbers = itertools.count(1)


@pytest.fixture(autouse=True, scope="module")
def few_descriptors() -> Iterator[None]:
    """Thousands of tests run in one process: what each leaves open adds up, until calls of others fail."""
    yield
    left = len(os.listdir("/proc/self/fd"))
    assert left < _MOST_DESCRIPTORS, f"{left} open descriptors: this module, or those before it, leave them"


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


@pytest.fixture(scope="module")
def module_database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The same for all tests of a module."""
    name, url = _create_database(postgres)
    yield url
    _drop_database(postgres, name)


@pytest.fixture(scope="session")
def database_of_server(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The database of the server that many tests share, on the session's PostgreSQL."""
    name, url = _create_database(postgres)
    yield url
    _drop_database(postgres, name)


@pytest.fixture(scope="session")
def server(database_of_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that many tests share: they leave it healthy."""
    with running_server(tmp_path_factory.mktemp("server"), database_of_server, slots=16) as server:
        yield server
