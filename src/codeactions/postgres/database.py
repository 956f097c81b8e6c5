"""The server's connections to PostgreSQL, and what the driver's errors mean to a caller."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, LiteralString, Protocol

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres import queries

_UNREACHABLE = "the database cannot be reached; try again shortly"
_STATEMENT_TIMEOUT = 30_000  # milliseconds: nothing the server asks takes a fraction of it
_LOCK_TIMEOUT = 20_000  # shorter: to wait for somebody else's transaction is no fault of a statement


def unavailable() -> Error:
    """The error for a database that does not answer: the caller may come back."""
    return Error(ErrorCode.BUSY, _UNREACHABLE)


@contextlib.contextmanager
def translated() -> Any:
    """Turn the driver's errors into `Error`.

    Busy when the database or somebody's lock is not to be had, timeout for a statement that takes too long, internal
    for anything that nobody has thought of.
    """
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        raise Error(ErrorCode.TIMEOUT, "the database gave up a statement that took too long") from error
    except psycopg.errors.LockNotAvailable as error:
        raise Error(ErrorCode.BUSY, "somebody else's change of the same takes too long; try again shortly") from error
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
        raise unavailable() from error
    except psycopg.errors.ForeignKeyViolation as error:
        raise Error(ErrorCode.NOT_FOUND, "what it belongs to does not exist any more") from error
    except psycopg.errors.DataError as error:
        raise Error(ErrorCode.INVALID, "the database cannot hold one of the values") from error
    except psycopg.Error as error:
        raise Error(ErrorCode.INTERNAL, "the database refused a statement") from error


def masked(url: str) -> str:
    """A database address without its password, for messages."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        return "(an address that cannot be read)"
    host, name = parts.get("host", "localhost"), parts.get("dbname", "")
    port = f":{parts['port']}" if "port" in parts else ""
    return f"postgresql://{parts.get('user', '')}@{host}{port}/{name}"


class Statements(Protocol):
    """Where statements can be sent: a `Database`, each in a transaction of its own, or one `Transaction`."""

    async def fetch(self, statement: LiteralString, values: dict[str, Any] | None = None) -> list[DictRow]:
        """Run a statement and return all its rows."""

    async def fetch_one(self, statement: LiteralString, values: dict[str, Any] | None = None) -> DictRow | None:
        """Run a statement and return its first row, if any."""


class Transaction:
    """Statements that happen together or not at all."""

    def __init__(self, connection: psycopg.AsyncConnection[DictRow]) -> None:
        self._connection = connection

    async def fetch(self, statement: LiteralString, values: dict[str, Any] | None = None) -> list[DictRow]:
        """Run a statement and return all its rows."""
        with translated():
            cursor = await self._connection.execute(statement, values)
            return await cursor.fetchall() if cursor.description else []

    async def fetch_one(self, statement: LiteralString, values: dict[str, Any] | None = None) -> DictRow | None:
        """Run a statement and return its first row, if any."""
        rows = await self.fetch(statement, values)
        return rows[0] if rows else None


class Database:
    """A pool of connections, all in autocommit: each statement is its own transaction.

    Connections that died are replaced; while the database is away, calls raise `Error` (busy) within `timeout`
    seconds and work again as soon as it is back.
    """

    def __init__(self, url: str, *, connections: int = 4, timeout: float = 5.0) -> None:
        self.url = url
        self._connections = connections
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[DictRow]] = AsyncConnectionPool(
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
        return f"<Database {masked(self.url)}>"

    async def open(self) -> None:
        """Connect. Raises `Error` (busy) when the database does not answer in time."""
        with translated():
            await self._pool.open(wait=True, timeout=15.0)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    async def version(self) -> str:
        """The database server's version. Raises `Error` (busy) while it is away."""
        row = await self.fetch_one(queries.load("database")["version"])
        return str(row["version"]) if row else ""

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection[DictRow]]:
        """Borrow a connection. Driver errors inside become `Error`s."""
        with translated():
            async with self._pool.connection() as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Statements that are committed when the block ends, and undone when it raises."""
        async with self.connection() as connection, connection.transaction():
            yield Transaction(connection)

    async def fetch(self, statement: LiteralString, values: dict[str, Any] | None = None) -> list[DictRow]:
        """Run a statement and return all its rows.

        A connection that turns out to be dead, as all are after the database was restarted, is replaced; a
        statement that only reads is then sent again.
        """
        attempts = self._connections + 1 if statement.startswith("SELECT") else 1
        while True:
            attempts -= 1
            connection: psycopg.AsyncConnection[DictRow] | None = None  # as long as the pool has none to give
            try:
                async with self.connection() as connection:
                    cursor = await connection.execute(statement, values)
                    return await cursor.fetchall() if cursor.description else []
            except Error:
                if not attempts or connection is None or not connection.broken:
                    raise

    async def fetch_one(self, statement: LiteralString, values: dict[str, Any] | None = None) -> DictRow | None:
        """Run a statement and return its first row, if any."""
        rows = await self.fetch(statement, values)
        return rows[0] if rows else None


async def connect(url: str, *, durable: bool = True) -> psycopg.AsyncConnection[DictRow]:
    """One connection of one's own, in autocommit. Raises the driver's errors.

    durable=False: a commit on it does not wait for the disk. It is durable as soon as a later, durable commit
    on any connection is, since both go through one log.
    """
    connection = await psycopg.AsyncConnection.connect(
        url, autocommit=True, row_factory=dict_row, application_name="codeactions", connect_timeout=5
    )
    await _configure(connection)
    if not durable:
        await connection.execute("SET synchronous_commit = off")
    return connection


async def _configure(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.execute(sql.SQL("SET statement_timeout = {}").format(sql.Literal(_STATEMENT_TIMEOUT)))
    await connection.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(_LOCK_TIMEOUT)))
    # Times are compared and shown in UTC whatever the server's own zone is.
    await connection.execute("SET timezone = 'UTC'")
