"""One connection for a whole command, shared by the lock, the version table, the history and the files."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from codeactions.migrate.database import lock, sql
from codeactions.migrate.database.address import Address, parse
from codeactions.migrate.database.connect import connect
from codeactions.migrate.database.connection import Connection
from codeactions.migrate.database.errors import DatabaseError, ServerError
from codeactions.migrate.database.history import History
from codeactions.migrate.database.libpq import TransactionStatus
from codeactions.migrate.database.pooled_lock import PooledLock
from codeactions.migrate.database.startup import settings_of, startup_options
from codeactions.migrate.database.version_table import VersionTable
from codeactions.migrate.errors import ErrorCode, MigrationError

PATIENCE = 15.0


class Session(NamedTuple):
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
    settings: tuple[tuple[str, str], ...] = ()
    """What a pooler was not told at the start, and so has to be set: with each transaction, or around a file."""
    other_tables: str = ""
    """Other schemas of the search path with a table of the version table's name, for people."""

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

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Set what a pooler was not told, for a block that has no transaction of its own, and reset it after that.

        The server's connection may be lent to another client next.
        """
        connection = self.connection
        if not self.settings:
            yield
            return
        literals = [(connection.literal(name), connection.literal(value)) for name, value in self.settings]
        connection.execute("".join(sql.set_setting(name, value, is_local=False) for name, value in literals))
        try:
            yield
        finally:
            if not connection.closed and not self.in_transaction:
                names = [connection.identifier(*name.split(".")) for name, _ in self.settings]
                with contextlib.suppress(DatabaseError):  # the file's own error matters more
                    connection.execute("".join(map(sql.reset, names)))

    def invalid_indexes(self) -> list[str]:
        """Return the names of invalid indexes, at most 20; none before PostgreSQL 12.

        Older servers do not tell which indexes are under construction.
        """
        with contextlib.suppress(ServerError):
            return [str(name) for (name,) in self.connection.execute(sql.INVALID_INDEXES)]
        return []


@contextmanager
def opened(
    database_url: str, *, sslmode: str | None = None, patience: float = PATIENCE, keeps_history: bool = True
) -> Iterator[Session]:
    """Connect for the block; nothing is written.

    `sslmode` is the default where neither URL nor environment has one (None: libpq's own). `patience` is how many
    seconds to wait for another session that has locked the version table. `keeps_history` says whether steps are
    noted, which the URL may forbid too. Raises `MigrationError`: `invalid` for a bad URL, `internal` if the server
    refuses something, here or within the block.
    """
    address = parse(database_url, sslmode=sslmode)
    with connect(address) as connection:
        try:
            yield _session(connection, address, patience, keeps_history=keeps_history and address.keeps_history)
        except DatabaseError as error:
            from codeactions.migrate.go_compat.driver_errors import in_go_words  # only for messages

            reason = " ".join(str(error).split())
            raise MigrationError(
                ErrorCode.INTERNAL,
                f"the database at {address.place} refused: {reason}; see `migrate status`",
                go_text=f"{'failed to open database: ' if error.while_opening else ''}"
                f"{in_go_words(error, address.driver)} in line 0: {error.query}",
            ) from error


def _session(connection: Connection, address: Address, patience: float, *, keeps_history: bool) -> Session:
    literal = connection.literal
    described = connection.execute(sql.describe_session(literal(address.table)))[0]
    # A pooler answers the client with a number of its own.
    is_pooled = described[4] != str(connection.pid)
    settings = tuple(settings_of(startup_options(address))[0]) if is_pooled else ()
    opening = "".join(sql.set_setting(literal(name), literal(value), is_local=True) for name, value in settings)
    if opening:
        described = connection.execute(opening + sql.describe_session(literal(address.table)))[0]
    schema, database, read_only, encoding, _, others = described
    if schema is None:
        from codeactions.migrate.go_compat.driver_errors import NO_SCHEMA

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
        VersionTable(connection, table_schema, address.table, patience, opening),
        History(connection, table_schema, address.table, encoding or "", is_wanted=keeps_history),
        _lock(
            connection, address, schema, lock.number(name), lock.number(name, table_schema, address.table), is_pooled
        ),
        settings,
        "" if address.schema else others or "",
    )


def _lock(connection: Connection, address: Address, schema: str, row: int, key: int, is_pooled: bool) -> lock.Lock:
    if address.lock_strategy == "table":
        return lock.TableLock(connection, schema, address.lock_table, row)
    if is_pooled:
        return PooledLock(connection, key, lambda: connect(address))
    return lock.AdvisoryLock(connection, key)
