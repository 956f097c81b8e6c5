"""The table whose one row holds the database's version: golang-migrate's `schema_migrations`."""

import time
from typing import NamedTuple

from codeactions.migrate.database import sql
from codeactions.migrate.database.connection import Connection
from codeactions.migrate.database.errors import UNDEFINED_TABLE, ServerError, TimedOut
from codeactions.migrate.database.results import Row
from codeactions.migrate.errors import ErrorCode, MigrationError
from codeactions.migrate.versions import NIL_VERSION

LOCK_NOT_AVAILABLE = "55P03"
_PAUSE = 0.05
# Seconds that reading one row may take, even with less patience.
_READING = 1.0


class RecordedVersion(NamedTuple):
    """The content of the version table. No row is (NIL_VERSION, clean)."""

    version: int
    dirty: bool

    def __str__(self) -> str:
        at = "no version" if self.version == NIL_VERSION else f"version {self.version}"
        return at + (", dirty" if self.dirty else "")


class VersionTable:
    """The version table, seen by one connection.

    At most one row, and never another column: the table is shared with the Go tool.
    """

    def __init__(self, connection: Connection, schema: str, name: str, patience: float) -> None:
        """`patience`: seconds to wait for another session that has locked the table."""
        self._connection = connection
        self._patience = patience
        self._quoted = connection.identifier(schema, name)
        self._schema, self._name = connection.literal(schema), connection.literal(name)
        self.go_statement = sql.go_truncate(self._quoted)
        """The statement that scripts look for when writing the row fails."""

    def ensure(self) -> None:
        """Make the table if it does not exist. The caller holds the lock.

        golang-migrate does this while it opens the database, so a failure carries `while_opening`.
        """
        if self._is_missing():
            try:
                self._connection.execute(sql.create_version_table(self._quoted))
            except ServerError as error:
                error.while_opening = True
                raise

    def making_sql(self) -> str:
        """Return the statement that makes the table in a transaction; "" if it exists."""
        return f"{sql.create_version_table(self._quoted)};" if self._is_missing() else ""

    def read(self) -> RecordedVersion:
        """Return the recorded version. Outside of a transaction a missing table counts as an empty one."""
        patience = max(self._patience, _READING)
        try:
            return _recorded(self._connection.execute(sql.read_version(self._quoted), patience))
        except TimedOut as error:
            raise self._in_use(f"for {patience:g} s") from error
        except ServerError as error:
            if error.sqlstate != UNDEFINED_TABLE:
                raise
            return RecordedVersion(NIL_VERSION, False)

    def begin(self, modes: str = "", making: str = "") -> list[Row]:
        """Begin a transaction that keeps other writers away, and return the table's rows. Readers pass.

        `modes` are further ones of the transaction, such as "ISOLATION LEVEL SERIALIZABLE". `making` are the statements
        that make missing tables in it.

        Like the advisory lock, the table's lock is polled for and not waited for in the server. Raises
        `MigrationError` (conflict) if another session keeps the table, or keeps it until the connection is cancelled.
        """
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return self._connection.execute(sql.begin_and_read_version(self._quoted, modes, making))
            except ServerError as error:
                if error.sqlstate != LOCK_NOT_AVAILABLE:
                    # Scripts know this statement as the one that fails for want of a right.
                    error.query = self.go_statement
                    raise
                self._connection.execute(sql.ROLLBACK)
                if time.monotonic() >= deadline:
                    raise self._in_use(f"for {self._patience:g} s") from error
                if self._connection.cancelled:
                    raise self._in_use("until this was cancelled") from error
            time.sleep(_PAUSE)

    def claim(self, expected: RecordedVersion, modes: str = "", making: str = "") -> None:
        """Begin as `begin` does, and make sure that the version is still the one that was planned for.

        The advisory lock's number depends on how the URL spells the database, so two processes may hold "the" lock
        at once. This is where they then meet. Raises `MigrationError` (conflict).
        """
        found = _recorded(self.begin(modes, making))
        if found != expected:
            raise MigrationError(
                ErrorCode.CONFLICT,
                f"the database went from {expected} to {found} meanwhile, by another migration: "
                "run `migrate up` again when that has ended",
            )

    def replacing_sql(self, recorded: RecordedVersion) -> str:
        """Return the statements that replace the row, for a transaction."""
        text = sql.clear_version(self._quoted)
        # "Nothing applied" is an empty table, unless undoing the first migration failed.
        if recorded.version != NIL_VERSION or recorded.dirty:
            text += sql.insert_version(self._quoted, recorded.version, recorded.dirty)
        return text

    def _is_missing(self) -> bool:
        return self._connection.execute(sql.count_tables(self._schema, self._name)) == [("0",)]

    def _in_use(self, how_long: str) -> MigrationError:
        rows = self._connection.execute(sql.other_sessions_locking(self._connection.literal(self._quoted)))
        holders = ", ".join(f"pid {pid}" for (pid,) in rows) or "sessions that have ended meanwhile"
        return MigrationError(
            ErrorCode.CONFLICT, f"{how_long} the table {self._quoted} was locked by others ({holders}): end them"
        )


def _recorded(rows: list[Row]) -> RecordedVersion:
    if not rows:
        return RecordedVersion(NIL_VERSION, False)
    version, dirty = int(rows[0][0] or NIL_VERSION), rows[0][1] == "t"
    if version < NIL_VERSION:
        raise MigrationError(
            ErrorCode.CONFLICT, f"the version table holds version {version}, which cannot be: run `migrate force V`"
        )
    return RecordedVersion(version, dirty)
