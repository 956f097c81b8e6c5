"""The shared database with our tables."""

import pytest
from migrations import Connection

from codeactions.node.migrations import upgrade


@pytest.fixture
def db(url: str, database: Connection) -> Connection:
    upgrade(url)
    return database
