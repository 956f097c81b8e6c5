"""Servers of a test's own, which are killed in every way, and migrations that stop at a gate."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from harness import Server
from migrate_process import GATE, write_files


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Make servers on one data folder; all are gone at the test's end. Python alone, unless `languages` says more."""
    made: list[Server] = []

    def make(**settings: object) -> Server:
        made.append(Server(tmp_path / "data", **{"languages": "python", **settings}))
        return made[-1]

    yield make
    for server in made:
        if server.process is not None and server.process.poll() is None:
            server.stop()


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A session on the empty database."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The second file of four stands at the gate."""
    up = {1: "CREATE TABLE a (i int);", 2: "INSERT INTO a VALUES (2);" + GATE, 3: "SELECT 3;", 4: "SELECT 4;"}
    return write_files(tmp_path / "m", up, {4: "", 3: "", 2: "", 1: "DROP TABLE a;"})
