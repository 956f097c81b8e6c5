"""Servers of a test's own, with an embedded PostgreSQL of their own: they are killed in every way."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import Server


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
