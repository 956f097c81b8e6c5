"""What happened, step by step: a table of our own beside the version table, which knows one number only.

golang-migrate does not know of it and moves the version behind its back; `catch_up` then notes those steps as
made by "unknown". Nothing depends on its being there: without the right to make it, migrations still run.
"""

from dataclasses import dataclass

import codeactions
from codeactions.domain.errors import Error
from codeactions.migrate.database.libpq import Connection, Row, ServerError
from codeactions.migrate.database.version import UNDEFINED_TABLE
from codeactions.migrate.failure import NIL_VERSION
from codeactions.migrate.source.files import Migrations, Script, checksum

SUFFIX = "_history"
OURS = f"codeactions {codeactions.__version__}"
UNKNOWN = "unknown"
FORCED = f"{OURS} (force)"
# PostgreSQL's limit for a name, in bytes; it cuts silently, and would make two tables one.
LONGEST_NAME = 63
WRITABLE = (
    "SELECT {0} FROM {1} LIMIT 0; SELECT has_table_privilege({2}, 'INSERT') AND has_table_privilege({2}, 'UPDATE')"
)
# Encodings of the server's that have the same characters in Python, which knows them by the same names.
KNOWN_ENCODINGS = ("LATIN", "ISO_8859_")
INSUFFICIENT_PRIVILEGE = "42501"
UNDEFINED_COLUMN = "42703"
COLUMNS = "version, title, direction, checksum, recorded, begun_at, duration_ms, done, tool"
CREATE = """CREATE TABLE IF NOT EXISTS {} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version bigint NOT NULL,
    title text NOT NULL,
    direction text NOT NULL CHECK (direction IN ('up', 'down', 'force')),
    checksum text,
    recorded bigint NOT NULL,
    begun_at timestamptz,
    duration_ms double precision,
    done boolean NOT NULL,
    tool text NOT NULL
)"""


@dataclass(frozen=True)
class Entry:
    """One step of the past."""

    version: int
    title: str
    direction: str
    """`up`, `down` or `force`."""
    checksum: str | None
    """SHA-256 of the file as it was then, in hex; of another tool's step, of the file when we first saw it."""
    recorded: int
    """The version in the version table after it."""
    begun_at: str | None
    """ISO 8601, UTC; None if another tool did it."""
    duration_ms: float | None
    tool: str
    """`codeactions VERSION`, the same with ` (force)`, or `unknown`."""


