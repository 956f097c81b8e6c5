"""The two programs that migrate, as the tests drive them: golang-migrate's statements, and our real process.

`GoTool` is not the Go program. It sends, on a connection of psycopg's, the statements that golang-migrate
4.19.1 sends with its lib/pq driver, in its order and in its transactions, and takes its lock by its number,
waiting for it in the server as that does. So the two can be tested on one database where there is no Go. What
it prints is golang-migrate's too, as far as a test looks at it.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from harness import children_of, wait_until

PROGRAM = [sys.executable, "-c", "import sys; from codeactions.migrate.command.main import main; sys.exit(main())"]
APPLICATION = "codeactions migrate"
# Of the environment. Unbuffered output would hide what goes wrong with what is buffered.
NOT_OURS = ("PG", "CODEACTIONS_", "DATABASE_URL", "PYTHONUNBUFFERED")
GATE = "SELECT pg_advisory_xact_lock(7);"
# A database of the Go service, as golang-migrate and the service's own tools have left it.
SERVICE_TABLES = """
CREATE TABLE codes (id uuid PRIMARY KEY, name varchar(255), type varchar(50), source text,
    language varchar(50), url varchar(512), project_uuid varchar(255), timeout integer DEFAULT 60,
    created_at timestamptz, updated_at timestamptz, mongo_object_id varchar(24));
CREATE TABLE codelibs (id uuid PRIMARY KEY, name varchar(255), language varchar(50),
    created_at timestamptz, updated_at timestamptz, mongo_object_id varchar(24));
CREATE TABLE coderuns (id uuid PRIMARY KEY, code_id uuid, status varchar(50), result text, extra jsonb,
    params jsonb, body text, headers jsonb, created_at timestamptz, updated_at timestamptz,
    mongo_object_id varchar(24), code_mongo_id varchar(24));
CREATE TABLE user_permissions (id uuid PRIMARY KEY, project_uuid varchar(255), email varchar(255),
    role integer, created_at timestamptz, updated_at timestamptz, mongo_object_id varchar(24));
CREATE TABLE projects (id uuid PRIMARY KEY, uuid varchar(255) UNIQUE, name varchar(255),
    authorizations jsonb, created_at timestamptz, updated_at timestamptz, mongo_object_id varchar(24));
