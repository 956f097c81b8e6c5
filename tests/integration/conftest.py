"""A database that many tests share one after the other, each finding it empty: making one takes a while."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from backups import Codeactions, NewDatabase, codeactions_in, databases_of, fill
from issuer import Issuer
from migrations import Connection, Migrate

from codeactions.node.migrations import upgrade
from codeactions.postgres.embedded.server import EmbeddedPostgres

_EMPTY = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid();
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', name);
    END LOOP;
    FOR name IN SELECT rolname FROM pg_roles WHERE rolname LIKE 'test\\_%' LOOP
        EXECUTE format('DROP OWNED BY %I; DROP ROLE %1$I', name);
    END LOOP;
END $$;
CREATE SCHEMA public;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""


@pytest.fixture(scope="module")
def migrated_url(module_database_url: str) -> str:
    """A database of the module's own, which has our tables."""
    upgrade(module_database_url)
    return module_database_url


@pytest.fixture
def tables(migrated_url: str) -> Iterator[Connection]:
    """A session on that database; what earlier tests of the module wrote is there."""
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    """A real issuer of identity tokens."""
    issuer = Issuer(tmp_path_factory.mktemp("issuer") / "output")
    yield issuer
    issuer.stop()


@pytest.fixture(scope="session")
def _shared_url(postgres: EmbeddedPostgres) -> str:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE shared")
        # Nothing here has to survive a crash of the machine.
        connection.execute("ALTER DATABASE shared SET synchronous_commit = off")
    return postgres.url.replace("/codeactions?", "/shared?")


@pytest.fixture
def url(_shared_url: str) -> str:
    """The shared database, which is empty; the roles named test_... are gone, too."""
    with psycopg.connect(_shared_url, autocommit=True) as connection:
        connection.execute(_EMPTY)
    return _shared_url


@pytest.fixture
def database(url: str) -> Iterator[Connection]:
    """A session on that database."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def migrate(url: str, database: Connection, tmp_path: Path) -> Migrate:
    """The command on that database and an empty folder."""
    return Migrate(url, tmp_path / "m", database)


@pytest.fixture
def codeactions(tmp_path: Path) -> Codeactions:
    """The command line, run in the test's folder."""
    return codeactions_in(tmp_path)


@pytest.fixture
def new_database(postgres: EmbeddedPostgres) -> Iterator[NewDatabase]:
    """Makes empty databases."""
    with databases_of(postgres) as make:
        yield make


@pytest.fixture
def filled(new_database: NewDatabase) -> str:
    """A migrated database with something odd in every table."""
    url = new_database()
    fill(url)
    return url
