"""The record of every step: a table of our own beside the version table, which holds one number only.

golang-migrate does not know of it and moves the version without a trace here. `catch_up` then notes those steps as
made by "unknown". Migrations do not depend on the history: without the right to make the table, they still run.
"""

import re
from typing import NamedTuple

from codeactions.migrate.about import TOOL
from codeactions.migrate.database import sql
from codeactions.migrate.database.connection import Connection
from codeactions.migrate.database.errors import (
    INSUFFICIENT_PRIVILEGE,
    READ_ONLY_TRANSACTION,
    UNDEFINED_COLUMN,
    UNDEFINED_TABLE,
    ServerError,
)
from codeactions.migrate.database.results import Row
from codeactions.migrate.errors import MigrationError
from codeactions.migrate.files.directory import Migrations, Script
from codeactions.migrate.versions import NIL_VERSION

UNKNOWN = "unknown"
FORCED = f"{TOOL} (force)"
_SUFFIX = "_history"
# Without what stands behind it where nothing was run: `(force)`, `(adopt)`.
_OURS = rf"{TOOL.split()[0]} [^( ]+"
# PostgreSQL's limit for a name, in bytes. It cuts longer ones without a word, and two tables would become one.
_LONGEST_NAME = 63
# Encodings of the server that have the same characters in Python, under the same names.
_KNOWN_ENCODINGS = ("LATIN", "ISO_8859_")


class Entry(NamedTuple):
    """One step of the past."""

    version: int
    title: str
    direction: str
    """`up`, `down` or `force`."""
    checksum: str | None
    """SHA-256 in hex of the file as it was then; for another tool's step, as it was when first seen here."""
    recorded: int
    """The version in the version table after it."""
    begun_at: str | None
    """ISO 8601, UTC; None if another tool did it."""
    duration_ms: float | None
    tool: str
    """`codeactions VERSION`, the same with ` (force)`, or `unknown`."""


