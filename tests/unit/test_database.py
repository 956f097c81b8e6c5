"""Statements when there is no connection to send them on."""

import re
from pathlib import Path

import pytest

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres import queries
from codeactions.postgres.database import Database

SQL = Path(queries.__file__).with_name("sql")


async def test_a_read_without_any_connection_says_that_the_database_is_away() -> None:
    with pytest.raises(Error, match="database cannot be reached") as caught:
        await Database("postgresql://nobody@127.0.0.1:1/nothing").fetch("SELECT 1")
    assert caught.value.code is ErrorCode.BUSY


@pytest.mark.parametrize("path", sorted(SQL.glob("*.sql")), ids=lambda path: path.stem)
def test_a_statement_begins_with_what_it_does(path: Path) -> None:
    """Only what begins with SELECT is sent again after the database was restarted."""
    for name, statement in queries.load(path.stem).items():
        assert statement.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"), name
        changes = re.search(r"\b(INSERT INTO|UPDATE \w+|DELETE FROM)\b", statement)
        assert changes or statement.startswith("SELECT"), f"{name} only reads, and would not be sent again"
