"""The lock that keeps migrations of one database apart: golang-migrate's, by the same number or row.

It is polled for and never waited for in the server. A waiting statement holds a snapshot, and a CREATE INDEX
CONCURRENTLY in the process that has the lock would wait for that snapshot: each would wait for the other.
"""

import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from codeactions.migrate.database import lock_sql, sql
from codeactions.migrate.database.connection import Connection
from codeactions.migrate.database.errors import QUERY_CANCELED, DatabaseError, ServerError
from codeactions.migrate.database.libpq import TransactionStatus
from codeactions.migrate.errors import ErrorCode, MigrationError

_FACTOR = 1486364155
_PAUSE = 0.1
LOST = (
    "the lock was not held to the end: a file gave it back (pg_advisory_unlock_all, DISCARD ALL), or a connection "
    "pooler gave the session another connection to the server. Another migration may have run meanwhile: look with "
    "`migrate status`. x-lock-strategy=table in a pgx4:// URL locks by a row, which neither of them loses"
)
# The answers to CREATE TABLE IF NOT EXISTS when another session has just made the same table: unique_violation (in a
# catalogue), duplicate_table, duplicate_object (the table's type).
_JUST_MADE = ("23505", "42P07", "42710")
# A second and a third Ctrl-C may hit the statement that gives the lock back.
_ATTEMPTS = 3


class Lock(Protocol):
    """One way of keeping other migrations out."""

    @property
    def session_key(self) -> int | None:
        """The number of the advisory lock that the session itself holds, which a file can give back; else None."""

    def take(self) -> bool:
        """Try to take the lock, without waiting. Returns whether it is held now."""

    def release(self) -> str:
        """Give the lock back. A session that is broken or closed has done so, or no longer can.

        Returns a sentence for people if the lock was lost before; else "".
        """

    def refusal(self, waited: float) -> MigrationError:
        """Return the error for `waited` seconds in vain: `conflict`, naming the holder."""


def number(database: str, *names: str) -> int:
    """Return the lock's number. `names`: schema and version table, or none for the table strategy.

    `database` is the URL's decoded path with its slash, or the database's name if the path is empty.
    """
    return zlib.crc32("\0".join((*names, database)).encode()) * _FACTOR % 2**32


class AdvisoryLock:
    """A session's advisory lock. It ends with the session, however that ends."""

    def __init__(self, connection: Connection, key: int) -> None:
        self._connection = connection
        self.key = key

    @property
    def session_key(self) -> int | None:
        """See `Lock`."""
        return self.key

    def take(self) -> bool:
        """See `Lock`."""
        return self._connection.execute(lock_sql.try_advisory_lock(self.key)) == [("t",)]

    def release(self) -> str:
        """See `Lock`."""
        roll_back(self._connection)
        return "" if self._connection.execute(lock_sql.release_advisory_lock(self.key)) == [("t",)] else LOST

    def refusal(self, waited: float) -> MigrationError:
        """See `Lock`."""
        from codeactions.migrate.statements.secrets import masked

        rows = self._connection.execute(lock_sql.advisory_lock_holder(self.key))
        if not rows:
            holder, advice = "a process that has ended meanwhile", "try again"
        else:
            pid, application, since, query, state = rows[0]
            holder = f"pid {pid} (application {application or 'unnamed'}"
            holder += f", connected since {since}" if since else ""
            # For an idle session this is its last statement, which still says what it was doing.
            holder += f", {'at' if state == 'active' else 'last'}: {masked(query)}" if query else ""
            holder += ")"
            advice = f"wait for it, or end it with `{sql.terminate_backend(pid)}`"
        return MigrationError(
            ErrorCode.CONFLICT,
            f"another migration is running: after {waited:g} s the lock is still held by {holder}; {advice}, "
            "then `migrate up`",
            go_text="timeout: can't acquire database lock",
            hint=f"It is held by {holder}: {advice}; or wait longer with -lock-timeout SECONDS.",
            urgent=True,
        )


class TableLock:
    """The strategy of `x-lock-strategy=table`: a row in a table of its own, which a crash leaves behind."""

    def __init__(self, connection: Connection, schema: str, table: str, key: int) -> None:
        self._connection = connection
        self._quoted = connection.identifier(schema, table)
        self.key = key

    @property
    def session_key(self) -> int | None:
        """See `Lock`."""
        return None

    def take(self) -> bool:
        """See `Lock`."""
        if not self._exists():
            try:
                self._connection.execute(lock_sql.create_lock_table(self._quoted))
            except ServerError as error:
                if error.sqlstate not in _JUST_MADE or not self._exists():
                    raise
                return False  # another process made it, and is likely to have the lock
        return bool(self._connection.execute(lock_sql.insert_lock(self._quoted, self.key)))

    def release(self) -> str:
        """See `Lock`. After a crash nothing does it."""
        roll_back(self._connection)
        self._connection.execute(f"{sql.BEGIN} {lock_sql.delete_lock(self._quoted, self.key)}; {sql.COMMIT}")
        return ""

    def refusal(self, waited: float) -> MigrationError:
        """See `Lock`. The row does not tell which process wrote it."""
        way_out = lock_sql.delete_lock(self._quoted, self.key)
        return MigrationError(
            ErrorCode.CONFLICT,
            f"another migration is running, or has died: after {waited:g} s its row is still in {self._quoted}; if no "
            f"migration is running, run `{way_out}`",
            go_text="failed to open database: can't acquire lock",
            hint=f"If no migration is running, one has died and left its lock behind: run `{way_out}`.",
            urgent=True,
        )

    def _exists(self) -> bool:
        return self._connection.execute(lock_sql.find_table(self._connection.literal(self._quoted))) != [(None,)]


@contextmanager
def held(
    lock: Lock,
    timeout: float,
    *,
    waiting: Callable[[float], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
    lost: Callable[[str], None] = lambda _: None,
) -> Iterator[bool]:
    """Hold the lock for the block. Raises `conflict` after `timeout` seconds of waiting, naming the holder.

    `waiting` is called repeatedly with the seconds waited so far. When `stopped` turns true before the block begins,
    the block gets False and may not count on the lock. `lost` is called with a sentence for people if the lock turns
    out to have been lost during the block.
    """
    begin = time.monotonic()
    while not stopped():
        if lock.take():
            try:
                # It may have turned true while the lock was being taken.
                yield not stopped()
            finally:
                if problem := _release(lock):
                    lost(problem)
            return
        waited = time.monotonic() - begin
        if waited >= timeout:
            raise lock.refusal(timeout)
        waiting(waited)
        time.sleep(min(_PAUSE, timeout - waited))
    yield False


def _release(lock: Lock) -> str:
    for _ in range(_ATTEMPTS):
        try:
            return lock.release()
        except DatabaseError as error:
            # A broken session has given its advisory lock back; the error to report is the one before this.
            if not (isinstance(error, ServerError) and error.sqlstate == QUERY_CANCELED):
                break
    return ""


def roll_back(connection: Connection) -> None:
    """End a transaction that a failure has left open: in a failed one, nothing can be given back."""
    if connection.status in (TransactionStatus.IN_TRANSACTION, TransactionStatus.IN_ERROR):
        connection.execute(sql.ROLLBACK)
