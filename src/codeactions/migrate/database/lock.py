"""The lock that keeps migrations of one database apart: golang-migrate's, by the same number or row.

It is polled for, never waited for in the server: a waiting statement holds a snapshot, and CREATE INDEX
CONCURRENTLY in the process that has the lock would wait for that snapshot, each for the other.
"""

import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from codeactions.domain.errors import ErrorCode
from codeactions.migrate.database.libpq import (
    QUERY_CANCELED,
    Connection,
    DatabaseError,
    ServerError,
    TransactionStatus,
)
from codeactions.migrate.failure import MigrationError
from codeactions.migrate.script.secrets import masked

FACTOR = 1486364155
PAUSE = 0.1
# What CREATE TABLE IF NOT EXISTS says when somebody else has just made the same: unique_violation (in a catalogue),
# duplicate_table, duplicate_object (the table's type).
JUST_MADE = ("23505", "42P07", "42710")
# A second and a third Ctrl-C may hit the statement that gives it back.
ATTEMPTS = 3
# Columns of pg_stat_activity are NULL for a reader who is not allowed to see them; the pid is shown to everybody.
HOLDER = """
SELECT l.pid, a.application_name, to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SSOF'),
       left(regexp_replace(a.query, '\\s+', ' ', 'g'), 200), a.state
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid::bigint = {} AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Lock(Protocol):
    """One way of keeping others out. Both are tried for, at once and without waiting."""

    def take(self) -> bool:
        """Whether it is ours now."""

    def release(self) -> None:
        """Give it back; a session that is broken or was closed has done so, or cannot any more."""

    def refusal(self, waited: float) -> MigrationError:
        """What to say after `waited` seconds in vain: `conflict`, naming the holder."""


def number(database: str, *names: str) -> int:
    """The lock's number. `names`: schema and version table, or none for the table strategy.

    `database` is the URL's decoded path with its slash, or the database's name if the path is empty.
    """
    return zlib.crc32("\0".join((*names, database)).encode()) * FACTOR % 2**32


class AdvisoryLock:
    """A session's advisory lock: gone with the session, however that ends."""

    def __init__(self, connection: Connection, key: int) -> None:
        self._connection = connection
        self.key = key

    def take(self) -> bool:
        """See `Lock`."""
        return self._connection.run(f"SELECT pg_try_advisory_lock({self.key}::bigint)") == [("t",)]

    def release(self) -> None:
        """See `Lock`."""
        _roll_back(self._connection)
        self._connection.run(f"SELECT pg_advisory_unlock({self.key}::bigint)")

    def refusal(self, waited: float) -> MigrationError:
        """See `Lock`."""
        rows = self._connection.run(HOLDER.format(self.key))
        if not rows:
            holder, advice = "a process that has ended meanwhile", "try again"
        else:
            pid, application, since, query, state = rows[0]
            holder = f"pid {pid} (application {application or 'unnamed'}"
            holder += f", connected since {since}" if since else ""
            # Of an idle session it is the last one, which says what it was doing at least.
            holder += f", {'at' if state == 'active' else 'last'}: {masked(query)}" if query else ""
            holder += ")"
            advice = f"wait for it, or end it with `SELECT pg_terminate_backend({pid})`"
        return MigrationError(
            ErrorCode.CONFLICT,
            f"another migration is running: after {waited:g} s the lock is still held by {holder}; {advice}, "
            "then `migrate up`",
            tool="timeout: can't acquire database lock",
            hint=f"It is held by {holder}: {advice}; or wait longer with -lock-timeout SECONDS.",
            urgent=True,
        )


class TableLock:
    """The strategy of `x-lock-strategy=table`: a row in a table of its own, which a crash leaves behind."""

    def __init__(self, connection: Connection, schema: str, table: str, key: int) -> None:
        self._connection = connection
        self._quoted = connection.identifier(schema, table)
        self.key = key

    def take(self) -> bool:
        """See `Lock`."""
        if not self._is_there():
            create = f"CREATE TABLE IF NOT EXISTS {self._quoted} (lock_id BIGINT NOT NULL PRIMARY KEY)"
            try:
                self._connection.run(create)
            except ServerError as error:
                if error.sqlstate not in JUST_MADE or not self._is_there():
                    raise
                return False  # by another process, which is likely to have the lock
        taking = f"INSERT INTO {self._quoted} VALUES ({self.key}) ON CONFLICT DO NOTHING RETURNING lock_id"
        return bool(self._connection.run(f"BEGIN READ WRITE; {taking}; COMMIT"))

    def _is_there(self) -> bool:
        return self._connection.run(f"SELECT to_regclass({self._connection.literal(self._quoted)})") != [(None,)]

    def release(self) -> None:
        """See `Lock`. After a crash there is nobody to do it."""
        _roll_back(self._connection)
        self._connection.run(f"BEGIN READ WRITE; DELETE FROM {self._quoted} WHERE lock_id = {self.key}; COMMIT")

    def refusal(self, waited: float) -> MigrationError:
        """See `Lock`; a row does not tell who wrote it."""
        way_out = f"DELETE FROM {self._quoted} WHERE lock_id = {self.key}"
        return MigrationError(
            ErrorCode.CONFLICT,
            f"another migration is running, or has died: after {waited:g} s its row is still in {self._quoted}; if no "
            f"migration is running, run `{way_out}`",
            tool="failed to open database: can't acquire lock",
            hint=f"If no migration is running, one has died and left its lock behind: run `{way_out}`.",
            urgent=True,
        )


@contextmanager
def held(
    lock: Lock,
    timeout: float,
    *,
    waiting: Callable[[float], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[bool]:
    """Hold the lock for the block. After `timeout` seconds of waiting: `conflict`, naming the holder.

    `waiting` is called again and again with the seconds waited so far. When `stopped` turns true before the block
    could begin, the block is told so by a False, and may not count on the lock.
    """
    begin = time.monotonic()
    while not stopped():
        if lock.take():
            try:
                # It may have turned true while the lock was being had.
                yield not stopped()
            finally:
                _release(lock)
            return
        waited = time.monotonic() - begin
        if waited >= timeout:
            raise lock.refusal(timeout)
        waiting(waited)
        time.sleep(min(PAUSE, timeout - waited))
    yield False


def _release(lock: Lock) -> None:
    for _ in range(ATTEMPTS):
        try:
            lock.release()
            return
        except DatabaseError as error:
            # A session that is broken has given an advisory lock back; what went wrong before is the news.
            if not (isinstance(error, ServerError) and error.sqlstate == QUERY_CANCELED):
                return


def _roll_back(connection: Connection) -> None:
    """End what a failure has left open: in a failed transaction, nothing can be given back."""
    if connection.status() in (TransactionStatus.IN_TRANSACTION, TransactionStatus.IN_ERROR):
        connection.run("ROLLBACK")
