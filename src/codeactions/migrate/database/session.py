"""One connection for a whole command: the lock, the version table, the history and the files all use it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from codeactions.domain.errors import ErrorCode
from codeactions.migrate.database import libpq, lock
from codeactions.migrate.database.address import Address, Driver, parse
from codeactions.migrate.database.connect import connect
from codeactions.migrate.database.history import History
from codeactions.migrate.database.version import VersionTable
from codeactions.migrate.failure import MigrationError

WHERE = """
SELECT current_schema(), current_database(), current_setting('default_transaction_read_only'),
       current_setting('server_encoding')
"""
# In this order: the first ends what a role was set to as well, the second returns to the one the session began with.
RESET_ROLE = "RESET SESSION AUTHORIZATION; RESET ROLE"
PATIENCE = 15.0
PGX_NO_SCHEMA = (
    'sql: Scan error on column index 0, name "current_schema": converting NULL to string is unsupported '
    "in line 0: SELECT CURRENT_SCHEMA()"
)
NO_SCHEMA = {Driver.POSTGRES: "no schema", Driver.PGX4: PGX_NO_SCHEMA, Driver.PGX5: PGX_NO_SCHEMA}


@dataclass(frozen=True)
class Session:
    """An open connection in autocommit, and what is derived from its address."""

    connection: libpq.Connection
    address: Address
    schema: str
    """The connection's current schema at the start; the version table may be in another."""
    read_only: bool
    """Whether transactions are read-only unless they say otherwise."""
    table: VersionTable
    history: History
    lock: lock.Lock

    def reset_role(self) -> None:
        """Be who connected again, where a file has changed that. Files are not to notice: only after the last one."""
        self.connection.run(RESET_ROLE)


@contextmanager
def opened(database_url: str, *, sslmode: str | None = None, patience: float = PATIENCE) -> Iterator[Session]:
    """Connect for the block; nothing is written.

    `sslmode` is the default, where neither URL nor environment has one (None: libpq's own); `patience` is how many
    seconds to wait for somebody who has locked the version table. Raises `MigrationError`: `invalid` for a bad URL,
    `internal` if the server says no, here or within the block.
    """
    address = parse(database_url, sslmode=sslmode)
    with connect(address) as connection:
        try:
            yield _session(connection, address, patience)
        except libpq.DatabaseError as error:
            reason = " ".join(str(error).split())
            raise MigrationError(
                ErrorCode.INTERNAL,
                f"the database at {address.place} refused: {reason}; see `migrate status`",
                tool=f"{'failed to open database: ' if error.while_opening else ''}"
                f"{in_go_words(error, address.driver)} in line 0: {error.query}",
            ) from error


def _session(connection: libpq.Connection, address: Address, patience: float) -> Session:
    schema, database, read_only, encoding = connection.run(WHERE)[0]
    if schema is None:
        raise MigrationError(
            ErrorCode.CONFLICT,
            "the database has no schema to create tables in: see search_path",
            tool=f"failed to open database: {NO_SCHEMA[address.driver]}",
        )
    name = address.path or database or ""
    of_table = address.schema or schema
    return Session(
        connection,
        address,
        schema,
        read_only == "on",
        VersionTable(connection, of_table, address.table, patience),
        History(connection, of_table, address.table, encoding or ""),
        lock.TableLock(connection, schema, address.lock_table, lock.number(name))
        if address.lock_strategy == "table"
        else lock.AdvisoryLock(connection, lock.number(name, of_table, address.table)),
    )


def in_go_words(error: libpq.DatabaseError, driver: Driver) -> str:
    """An error as the URL's driver prints it."""
    if isinstance(error, libpq.TimedOut) and driver is not Driver.POSTGRES:
        return "timeout: context deadline exceeded"
    if type(error) is libpq.DatabaseError:
        return str(error)
    if not isinstance(error, libpq.ServerError):
        return "driver: bad connection" if driver is Driver.POSTGRES else f"unexpected EOF: {error}"
    if driver is Driver.POSTGRES:
        return f"pq: {error.message}"
    return f"ERROR: {error.message} (SQLSTATE {error.sqlstate})"
