"""The advisory lock where a pooler stands between `migrate` and the server.

With transaction pooling each transaction may run on another of the pooler's connections. A lock of the session would
be taken on one, given back on another, and stay held. So the lock is held by a transaction, which keeps its connection,
and since the files have transactions of their own, it is on a second connection. Number and effect are those of
golang-migrate's lock.
"""

from collections.abc import Callable

from codeactions.migrate.database import lock_sql, sql
from codeactions.migrate.database.connection import Connection
from codeactions.migrate.database.errors import DatabaseError
from codeactions.migrate.database.lock import LOST, AdvisoryLock, roll_back
from codeactions.migrate.errors import ErrorCode, MigrationError

# Seconds that the pooler gets to find a second connection to the server for the lock.
_ROOM = 1.0
# Seconds for it to find one for the files.
_TURN = 5.0


class PooledLock:
    """See `Lock`. With session pooling and a pool of one connection, it is the session's lock, which is right there."""

    def __init__(self, connection: Connection, key: int, connect: Callable[[], Connection]) -> None:
        """`connect` makes the second connection."""
        self._connection = connection
        self._connect = connect
        self._holder: Connection | None = None
        self._of_session = AdvisoryLock(connection, key)
        self._is_of_session = False
        self.key = key

    @property
    def session_key(self) -> int | None:
        """See `Lock`."""
        return self.key if self._is_of_session else None

    def take(self) -> bool:
        """See `Lock`. Raises `MigrationError` (conflict) if the pooler has no connection left for the files."""
        if self._is_of_session:  # as an earlier try has found
            return self._of_session.take()
        if self._holder is None or self._holder.closed:
            self._holder = self._connect()
        holder = self._holder
        holder.start(lock_sql.try_advisory_lock_in_transaction(self.key))
        if not holder.has_answer(_ROOM) and self._has_own_server(holder):
            holder.close()
            self._is_of_session = True
            return self._of_session.take()
        if holder.finish() != [("t",)]:
            holder.execute(sql.ROLLBACK)
            return False
        if not self._is_served():
            holder.close()
            raise MigrationError(
                ErrorCode.CONFLICT,
                "the pooler has only one connection to the server for us, and the lock needs one beside that of the "
                "files: enlarge the pool (default_pool_size), connect to the server itself, or lock by a row "
                "(x-lock-strategy=table in a pgx4:// URL)",
            )
        return True

    def release(self) -> str:
        """See `Lock`."""
        if self._is_of_session or self._holder is None:
            return self._of_session.release()
        roll_back(self._connection)
        try:
            self._holder.execute(sql.ROLLBACK)
        except DatabaseError:
            return LOST
        finally:
            self._holder.close()
        return ""

    def refusal(self, waited: float) -> MigrationError:
        """See `Lock`."""
        if self._holder:
            self._holder.close()
        return self._of_session.refusal(waited)

    def _has_own_server(self, holder: Connection) -> bool:
        """Return whether the session, which may be kept waiting too, has an answer before `holder`, which came first.

        A connection of the pooler's that was free for both would have been given to `holder`.
        """
        self._connection.execute(sql.NOTHING)
        return not holder.has_answer(_ROOM)

    def _is_served(self) -> bool:
        """Return whether the pooler still has a connection for the files. If not, the session is closed."""
        self._connection.start(sql.NOTHING)
        if self._connection.has_answer(_TURN):
            self._connection.finish()
            return True
        self._connection.close()
        return False
