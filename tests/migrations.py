"""What the tests of `migrate` share: a folder of files, an empty database, the command, and looks at all three."""

import io
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from harness import wait_until

from codeactions.migrate.command.main import main
from codeactions.migrate.database import address, lock, session
from codeactions.migrate.database.connect import APPLICATION

Connection = psycopg.Connection[Any]
_GATE = 4711
PAUSE = f"SELECT pg_advisory_lock_shared({_GATE});"
"""A statement for a file that `Migrate.paused` runs: it stops there."""
_DURATION = re.compile(r"(?<=[( ])[0-9.]+(?:ns|µs|ms|s)(?=[,)\n])")
_STAMP = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ", re.MULTILINE)


class Ran(NamedTuple):
    """One run of the command. Durations are `T` in it, and the time stamps of -verbose are `@ `."""

    code: int
    err: str
    out: str = ""


def run(*words: str) -> Ran:
    """Run the command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(list(words))
    return Ran(code, _STAMP.sub("@ ", _DURATION.sub("T", err.getvalue())), out.getvalue())


def write(directory: Path, **files: str | bytes) -> Path:
    """A folder of migrations by version: `_1="CREATE TABLE ..."`, `_1_down="..."`; all have the title `step`."""
    directory.mkdir(exist_ok=True)
    for key, text in files.items():
        version, _, half = key[1:].partition("_")
        content = text if isinstance(text, bytes) else text.encode()
        (directory / f"{version}_step.{half or 'up'}.sql").write_bytes(content)
    return directory


def rows(database: Connection) -> list[tuple[Any, ...]]:
    """The version table's."""
    return database.execute("SELECT version, dirty FROM schema_migrations").fetchall()


def relations(database: Connection) -> set[str]:
    """All tables, views, sequences and indexes of the current schema."""
    found = database.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
    ).fetchall()
    return {row[0] for row in found}


def wait_for(condition: Callable[[], Any]) -> Any:
    """What `condition` returns once that is something."""
    return wait_until(condition, 30)


def pid_running(database: Connection, text: str) -> int:
    """The backend of a migration that is at a statement with `text` in it."""
    query = """SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
               AND application_name = %s AND position(%s IN query) > 0"""
    return int(wait_for(lambda: database.execute(query, (APPLICATION, text)).fetchone())[0])


@contextmanager
def background(call: Callable[[], Any]) -> Iterator[Future[Any]]:
    """`call` in a thread, whose end is waited for."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(call)


class Migrate:
    """The command on one folder and one database: `migrate("up", "1")`. The flag -path is given, too."""

    def __init__(self, url: str, directory: Path, database: Connection) -> None:
        self.url = url
        self.directory = directory
        self.database = database
        directory.mkdir()

    def __call__(self, *words: str, options: str = "", scheme: str = "", url: str = "") -> Ran:
        """`options` go behind the URL, `scheme` replaces its own, `url` all of it."""
        return run("-path", str(self.directory), "-database", url or self.address(options, scheme), *words)

    def address(self, options: str = "", scheme: str = "") -> str:
        """The database's URL, with `key=value&key=value` more."""
        url = self.url + ("&" if "?" in self.url else "?") + options if options else self.url
        return f"{scheme}://{url.partition('://')[2]}" if scheme else url

    def write(self, **files: str | bytes) -> None:
        """See `write` above."""
        write(self.directory, **files)

    def query(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement; all rows."""
        cursor = self.database.execute(text, values or None)
        return cursor.fetchall() if cursor.description else []

    def rows(self) -> list[tuple[Any, ...]]:
        """The version table's."""
        return rows(self.database)

    def relations(self) -> set[str]:
        """See `relations` above."""
        return relations(self.database)

    def history(self, columns: str = "version, direction, recorded") -> list[tuple[Any, ...]]:
        """The history's rows, the oldest first."""
        return self.query(f"SELECT {columns} FROM schema_migrations_history ORDER BY id")

    def lock_number(self) -> int:
        """Of the advisory lock that a migration of this database takes."""
        return lock.number(address.parse(self.url).path, "public", "schema_migrations")

    def locks(self) -> list[int]:
        """The numbers of the advisory locks that are held in this database, without that of `paused`."""
        query = """SELECT objid::bigint FROM pg_locks JOIN pg_database d ON d.oid = database
                   WHERE locktype = 'advisory' AND granted AND classid = 0 AND objsubid = 1
                   AND datname = current_database() AND objid <> %s"""
        return [number for (number,) in self.query(query, _GATE)]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The lock, held by another session of this process."""
        with session.opened(self.url) as other, lock.held(other.lock, 10):
            yield

    @contextmanager
    def paused(self, call: Callable[[], Any]) -> Iterator[tuple[Future[Any], int]]:
        """`call` in a thread, and its backend's process id, stopped at PAUSE until the block ends."""
        self.query("SELECT pg_advisory_lock(%s)", _GATE)
        with background(call) as result:
            try:
                yield result, pid_running(self.database, PAUSE)
            finally:
                self.query("SELECT pg_advisory_unlock(%s)", _GATE)


def named(text: str) -> list[list[str]]:
    """The words of each command `migrate ...` that a message names, in the order in which it does."""
    return [command.split() for command in re.findall("`migrate ([^`]+)`", text)]
