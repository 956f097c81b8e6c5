"""The table with the one row that says how far a database is: golang-migrate's `schema_migrations`."""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from codeactions.domain.errors import ErrorCode
from codeactions.migrate.failure import NIL_VERSION, MigrationError

# IF NOT EXISTS alone would ask for the right to create even where the table is there already.
EXISTS = sql.SQL("SELECT count(*) FROM information_schema.tables WHERE table_schema = %s AND table_name = %s")
CREATE = sql.SQL("CREATE TABLE IF NOT EXISTS {} (version bigint not null primary key, dirty boolean not null)")
READ = sql.SQL("SELECT version, dirty FROM {} LIMIT 1")
# Not TRUNCATE, as the Go tool does: it would wait for every reader, a running pg_dump for instance.
CLEAR = sql.SQL("DELETE FROM {}")
INSERT = sql.SQL("INSERT INTO {} (version, dirty) VALUES (%s, %s)")
# Lets readers pass, and holds back everyone else who means to write the version.
CLAIM = sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE")


@dataclass(frozen=True)
class Recorded:
    """What the table says. No row is (NIL_VERSION, clean)."""

    version: int
    dirty: bool


class VersionTable:
    """The table of one connection. At most one row; never any other column: it is shared with the Go tool."""

    def __init__(self, connection: psycopg.Connection[Any], schema: str, name: str) -> None:
        self._connection = connection
        self._schema, self._name = schema, name
        self._identifier = sql.Identifier(schema, name)

    def ensure(self) -> None:
        """Make the table if it is not there. The caller holds the lock."""
        row = self._connection.execute(EXISTS, (self._schema, self._name)).fetchone()
        if row is None or row[0] == 0:
            self._connection.execute(CREATE.format(self._identifier))

    def read(self) -> Recorded:
        """The recorded version; outside of a transaction, a missing table is an empty one."""
        try:
            row = self._connection.execute(READ.format(self._identifier)).fetchone()
        except psycopg.errors.UndefinedTable:
            row = None
        if row is None:
            return Recorded(NIL_VERSION, False)
        if row[0] < NIL_VERSION:
            raise MigrationError(ErrorCode.CONFLICT, f"{self._name} holds version {row[0]}: run `migrate force N`")
        return Recorded(row[0], row[1])

    def claim(self, expected: Recorded) -> None:
        """Keep other writers away until the transaction ends, and make sure that none came before.

        The advisory lock's number depends on how the database is spelled in the URL, so two processes may
        hold "the" lock at once. This is what they then meet at.
        """
        self._connection.execute(CLAIM.format(self._identifier))
        found = self.read()
        if found != expected:
            raise MigrationError(
                ErrorCode.CONFLICT,
                f"the database went from version {expected.version} to {found.version} meanwhile, by another "
                "migration: run `migrate up` again when that has ended",
            )

    def write(self, recorded: Recorded) -> None:
        """Replace the row. Inside a transaction of the caller, or one statement after the other with a
        transaction of its own."""
        with self._connection.transaction():
            self._connection.execute(CLEAR.format(self._identifier))
            # "Nothing applied" is an empty table, unless undoing the first migration failed.
            if recorded.version != NIL_VERSION or recorded.dirty:
                self._connection.execute(INSERT.format(self._identifier), (recorded.version, recorded.dirty))
