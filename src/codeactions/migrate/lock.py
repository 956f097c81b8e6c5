"""The advisory lock that keeps migrations of one database apart: golang-migrate's, by the same number."""

import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from codeactions.domain.errors import ErrorCode
from codeactions.migrate.failure import MigrationError

FACTOR = 1486364155
PAUSE = 0.1

TRY = "SELECT pg_try_advisory_lock(%s::bigint)"
RELEASE = "SELECT pg_advisory_unlock(%s::bigint)"
# application_name is NULL for a reader who is not allowed to see it; the pid is shown to everybody.
HOLDER = """
SELECT l.pid, a.application_name, date_trunc('second', now() - a.backend_start)::text
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid::bigint = %s AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def number(schema: str, table: str, database: str) -> int:
    """The lock's number. `database` is the URL's decoded path with its slash, or the name if it has none."""
    text = "\0".join((schema, table, database))
    return zlib.crc32(text.encode()) * FACTOR % 2**32


@contextmanager
def held(connection: psycopg.Connection[Any], key: int, timeout: float) -> Iterator[None]:
    """Hold the lock for the block. After `timeout` seconds of waiting: `conflict`, naming the holder.

    It is polled for, never waited for in the server: a waiting statement holds a snapshot, and CREATE INDEX
    CONCURRENTLY in the process that has the lock would wait for that snapshot, each for the other.
    """
    deadline = time.monotonic() + timeout
    while not _one(connection, TRY, key):
        if time.monotonic() >= deadline:
            raise _timed_out(connection, key, timeout)
        time.sleep(PAUSE)
    try:
        yield
    finally:
        # A session that is broken or was closed has given the lock back already.
        if not connection.closed:
            _release(connection, key)


def _release(connection: psycopg.Connection[Any], key: int) -> None:
    try:
        connection.execute(RELEASE, (key,))
    except psycopg.Error:
        connection.close()


def _one(connection: psycopg.Connection[Any], query: str, key: int) -> Any:
    row = connection.execute(query, (key,)).fetchone()
    return row[0] if row else None


def _timed_out(connection: psycopg.Connection[Any], key: int, timeout: float) -> MigrationError:
    row = connection.execute(HOLDER, (key,)).fetchone()
    if row is None:
        holder, advice = "a process that has ended meanwhile", "try again"
    else:
        pid, application, age = row
        age = f", connected for {age}" if age else ""
        holder = f"pid {pid} (application {application or 'unnamed'}{age})"
        advice = f"wait for it, or end it with `SELECT pg_terminate_backend({pid})`"
    return MigrationError(
        ErrorCode.CONFLICT,
        f"another migration is running: after {timeout:g} s the lock is still held by {holder}; {advice}, "
        "then `migrate up`",
        tool=f"timeout: can't acquire database lock, held by {holder}",
    )
