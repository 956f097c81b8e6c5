"""One connection for a whole command: the lock, the version table and the files all use it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import conninfo, pq

from codeactions.domain.errors import ErrorCode
from codeactions.migrate import address, lock
from codeactions.migrate.failure import MigrationError
from codeactions.migrate.version import VersionTable

APPLICATION = "codeactions migrate"
# Against a host that swallows packets; the URL's own connect_timeout wins.
CONNECT_TIMEOUT = "10"
SCHEMA = "SELECT current_schema(), current_database()"


@dataclass(frozen=True)
class Session:
    """An open connection in autocommit, and what is derived from its address."""

    connection: psycopg.Connection[Any]
    table: VersionTable
    lock_number: int


@contextmanager
def opened(database_url: str) -> Iterator[Session]:
    """Connect for the block; nothing is written. `invalid`: a bad URL; `internal`: the server says no."""
    where = address.parse(database_url)
    with _connect(where) as connection:
        try:
            yield _session(connection, where)
        except psycopg.Error as error:
            reason = " ".join(str(error.diag.message_primary or error).split())
            raise MigrationError(
                ErrorCode.INTERNAL,
                f"the database at {where.place} refused: {reason}; see `migrate status`",
                tool=f"pq: {reason}",
            ) from error


def _session(connection: psycopg.Connection[Any], where: address.Address) -> Session:
    schema, database = connection.execute(SCHEMA).fetchone() or (None, "")
    schema = where.schema or schema
    if schema is None:
        raise MigrationError(
            ErrorCode.CONFLICT,
            "the database has no schema to create tables in: see search_path",
            tool="failed to open database: no schema",
        )
    number = lock.number(schema, where.table, where.path or database)
    return Session(connection, VersionTable(connection, schema, where.table), number)


def _connect(where: address.Address) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(
            _conninfo(where.parameters),
            autocommit=True,
            # A text that is sent often must not become a prepared statement: those hold one statement.
            prepare_threshold=None,
        )
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise MigrationError(
            ErrorCode.INTERNAL,
            f"cannot connect to the database at {where.place}: {reason}; see DATABASE_URL, and try `pg_isready`",
            tool=f"failed to open database: {reason}",
        ) from None  # the cause's frames hold the password


def _conninfo(parameters: dict[str, str]) -> str:
    known = {entry.keyword.decode() for entry in pq.Conninfo.get_defaults()}
    given = {key: value for key, value in parameters.items() if key in known}
    # Go's drivers send what they do not know to the server as a run-time setting (search_path, ...).
    settings = [f"-c {key}={_escaped(value)}" for key, value in parameters.items() if key not in known]
    if settings:
        given["options"] = " ".join([given.get("options", ""), *settings]).strip()
    given.setdefault("connect_timeout", CONNECT_TIMEOUT)
    given.setdefault("client_encoding", "UTF8")
    given.setdefault("fallback_application_name", APPLICATION)
    return conninfo.make_conninfo(**given)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
