"""One connection for a whole command, shared by the lock, the version table, the history and the files."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from codeactions.migrate.database import lock, sql
from codeactions.migrate.database.address import Address, parse
from codeactions.migrate.database.connect import connect
from codeactions.migrate.database.connection import Connection
from codeactions.migrate.database.errors import DatabaseError, ServerError
from codeactions.migrate.database.history import History
from codeactions.migrate.database.libpq import TransactionStatus
from codeactions.migrate.database.version_table import VersionTable
from codeactions.migrate.errors import ErrorCode, MigrationError
from codeactions.migrate.go_compat.driver_errors import NO_SCHEMA, in_go_words

PATIENCE = 15.0


@dataclass(frozen=True)
class Session:
    """An open connection in autocommit, and what is derived from its address."""

    connection: Connection
    address: Address
    schema: str
    """The connection's current schema at the start; the version table may be in another."""
    read_only: bool
    """Whether transactions are read-only unless they say otherwise."""
    table: VersionTable
    history: History
    lock: lock.Lock

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, be it a failed one."""
        return self.connection.status is not TransactionStatus.IDLE

    def write(self, *statements: str) -> None:
        """Run the statements in one transaction of their own, which may write whatever the session's default."""
        self.connection.execute(sql.BEGIN + "".join(statements) + sql.COMMIT)

    def finish(self, *statements: str, wait_for_disk: bool = True) -> None:
        """Run the statements in the transaction that is open, and commit it."""
        ending = sql.COMMIT if wait_for_disk else sql.COMMIT_WITHOUT_WAITING
        self.connection.execute("".join(statements) + ending)

    def roll_back(self) -> None:
        """Roll back the transaction that a file has left open, if there is one and the connection lives."""
        if not self.connection.closed and self.in_transaction:
            self.connection.execute(sql.ROLLBACK)

    def wait_for_disk(self) -> None:
        """Wait until everything that was committed is on disk.

        Does nothing on a broken session: the server then writes what it has within a second.
        """
        if not self.connection.closed and not self.in_transaction:
            self.connection.execute(sql.WAIT_FOR_DISK)

    def reset_role(self) -> None:
        """Return to the role that connected, where a file has changed it.

        Only after the last file, because files are not to notice.
        """
        self.connection.execute(sql.RESET_ROLE)

    def invalid_indexes(self) -> list[str]:
        """Return the names of invalid indexes, at most 20; none before PostgreSQL 12.

        Older servers do not tell which indexes are under construction.
        """
        with contextlib.suppress(ServerError):
            return [str(name) for (name,) in self.connection.execute(sql.INVALID_INDEXES)]
        return []


@contextmanager
def opened(database_url: str, *, sslmode: str | None = None, patience: float = PATIENCE) -> Iterator[Session]:
    """Connect for the block; nothing is written.

    `sslmode` is the default where neither URL nor environment has one (None: libpq's own). `patience` is how many
    seconds to wait for another session that has locked the version table. Raises `MigrationError`: `invalid` for a
    bad URL, `internal` if the server refuses something, here or within the block.
    """
    address = parse(database_url, sslmode=sslmode)
    with connect(address) as connection:
        try:
            yield _session(connection, address, patience)
        except DatabaseError as error:
            reason = " ".join(str(error).split())
            raise MigrationError(
                ErrorCode.INTERNAL,
                f"the database at {address.place} refused: {reason}; see `migrate status`",
                go_text=f"{'failed to open database: ' if error.while_opening else ''}"
                f"{in_go_words(error, address.driver)} in line 0: {error.query}",
            ) from error


def _session(connection: Connection, address: Address, patience: float) -> Session:
    schema, database, read_only, encoding = connection.execute(sql.DESCRIBE_SESSION)[0]
    if schema is None:
        raise MigrationError(
            ErrorCode.CONFLICT,
            "the database has no schema to create tables in: see search_path",
            go_text=f"failed to open database: {NO_SCHEMA[address.driver]}",
        )
    name = address.path or database or ""
    table_schema = address.schema or schema
    return Session(
        connection,
        address,
        schema,
        read_only == "on",
        VersionTable(connection, table_schema, address.table, patience),
        History(connection, table_schema, address.table, encoding or ""),
        lock.TableLock(connection, schema, address.lock_table, lock.number(name))
        if address.lock_strategy == "table"
        else lock.AdvisoryLock(connection, lock.number(name, table_schema, address.table)),
    )
