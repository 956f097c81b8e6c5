"""The server's connections to PostgreSQL, and the meaning of the driver's errors for a caller."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, LiteralString, Protocol

import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.masking import masked_url
from codeactions.postgres import loading, queries

Connection = psycopg.AsyncConnection[DictRow]
"""A connection whose rows are dictionaries, as all of this server are."""
_UNREACHABLE = "the database cannot be reached; try again shortly"
_STATEMENT_TIMEOUT = 30_000  # milliseconds; every statement of the server takes a small part of it
# Milliseconds. Shorter, so that waiting for another transaction can be told apart from a slow statement.
_LOCK_TIMEOUT = 20_000


def unavailable() -> Error:
    """Return the error for a database that does not answer; the caller may try again."""
    return Error(ErrorCode.BUSY, _UNREACHABLE)


@contextlib.contextmanager
def translated() -> Any:
    """Turn the driver's errors into `Error` for the block.

    busy: the database or a lock is not available. timeout: a statement takes too long. not_found: a row that is
    referred to is gone. invalid: a value cannot be stored. internal: any other error.
    """
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        raise Error(ErrorCode.TIMEOUT, "the database cancelled a statement that took too long") from error
    except psycopg.errors.LockNotAvailable as error:
        raise Error(ErrorCode.BUSY, "timed out waiting for a concurrent change; try again shortly") from error
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
        raise unavailable() from error
    except psycopg.errors.ForeignKeyViolation as error:
        raise Error(ErrorCode.NOT_FOUND, "the record that this belongs to no longer exists") from error
    except psycopg.errors.DataError as error:
        raise Error(ErrorCode.INVALID, "the database cannot hold one of the values") from error
    except psycopg.Error as error:
        raise Error(ErrorCode.INTERNAL, "the database refused a statement") from error


class Statements(Protocol):
    """A receiver of statements: a `Database`, with a transaction for each, or one `Transaction`."""

    async def fetch(self, statement: LiteralString, values: dict[str, Any] | None = None) -> list[DictRow]:
        """Run a statement and return all its rows. Raises `Error`."""

    async def fetch_one(self, statement: LiteralString, values: dict[str, Any] | None = None) -> DictRow | None:
        """Run a statement and return its first row, if there is one. Raises `Error`."""


class Transaction:
    """Statements on one connection, which take effect together or not at all."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch(self, statement: LiteralString, values: dict[str, Any] | None = None) -> list[DictRow]:
        """Run a statement and return all its rows. Raises `Error`."""
        with translated():
            cursor = await self._connection.execute(statement, values)
            return await cursor.fetchall() if cursor.description else []

    async def fetch_one(self, statement: LiteralString, values: dict[str, Any] | None = None) -> DictRow | None:
        """Run a statement and return its first row, if there is one. Raises `Error`."""
        rows = await self.fetch(statement, values)
        return rows[0] if rows else None


class Database:
    """A pool of connections in autocommit mode, in which each statement is its own transaction.

    Dead connections are replaced. While the database is away, calls raise `Error` (busy) within `timeout` seconds;
    they work again as soon as it is back.
    """

    def __init__(self, url: str, *, connections: int = 4, timeout: float = 5.0) -> None:
        self.url = url
        self._connections = connections
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            kwargs={"autocommit": True, "row_factory": dict_row, "application_name": "codeactions"},
            min_size=connections,
            max_size=connections,
            timeout=timeout,
            configure=_configure,
            reconnect_timeout=5.0,
            max_waiting=256,
            open=False,
        )

    def __repr__(self) -> str:
        return f"<Database {masked_url(self.url)}>"

    async def open(self) -> None:
        """Connect. Raises `Error` (busy) when the database does not answer in time."""
        with translated():
            await self._pool.open(wait=True, timeout=15.0)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    async def check(self, schema: str, query: LiteralString) -> tuple[str, list[list[str]]]:
        """Return the database server's version, and what the database lacks of a schema.

        query: selects that from the parameter `schema`. Raises `Error`: busy while the database is away.
        """
        statement = queries.load("database")["check"].replace("{query}", query)
        row = await self.fetch_one(statement, {"schema": schema})
        return (str(row["version"]), row["missing"]) if row else ("", [])

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection to the block. The driver's errors in the block become `Error`s."""
        with translated():
            async with self._pool.connection() as connection:
                yield connection

    async def fetch(self, statement: LiteralString, values: dict[str, Any] | None = None) -> list[DictRow]:
        """Run a statement and return all its rows. Raises `Error`.

        A connection that turns out to be dead is replaced, and a statement that only reads is then sent again. After
        a restart of the database all connections are dead.
        """
        attempts = self._connections + 1 if statement.startswith("SELECT") else 1
        while True:
            attempts -= 1
            connection: Connection | None = None  # while the pool has none to give
            try:
                async with self.connection() as connection:
                    cursor = await connection.execute(statement, values)
                    return await cursor.fetchall() if cursor.description else []
            except Error:
                if not attempts or connection is None or not connection.broken:
                    raise

    async def fetch_one(self, statement: LiteralString, values: dict[str, Any] | None = None) -> DictRow | None:
        """Run a statement and return its first row, if there is one. Raises `Error`."""
        rows = await self.fetch(statement, values)
        return rows[0] if rows else None


async def connect(url: str, *, durable: bool = True) -> Connection:
    """Return a new connection in autocommit mode. Raises the driver's errors.

    durable: whether its commits wait for the disk. A commit that does not wait becomes durable with the next durable
    commit on any connection, since both go through one log.
    """
    connection = await psycopg.AsyncConnection.connect(
        url, autocommit=True, row_factory=dict_row, application_name="codeactions", connect_timeout=5
    )
    await _configure(connection)
    if not durable:
        await connection.execute("SET synchronous_commit = off")
    return connection


async def _configure(connection: psycopg.AsyncConnection[Any]) -> None:
    loading.install(connection)
    await connection.execute(sql.SQL("SET statement_timeout = {}").format(sql.Literal(_STATEMENT_TIMEOUT)))
    await connection.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(_LOCK_TIMEOUT)))
    # Times are compared and shown in UTC, whatever the time zone of the database server.
    await connection.execute("SET timezone = 'UTC'")
    await connection.execute("SET datestyle = 'ISO'")
