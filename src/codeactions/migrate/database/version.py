"""The table with the one row that says how far a database is: golang-migrate's `schema_migrations`."""

import time
from dataclasses import dataclass

from codeactions.domain.errors import ErrorCode
from codeactions.migrate.database.libpq import Connection, Row, ServerError, TimedOut
from codeactions.migrate.failure import NIL_VERSION, MigrationError

UNDEFINED_TABLE = "42P01"
LOCK_NOT_AVAILABLE = "55P03"
PAUSE = 0.05
# Seconds that reading one row may take, however impatient somebody is.
READING = 1.0


@dataclass(frozen=True)
class Recorded:
    """What the table says. No row is (NIL_VERSION, clean)."""

    version: int
    dirty: bool

    def __str__(self) -> str:
        at = "no version" if self.version == NIL_VERSION else f"version {self.version}"
        return at + (", dirty" if self.dirty else "")


class VersionTable:
    """The table of one connection. At most one row; never any other column: it is shared with the Go tool."""

    def __init__(self, connection: Connection, schema: str, name: str, patience: float) -> None:
        """`patience`: seconds to wait for another session that has locked the table."""
        self._connection = connection
        self._patience = patience
        self._quoted = connection.identifier(schema, name)
        self.known_as = f"TRUNCATE {self._quoted}"
        """How golang-migrate begins to write the row: what scripts look for when that fails."""
        self._read = f"SELECT version, dirty FROM {self._quoted} LIMIT 1"
        # IF NOT EXISTS alone would ask for the right to create even where the table is there already.
        self._exists = (
            "SELECT count(*) FROM information_schema.tables "
            f"WHERE table_schema = {connection.literal(schema)} AND table_name = {connection.literal(name)}"
        )

    def ensure(self) -> None:
        """Make the table if it is not there. The caller holds the lock. For golang-migrate, a part of opening."""
        if self._connection.run(self._exists) == [("0",)]:
            try:
                self._connection.run(
                    f"CREATE TABLE IF NOT EXISTS {self._quoted} "
                    "(version bigint not null primary key, dirty boolean not null)"
                )
            except ServerError as error:
                error.while_opening = True
                raise

    def read(self) -> Recorded:
        """The recorded version; outside of a transaction, a missing table is an empty one."""
        try:
            return self._recorded(self._connection.run(self._read, max(self._patience, READING)))
        except TimedOut as error:
            raise self._in_use(f"for {max(self._patience, READING):g} s") from error
        except ServerError as error:
            if error.sqlstate != UNDEFINED_TABLE:
                raise
            return Recorded(NIL_VERSION, False)

    def begin(self) -> list[Row]:
        """Begin a transaction that keeps other writers away. Returns what the table holds. Readers pass.

        Like the advisory lock it is polled for, not waited for in the server. `MigrationError` (conflict) if
        another session does not let go of the table, or not before the connection is cancelled.
        """
        # READ WRITE: in a session that is read-only by default, the Go tool too can write its row.
        begin = f"BEGIN READ WRITE; LOCK TABLE {self._quoted} IN SHARE ROW EXCLUSIVE MODE NOWAIT; {self._read}"
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return self._connection.run(begin)
            except ServerError as error:
                if error.sqlstate != LOCK_NOT_AVAILABLE:
                    # Of all that was sent, what scripts know as the statement that fails for want of a right.
                    error.query = self.known_as
                    raise
                self._connection.run("ROLLBACK")
                if time.monotonic() >= deadline:
                    raise self._in_use(f"for {self._patience:g} s") from error
                if self._connection.cancelled:
                    raise self._in_use("until this was cancelled") from error
            time.sleep(PAUSE)

    def claim(self, expected: Recorded) -> None:
        """Begin, and make sure that the version is still the one that was planned for.

        The advisory lock's number depends on how the database is spelled in the URL, so two processes may
        hold "the" lock at once. This is what they then meet at.
        """
        found = self._recorded(self.begin())
        if found != expected:
            raise MigrationError(
                ErrorCode.CONFLICT,
                f"the database went from {expected} to {found} meanwhile, by another migration: "
                "run `migrate up` again when that has ended",
            )

    def writing(self, recorded: Recorded) -> str:
        """The statements that replace the row, for a transaction.

        Not TRUNCATE, as the Go tool does: that would wait for every reader, a running pg_dump for instance.
        """
        text = f"DELETE FROM {self._quoted};"
        # "Nothing applied" is an empty table, unless undoing the first migration failed.
        if recorded.version != NIL_VERSION or recorded.dirty:
            text += f" INSERT INTO {self._quoted} (version, dirty) VALUES ({recorded.version}, {recorded.dirty});"
        return text

    def _in_use(self, how_long: str) -> MigrationError:
        holding = (
            f"relation = {self._connection.literal(self._quoted)}::regclass AND granted AND pid <> pg_backend_pid()"
        )
        rows = self._connection.run(f"SELECT DISTINCT pid FROM pg_locks WHERE {holding}")
        who = ", ".join(f"pid {pid}" for (pid,) in rows) or "sessions that have ended meanwhile"
        return MigrationError(
            ErrorCode.CONFLICT, f"{how_long} the table {self._quoted} was locked by others ({who}): end them"
        )

    @staticmethod
    def _recorded(rows: list[Row]) -> Recorded:
        if not rows:
            return Recorded(NIL_VERSION, False)
        version, dirty = int(rows[0][0] or NIL_VERSION), rows[0][1] == "t"
        if version < NIL_VERSION:
            raise MigrationError(
                ErrorCode.CONFLICT, f"the version table holds version {version}, which cannot be: run `migrate force V`"
            )
        return Recorded(version, dirty)