CREATE TABLE schema_migrations (version bigint not null primary key, dirty boolean not null);
INSERT INTO schema_migrations VALUES (5, false);
"""


def write_files(folder: Path, up: Mapping[int, str], down: Mapping[int, str] | None = None) -> Path:
    """A folder of migrations by version, titled `step`."""
    folder.mkdir(exist_ok=True)
    for direction, texts in (("up", up), ("down", down or {})):
        for version, text in texts.items():
            (folder / f"{version:03}_step.{direction}.sql").write_text(text)
    return folder


class GoToolError(Exception):
    """What golang-migrate prints behind `error: `, with exit code 1."""


class GoTool:
    """One run of golang-migrate: it opens (lock, table, unlock) when it is made, then does its commands.

    A command returns the lines it prints. Files have the names of `write_files`.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.connection = psycopg.connect(url, autocommit=True, prepare_threshold=None)
        self._files = {
            direction: {int(path.name.split("_")[0]): path for path in folder.glob(f"*.{direction}.sql")}
            for direction in ("up", "down")
        }
        self._versions = sorted({*self._files["up"], *self._files["down"]})
        try:
            self._open(url)
        except BaseException:
            self.connection.close()
            raise

    def _open(self, url: str) -> None:
        self._run(";")
        self._run(";")
        database = unquote(urlsplit(url).path) or str(self._one("SELECT CURRENT_DATABASE()"))
        schema = str(self._one("SELECT CURRENT_SCHEMA()"))
        self._table = f'"{schema}"."schema_migrations"'
        self.key = lock_number(schema, "schema_migrations", database)
        self.lock()
        count = "SELECT COUNT(1) FROM information_schema.tables WHERE table_schema = %s AND table_name = %s LIMIT 1"
        if self._one(count, (schema, "schema_migrations")) != 1:
            self._run(
                f"CREATE TABLE IF NOT EXISTS {self._table} "
                "(version bigint not null primary key, dirty boolean not null)"
            )
        self.unlock()

    def __enter__(self) -> "GoTool":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    @property
    def pid(self) -> int:
        """Its backend's."""
        return self.connection.info.backend_pid

    def lock(self) -> None:
        """Waits in the server, without any time-out."""
        try:
            self._run("SELECT pg_advisory_lock(%s)", (self.key,))
        except psycopg.Error as error:
            raise GoToolError(f"try lock failed in line 0: SELECT pg_advisory_lock($1) (details: {error})") from error

    def unlock(self) -> None:
        self._run("SELECT pg_advisory_unlock(%s)", (self.key,))

    def up(self, limit: int | None = None) -> list[str]:
        """All files above the version, or the next `limit`."""
        return self._walk(limit, down=False)

    def down(self, limit: int | None = None) -> list[str]:
        """The newest `limit` files, or all."""
        return self._walk(limit, down=True)

    def force(self, version: int) -> None:
        self.lock()
        self._record(version, False)
        self.unlock()

    def version(self) -> str:
        """`N`, or `N (dirty)`."""
        version, dirty = self._recorded()
        if version == -1:
            raise GoToolError("no migration")
        return f"{version} (dirty)" if dirty else str(version)

    def _walk(self, limit: int | None, *, down: bool) -> list[str]:
        self.lock()
        try:
            version, dirty = self._recorded()
            if dirty:
                raise GoToolError(f"Dirty database version {version}. Fix and force version.")
            if version >= 0 and version not in self._versions:
                raise GoToolError(f"no migration found for version {version}")
            way = [number for number in self._versions if (number <= version) == down]
            steps = (list(reversed(way)) if down else way)[:limit]
            if not steps and limit is not None:
                raise GoToolError("file does not exist")
            lines = [self._step(number, "down" if down else "up") for number in steps]
            if limit is not None and len(steps) < limit:
                raise GoToolError(f"limit {limit - len(steps)} short")
            return lines or ["no change"]
        finally:
            with contextlib.suppress(psycopg.Error):
                self.unlock()

    def _step(self, version: int, direction: str) -> str:
        below = [number for number in self._versions if number < version]
        target = version if direction == "up" else below[-1] if below else -1
        self._record(target, True)
        path = self._files[direction].get(version)
        text = path.read_text() if path else ""
        if text.strip():
            try:
                self._run(text)
            except psycopg.Error as error:
                raise GoToolError(f"migration failed: {error}") from error
        self._record(target, False)
        return f"{version}/{direction[0]} {'step' if path else '<empty>'}"

    def _recorded(self) -> tuple[int, bool]:
        row = self._row(f"SELECT version, dirty FROM {self._table} LIMIT 1")
        return (row[0], row[1]) if row else (-1, False)

    def _record(self, version: int, dirty: bool) -> None:
        self._run("BEGIN READ WRITE")
        self._run(f"TRUNCATE {self._table}")
        if version >= 0 or dirty:
            self._run(f"INSERT INTO {self._table} (version, dirty) VALUES (%s, %s)", (version, dirty))
        self._run("COMMIT")

    def _run(self, query: str, values: tuple[Any, ...] | None = None) -> "psycopg.Cursor[Any]":
        # Without values psycopg sends a simple query, as lib/pq does; a file's % is its own then.
        return self.connection.execute(query.encode(), values)

    def _row(self, query: str, values: tuple[Any, ...] | None = None) -> tuple[Any, ...] | None:
        return self._run(query, values).fetchone()

    def _one(self, query: str, values: tuple[Any, ...] | None = None) -> Any:
        row = self._row(query, values)
        return row[0] if row else None


def lock_number(schema: str, table: str, database: str) -> int:
    """golang-migrate's: `database` is the URL's path, with its slash."""
    return zlib.crc32("\0".join((schema, table, database)).encode()) * 1486364155 % 2**32