class History:
    """The history of one connection's version table, in the same schema."""

    def __init__(
        self, connection: Connection, schema: str, table: str, encoding: str, *, is_wanted: bool = True
    ) -> None:
        """`encoding` is the database's, as PostgreSQL calls it. A history that is not wanted is never looked at."""
        self._connection = connection
        short = table.encode()[: _LONGEST_NAME - len(_SUFFIX)].decode(errors="ignore")
        self.name = short + _SUFFIX
        self._quoted = connection.identifier(schema, self.name)
        if encoding == "UTF8":
            self._encoding = "utf-8"
        else:
            self._encoding = encoding if encoding.startswith(_KNOWN_ENCODINGS) else "ascii"
        self.is_wanted = is_wanted
        self.kept = is_wanted
        """False, too, once the table turns out to be missing with no right to make it, or not writable."""
        self.problem = ""
        """The reason for that, for people."""

    def ensure(self) -> None:
        """Make the table if need be and check that it is ours. `problem` is set if no history can be kept."""
        if not self._is_missing():
            return
        try:
            # In a session that is read-only by default, the version can be written too.
            self._connection.execute(sql.BEGIN + sql.create_history(self._quoted) + sql.COMMIT)
        except ServerError as refused:
            self._connection.execute(sql.ROLLBACK)
            self._do_without(refused)

    def making_sql(self) -> str:
        """Return the statement that makes the table in a transaction; "" if that is not needed. Checks as `ensure`."""
        return sql.create_history(self._quoted) if self._is_missing() else ""

    def applied(self) -> dict[int, Entry] | None:
        """Return by version the step that applied each migration that counts as applied. None without a history."""
        rows = self._select(sql.applied_entries(self._quoted))
        if rows is None:
            return None
        return {entry.version: entry for entry in map(_entry, rows) if entry.direction == "up"}

    def last(self) -> tuple[Entry, bool] | None:
        """Return the newest step and whether it is finished. None if there is none."""
        rows = self._select(sql.newest_entry(self._quoted))
        return (_entry(rows[0]), rows[0][-1] == "t") if rows else None

    def recorded(self) -> int:
        """Return the version after the newest finished step; NIL_VERSION if there is none."""
        rows = self._select(sql.newest_recorded(self._quoted))
        return int(rows[0][0] or NIL_VERSION) if rows else NIL_VERSION

    def applied_here(self) -> set[int]:
        """Return the versions whose files this tool, in any release, has run."""
        entries = (self.applied() or {}).items()
        return {version for version, entry in entries if re.fullmatch(_OURS, entry.tool)}

    def adding_sql(
        self,
        version: int,
        direction: str,
        script: Script | None,
        recorded: int,
        *,
        checksum: str | None = None,
        duration_ms: float | None = None,
        done: bool = True,
        tool: str = TOOL,
    ) -> str:
        """Return the statement that notes a step, for a transaction; "" where no history is kept.

        The parameters are the fields of `Entry`, with the title from `script`; `done` says whether the step is
        finished.
        """
        if not self.kept:
            return ""
        literal = self._connection.literal
        # A file name may have any letters, and even bytes that are none. What cannot be stored is escaped.
        title = (script.title if script else "").encode(self._encoding, "backslashreplace").decode(self._encoding)
        return sql.insert_entry(
            self._quoted,
            str(version),
            literal(title),
            f"'{direction}'",
            literal(checksum),
            str(recorded),
            "NULL" if tool == UNKNOWN else sql.time_before_now(duration_ms or 0),
            "NULL" if duration_ms is None else str(round(duration_ms, 3)),
            str(done),
            literal(tool),
        )

    def finishing_sql(self, duration_ms: float) -> str:
        """Return the statement that marks the newest step as finished; "" where no history is kept."""
        return sql.finish_newest_entry(self._quoted, round(duration_ms, 3)) if self.kept else ""

    def catch_up(self, migrations: Migrations, version: int, tool: str = UNKNOWN) -> None:
        """Note what must have happened for the database to be at `version`, which is clean. The caller holds the lock.

        Going up, all files in between count as applied, with the checksum that they have now. Going down, all that
        were applied above count as undone.
        """
        before = self.recorded()
        if not self.kept or before == version:
            return
        applied = self.applied() or {}
        if version > before:
            steps = [
                self.adding_sql(item.version, "up", item.up, version, checksum=_checksum(item.up), tool=tool)
                for item in migrations.items
                if before < item.version <= version
            ]
            if migrations.find(version) is None:
                steps.append(self.adding_sql(version, "up", None, version, tool=tool))
        else:
            undone = sorted((number for number in applied if number > version), reverse=True)
            steps = [self.adding_sql(number, "down", None, version, tool=tool) for number in undone]
            steps = steps or [self.adding_sql(before, "down", None, version, tool=tool)]
        self._connection.execute(sql.BEGIN + "".join(steps) + sql.COMMIT)

    def never_applied(self, migrations: Migrations, version: int) -> list[int]:
        """Return the files up to `version` that never ran, ascending. Without a history none are known."""
        applied = self.applied()
        if applied is None:
            return []
        # What lies above the history's end was done by another tool: the recorded version says so.
        end = min(version, self.recorded())
        return [item.version for item in migrations.items if item.version <= end and item.version not in applied]

    def _is_missing(self) -> bool:
        """Return whether the table is to be made. If there is one that is not ours, no history is kept."""
        if not self.kept:
            return False
        name = self._connection.literal(self._quoted)
        try:
            writable = self._connection.execute(sql.check_history(self._quoted, name))
        except ServerError as error:
            if error.sqlstate == UNDEFINED_TABLE:
                return True
            self._do_without(error)
            return False
        # Otherwise the failure would come after a file has run, and take the file along.
        if writable != [("t",)]:
            self._do_without(ServerError(INSUFFICIENT_PRIVILEGE, f"permission denied for table {self.name}"))
        return False

    def _do_without(self, error: ServerError) -> None:
        if error.sqlstate not in (INSUFFICIENT_PRIVILEGE, UNDEFINED_COLUMN, READ_ONLY_TRANSACTION):
            raise error
        self.kept = False
        self.problem = f"no history is kept in {self.name}: {error.message}"

    def _select(self, query: str) -> list[Row] | None:
        if not self.kept:
            return None
        try:
            return self._connection.execute(query)
        except ServerError as error:
            if error.sqlstate not in (UNDEFINED_TABLE, INSUFFICIENT_PRIVILEGE, UNDEFINED_COLUMN):
                raise
            return None


def _entry(row: Row) -> Entry:
    version, title, direction, checksum, recorded, begun_at, duration, tool = row[:8]
    return Entry(
        int(version or 0),
        title or "",
        direction or "",
        checksum,
        int(recorded or 0),
        begun_at,
        None if duration is None else float(duration),
        tool or UNKNOWN,
    )


def _checksum(script: Script | None) -> str | None:
    if script is None:
        return None
    try:
        return script.checksum()
    except MigrationError:
        # It was applied long ago; a command that needs the file reports what is wrong with it.
        return None