class History:
    """The history of one connection's version table, in the same schema."""

    def __init__(self, connection: Connection, schema: str, table: str, encoding: str) -> None:
        """`encoding` is the database's, as PostgreSQL calls it."""
        self._connection = connection
        short = table.encode()[: LONGEST_NAME - len(SUFFIX)].decode(errors="ignore")
        self.name = short + SUFFIX
        self._quoted = connection.identifier(schema, self.name)
        if encoding == "UTF8":
            self._encoding = "utf-8"
        else:
            self._encoding = encoding if encoding.startswith(KNOWN_ENCODINGS) else "ascii"
        self.kept = True
        """False once it has shown that there is no table and no right to make one, or none to write to it."""
        self.problem = ""
        """What is wrong then, for people."""

    def ensure(self) -> None:
        """Make the table if need be, and see that it is ours; `problem` says what is wrong if it cannot be kept."""
        name = self._connection.literal(self._quoted)
        try:
            writable = self._connection.run(WRITABLE.format(COLUMNS, self._quoted, name))
        except ServerError as error:
            if error.sqlstate == UNDEFINED_TABLE:
                self._make()
            else:
                self._do_without(error)
            return
        # It would fail only when a file was run, and take that along.
        if writable != [("t",)]:
            self._do_without(ServerError(INSUFFICIENT_PRIVILEGE, f"permission denied for table {self.name}"))

    def _make(self) -> None:
        try:
            # In a session that is read-only by default the version can be written, too.
            self._connection.run(f"BEGIN READ WRITE;{CREATE.format(self._quoted)};COMMIT")
        except ServerError as refused:
            self._connection.run("ROLLBACK")
            self._do_without(refused)

    def _do_without(self, error: ServerError) -> None:
        if error.sqlstate not in (INSUFFICIENT_PRIVILEGE, UNDEFINED_COLUMN, "25006"):
            raise error
        self.kept = False
        self.problem = f"no history is kept in {self.name}: {error.message}"

    def applied(self) -> dict[int, Entry] | None:
        """By version, the step that applied each migration that counts as applied. None: there is no history."""
        where = "WHERE done AND direction <> 'force' ORDER BY version, id DESC"
        rows = self._select(f"SELECT DISTINCT ON (version) {_SELECTED} FROM {self._quoted} {where}")
        if rows is None:
            return None
        return {entry.version: entry for entry in map(_entry, rows) if entry.direction == "up"}

    def last(self) -> tuple[Entry, bool] | None:
        """The newest step, and whether it came to its end. None if there is none."""
        rows = self._select(f"SELECT {_SELECTED}, done FROM {self._quoted} ORDER BY id DESC LIMIT 1")
        return (_entry(rows[0]), rows[0][-1] == "t") if rows else None

    def recorded(self) -> int:
        """The version after the last step that was done; NIL_VERSION if there was none."""
        rows = self._select(f"SELECT recorded FROM {self._quoted} WHERE done ORDER BY id DESC LIMIT 1")
        return int(rows[0][0] or NIL_VERSION) if rows else NIL_VERSION

    def _select(self, query: str) -> list[Row] | None:
        if not self.kept:
            return None
        try:
            return self._connection.run(query)
        except ServerError as error:
            if error.sqlstate not in (UNDEFINED_TABLE, INSUFFICIENT_PRIVILEGE, UNDEFINED_COLUMN):
                raise
            return None

    def writing(
        self,
        version: int,
        direction: str,
        script: Script | None,
        recorded: int,
        *,
        checksum: str | None = None,
        duration_ms: float | None = None,
        done: bool = True,
        tool: str = OURS,
    ) -> str:
        """The statement that notes a step, for a transaction; "" where no history is kept."""
        if not self.kept:
            return ""
        literal = self._connection.literal
        # A file name may have any letters, and even bytes that are none: what cannot be stored is escaped.
        title = (script.title if script else "").encode(self._encoding, "backslashreplace").decode(self._encoding)
        begun = "NULL" if tool == UNKNOWN else f"clock_timestamp() - interval '{duration_ms or 0} ms'"
        return (
            f"INSERT INTO {self._quoted} ({COLUMNS}) VALUES ({version}, {literal(title)}, "
            f"'{direction}', {literal(checksum)}, {recorded}, {begun}, "
            f"{'NULL' if duration_ms is None else round(duration_ms, 3)}, {done}, {literal(tool)});"
        )

    def ending(self, duration_ms: float) -> str:
        """The statement that marks the newest step as done; "" where no history is kept."""
        newest = f"(SELECT max(id) FROM {self._quoted})"
        return (
            f"UPDATE {self._quoted} SET done = true, duration_ms = {round(duration_ms, 3)} WHERE id = {newest};"
            if self.kept
            else ""
        )

    def catch_up(self, migrations: Migrations, version: int, tool: str = UNKNOWN) -> None:
        """Note what must have happened for the database to be at `version`, which is clean. Holding the lock.

        Going up, all files in between count as applied, with the checksum that they have now; going down, all
        that were applied above count as undone.
        """
        before = self.recorded()
        if not self.kept or before == version:
            return
        applied = self.applied() or {}
        if version > before:
            steps = [
                self.writing(item.version, "up", item.up, version, checksum=_checksum(item.up), tool=tool)
                for item in migrations.items
                if before < item.version <= version
            ]
            if migrations.find(version) is None:
                steps.append(self.writing(version, "up", None, version, tool=tool))
        else:
            undone = sorted((number for number in applied if number > version), reverse=True)
            steps = [self.writing(number, "down", None, version, tool=tool) for number in undone]
            steps = steps or [self.writing(before, "down", None, version, tool=tool)]
        self._connection.run("BEGIN READ WRITE;" + "".join(steps) + "COMMIT")


_SELECTED = (
    "version, title, direction, checksum, recorded, "
    "to_char(begun_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), duration_ms, tool"
)


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
        return checksum(script.read())
    except Error:
        # It was applied long ago, and whoever needs to read it will say what is wrong.
        return None


def never_applied(history: History, migrations: Migrations, version: int) -> list[int]:
    """The files up to `version` that never ran, ascending; none that anybody knows of without a history."""
    applied = history.applied()
    if applied is None:
        return []
    # What lies above the history's end has been done by another tool, or so the recorded version says.
    end = min(version, history.recorded())
    return [item.version for item in migrations.items if item.version <= end and item.version not in applied]
