"""A server on the Go service's tables, which are as loose as they can be: no checks, and every column may be NULL."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from gotool import SERVICE_TABLES
from harness import Server, running_server


@pytest.fixture(scope="module")
def foreign(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on the Go service's tables."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute(SERVICE_TABLES)
    with running_server(tmp_path_factory.mktemp("foreign"), module_database_url, slots=2, languages="python") as server:
        yield server


@pytest.fixture
def db(foreign: Server, module_database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A session on that server's database."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        yield connection
