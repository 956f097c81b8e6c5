"""A connection by PostgreSQL's client library."""

from collections.abc import Iterator

import pytest

from codeactions.migrate.database import address, connect
from codeactions.migrate.database.connection import Connection


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    with connect.connect(address.parse(url)) as connection:
        yield connection
