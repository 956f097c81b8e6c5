"""One connection for a whole command, shared by the lock, the version table, the history and the files."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from codeactions.migrate.database import file_sql, lock, sql
from codeactions.migrate.database.address import Address, parse
from codeactions.migrate.database.connect import connect
from codeactions.migrate.database.connection import Connection
from codeactions.migrate.database.errors import DatabaseError, ServerError
from codeactions.migrate.database.history import History
from codeactions.migrate.database.libpq import TransactionStatus
from codeactions.migrate.database.results import Row
from codeactions.migrate.database.startup import settings_of, startup_options
from codeactions.migrate.database.version_table import VersionTable
from codeactions.migrate.errors import ErrorCode, MigrationError

PATIENCE = 15.0
# What a client sets when it connects, and the server reports whenever it changes. Poolers set it for each client.
_REPORTED = (
    "client_encoding",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "application_name",
    "standard_conforming_strings",
)


class Session(NamedTuple):
    """An open connection in autocommit, and what is derived from its address."""

    connection: Connection
    address: Address
    schema: str
    """The connection's current schema at the start; the version table may be in another."""
    read_only: bool
    """Whether transactions are read-only unless they say otherwise."""
    encoding: str
    """The client's, as the server calls it."""
    table: VersionTable
    history: History
    lock: lock.Lock
    restoring: str
    """The statements that restore the session after a file. The last one selects its advisory locks."""
    is_pooled: bool = False
    """Whether there is a pooler before the server, whose connections may be those of other clients, too."""
    settings: tuple[tuple[str, str], ...] = ()
    """What a pooler was not told at the start, and so has to be set: with each transaction, or around a file."""
    other_tables: str = ""
    """Other schemas of the search path with a table of the version table's name, for people."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, be it a failed one."""
        return self.connection.status is not TransactionStatus.IDLE

    def write(self, *statements: str) -> None:
        """Restore the session and run the statements, in one transaction that may write whatever the session's default.

        See `end_file`.
        """
        begin = self._with_encoding(sql.BEGIN)
        self._release_locks(self.connection.execute(begin + self.restoring + "".join(statements) + sql.COMMIT))

    def finish(self, *statements: str) -> None:
        """Run the statements in the transaction that is open, and commit it."""
        self.connection.execute("".join(statements) + sql.COMMIT)

    def end_file(self, statements: Callable[[], str], *, in_savepoint: bool) -> None:
        """Restore the session in the transaction that a file has left open, run the statements, and commit it all.

        Restored is what the file may have changed and what would disturb the statements or the next file: settings,
        role, temporary tables, prepared statements, cursors, LISTEN, advisory locks. `statements` gives them once the
        encoding is restored. `in_savepoint` says that the file ran within one, and may have forbidden to write.

        A failure of the file itself, a deferred constraint for instance, is raised with none of the statements `done`.
        The disk is not waited for.
        """
        before = self._with_encoding(file_sql.FIRE_DEFERRED + (file_sql.RELEASE_SAVEPOINT if in_savepoint else ""))
        text = before + self.restoring + statements() + sql.COMMIT_WITHOUT_WAITING
        self._release_locks(self.connection.execute(text))

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

    def reads_as_written(self, text: bytes) -> bool:
        """Return whether the server sees strings end where `statements` does; that depends on two settings."""
        return (b"\\" not in text or self.connection.setting("standard_conforming_strings") == "on") and (
            text.isascii() or self.connection.setting("client_encoding") == "UTF8"
        )

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
            self.connection.execute(file_sql.RESTORE_SETTINGS)
            return [str(name) for (name,) in self.connection.execute(sql.INVALID_INDEXES)]
        return []

    def _with_encoding(self, before: str) -> str:
        """Return what is to be sent first. If a file has changed the encoding, send it here, and restore that.

        The server decodes a text before it runs any of it.
        """
        if self.connection.setting("client_encoding") == self.encoding:
            return before
        self.connection.execute(before + file_sql.restore_encoding(self.connection.literal(self.encoding)))
        return ""

    def _release_locks(self, held: list[Row]) -> None:
        """Give back the advisory locks that a file has left behind, and take ours again if the file gave it back.

        `held` are the rows of OWN_ADVISORY_LOCKS, read before the commit. Behind a pooler nothing is given back, since
        the locks may be those of other clients, unless the session is known to have a connection for itself.
        """
        key = self.lock.session_key
        if self.is_pooled and key is None:
            return
        ours = ("t", "1", str(key))
        while any(row[:3] != ours for row in held):
            # Those of the transaction have ended with it, and one may be held more than once.
            held = self.connection.execute(file_sql.OWN_ADVISORY_LOCKS)
            releases = [file_sql.release_left_lock(*row) for row in held if row[:3] != ours]
            self.connection.execute("".join(releases))
        if key is not None and ours not in [row[:3] for row in held]:
            self.lock.take()


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
    restoring = _restoring(connection, opening, is_pooled)
    if opening:
        connection.opening = opening
        described = connection.execute(sql.describe_session(literal(address.table)))[0]
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
        connection.setting("client_encoding"),
        VersionTable(connection, table_schema, address.table, patience),
        History(connection, table_schema, address.table, encoding or "", is_wanted=keeps_history),
        _lock(
            connection, address, schema, lock.number(name), lock.number(name, table_schema, address.table), is_pooled
        ),
        restoring,
        is_pooled,
        settings,
        "" if address.schema else others or "",
    )


def _restoring(connection: Connection, opening: str, is_pooled: bool) -> str:
    """Return the statements that restore the session. See `Session`."""
    if not is_pooled:
        return file_sql.RESTORE_SETTINGS + file_sql.DEALLOCATE + file_sql.DISCARD + file_sql.OWN_ADVISORY_LOCKS
    # What the client began with is not what the pooler's connection began with, to which RESET returns.
    reported = {name: connection.setting(name) for name in _REPORTED}
    again = "".join(
        sql.set_setting(connection.literal(name), connection.literal(value), is_local=False)
        for name, value in reported.items()
        if value
    )
    discard = file_sql.DEALLOCATE_THOSE_OF_FILES + file_sql.DISCARD
    return file_sql.RESTORE_SETTINGS + again + opening + discard + file_sql.OWN_ADVISORY_LOCKS


def _lock(connection: Connection, address: Address, schema: str, row: int, key: int, is_pooled: bool) -> lock.Lock:
    if address.lock_strategy == "table":
        return lock.TableLock(connection, schema, address.lock_table, row)
    if is_pooled:
        from codeactions.migrate.database.pooled_lock import PooledLock  # most connections are direct

        return PooledLock(connection, key, lambda: connect(address))
    return lock.AdvisoryLock(connection, key)
