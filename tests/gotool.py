"""golang-migrate, as the tests drive it.

`GoTool` is not the Go program. It sends, on a connection of psycopg's, the statements that golang-migrate
4.19.1 sends with its lib/pq driver, in its order and in its transactions, and takes its lock by its number,
waiting for it in the server as that does. So it and our program can be tested on one database where there is
no Go. What it prints is golang-migrate's too, as far as a test looks at it.
"""

import contextlib
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg

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
