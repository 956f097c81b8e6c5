"""Statements when there is no connection to send them on."""

import pytest

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres.database import Database


async def test_a_read_without_any_connection_says_that_the_database_is_away() -> None:
    with pytest.raises(Error, match="database cannot be reached") as caught:
        await Database("postgresql://nobody@127.0.0.1:1/nothing").fetch("SELECT 1")
    assert caught.value.code is ErrorCode.BUSY