class Migrate:
    """One process of our `migrate`, its standard error read line by line. Killed at the end of the `with` block."""

    def __init__(
        self,
        url: str,
        folder: Path,
        *words: str,
        wrapper: Sequence[str] = (),
        program: Sequence[str] = PROGRAM,
        **options: Any,
    ) -> None:
        """`words`: global flags, the command, its flags. `wrapper` runs the command that follows it."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith(NOT_OURS)}
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [*wrapper, *program, "-path", str(folder), "-database", url, *words]
        self.process: subprocess.Popen[bytes] = subprocess.Popen(command, env=ours, **(streams | options))
        self.lines: list[str] = []
        self.printed: list[str] = []
        pairs = [(self.process.stderr, self.lines), (self.process.stdout, self.printed)]
        self._threads = [threading.Thread(target=_read, args=pair, daemon=True) for pair in pairs if pair[0]]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "Migrate":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.kill()
        if self.process.stdin:
            self.process.stdin.close()
        if error is not None:
            error.add_note(f"migrate ended with {self.process.returncode} and had said:\n{self.said}")

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        """Its standard error so far."""
        return "".join(self.lines)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9, if it still runs, with what it has started; waits for its end."""
        if self.process.poll() is None:
            below = children_of(self.pid)
            self.process.kill()
            for pid in below:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.wait()

    def wait(self, seconds: float = 40.0) -> int:
        """The exit code, minus the signal's number if that ended it. All output has been read then."""
        code = self.process.wait(seconds)
        for thread in self._threads:
            thread.join(10)
        return code

    def wait_for(self, text: str, seconds: float = 20.0) -> None:
        """Until it has said `text`."""
        wait_until(lambda: text in self.said or self._ended_without(text), seconds, f"{text!r} in {self.said!r}")

    def _ended_without(self, text: str) -> bool:
        if self.process.poll() is None:
            return False
        self.wait()
        assert text in self.said, f"it ended with {self.process.returncode}, having said {self.said!r}"
        return True


class Gate:
    """What a migration file can stand at until the test lets it pass: `GATE` in its text."""

    def __init__(self, url: str) -> None:
        """Closed."""
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute("SELECT pg_advisory_lock(7)")

    def __enter__(self) -> "Gate":
        return self

    def __exit__(self, *_: object) -> None:
        self.open()

    def open(self) -> None:
        """Let it pass, and all after it."""
        self._connection.close()


def _read(stream: Any, lines: list[str]) -> None:
    with stream:
        lines.extend(line.decode(errors="replace") for line in iter(stream.readline, b""))


def migrate(url: str, folder: Path, *words: str, **options: Any) -> tuple[int, str]:
    """Run it to its end: exit code and standard error, durations as `(T)`."""
    with Migrate(url, folder, *words, **options) as process:
        return process.wait(), re.sub(r"\([0-9.hm]*[0-9.]+(?:ns|µs|ms|s)\)", "(T)", process.said)


def backends(database: "psycopg.Connection[Any]", text: str = "", *, active: bool = False) -> list[int]:
    """Pids of the backends of our processes, of those that are at (or were last at) a statement with `text`."""
    found = database.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s "
        "AND position(%s IN query) > 0 AND (state = 'active' OR NOT %s)",
        (APPLICATION, text, active),
    )
    return [int(pid) for (pid,) in found]


def backend_at(database: "psycopg.Connection[Any]", text: str) -> int:
    """The backend of our process that is seen active at a statement with `text`, once there is one."""
    return int(wait_until(lambda: backends(database, text, active=True), 20, f"a backend at {text!r}")[0])


def wait_for_silence(database: "psycopg.Connection[Any]") -> None:
    """Until no backend of our processes is left: a killed client's statement runs to its end."""
    wait_until(lambda: not backends(database), 20, "the end of all backends")


def wait_until_asleep(pid: int) -> None:
    """Until a process is seen waiting for something in several looks in a row."""
    looks = 0

    def again() -> bool:
        nonlocal looks
        asleep = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"
        looks = looks + 1 if asleep else 0
        return looks == 5

    wait_until(again, 20, f"process {pid} being asleep")
