"""A statement that takes too long, and one that only waits for another transaction: told apart."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from migrations import Connection

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres.database import Database, Transaction
from codeactions.postgres.projects import ProjectStore


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    database = Database(migrated_url, connections=1)
    await database.open()
    yield database
    await database.close()


@contextlib.asynccontextmanager
async def transaction_on(database: Database) -> AsyncIterator[Transaction]:
    async with database.connection() as connection, connection.transaction():
        yield Transaction(connection)


async def usable(database: Database) -> bool:
    return await database.fetch("SELECT 1 AS one") == [{"one": 1}]


async def test_a_statement_that_takes_too_long_is_not_taken_for_a_database_that_is_away(database: Database) -> None:
    async with transaction_on(database) as transaction:
        await transaction.fetch("SET LOCAL statement_timeout = 1")
        with pytest.raises(Error, match="statement that took too long") as caught:
            await transaction.fetch("SELECT pg_sleep(60)")
    assert caught.value.code is ErrorCode.TIMEOUT
    assert await usable(database)


async def test_waiting_for_another_transaction_says_to_try_again(database: Database, tables: Connection) -> None:
    """A message of an identity system must not be given up because another transaction is open."""
    with tables.transaction():
        tables.execute("UPDATE projects SET name = name")
        async with transaction_on(database) as transaction:
            await transaction.fetch("SET LOCAL lock_timeout = 1")
            with pytest.raises(Error, match="timed out waiting for a concurrent change; try again") as caught:
                await ProjectStore(transaction).lock()
    assert caught.value.code is ErrorCode.BUSY
    assert await usable(database)


async def test_waiting_ends_before_the_statement_does(database: Database) -> None:
    limits = (
        "SELECT setting::int AS ms FROM pg_settings WHERE name IN ('lock_timeout', 'statement_timeout') ORDER BY name"
    )
    lock, statement = [row["ms"] for row in await database.fetch(limits)]
    assert 0 < lock < statement
