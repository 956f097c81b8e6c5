"""Whether connections keep their session, or a pooler lends them another one for each transaction.

The server needs its sessions: it listens for changes (LISTEN), holds a lock for as long as it lives (an advisory lock),
and has settings and prepared statements on each connection. With PgBouncer that takes `pool_mode=session`.
"""

import contextlib
import select
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import pq

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres import queries

_TRIES = 3
_SECONDS = 1.0  # that a pooler gets to find a further connection to the server
Connection = psycopg.Connection[Any]


def require_sessions(url: str, what: str) -> None:
    """Make sure that connections by this URL keep their session. `what` needs that: the subject of the message.

    Raises `Error`: conflict if they do not; internal if there is no connection at all.
    """

    def connect() -> Connection:
        return psycopg.connect(url, autocommit=True, connect_timeout=10, application_name="codeactions")

    try:
        with connect() as connection:
            require_session(connection, connect, what)
    except psycopg.Error as error:
        reason = f"cannot connect to the database: {' '.join(str(error).split())}; {advice(str(error))}"
    else:
        return
    # Outside of `except`, because the frames of the cause hold the password.
    raise Error(ErrorCode.INTERNAL, reason)


def require_session(connection: Connection, again: Callable[[], Connection], what: str) -> None:
    """Do the same for one connection. `again` makes another one in the same way. Raises `Error`, and the driver's."""
    if _is_shared(connection, again):
        raise Error(
            ErrorCode.CONFLICT,
            "the database URL leads through a pooler that gives each transaction another session (in PgBouncer, "
            f"pool_mode=transaction), and {what} needs a session that stays: give the URL of the database itself, or "
            "that of a pool with pool_mode=session",
        )


def advice(reason: str) -> str:
    """Return what to do when the server, or a pooler before it, refuses a connection for this reason."""
    if "startup parameter" in reason:
        return "a pooler is no place for options or settings in the URL: leave them out, or give the database's own URL"
    return "see DATABASE_URL"


def _is_shared(connection: Connection, again: Callable[[], Connection]) -> bool:
    """Return whether two connections are seen to use one session, or one connection two."""
    backend = _backend(connection)
    if backend == connection.info.backend_pid:
        return False  # there is no pooler, which would tell its clients a number of its own
    with contextlib.ExitStack() as stack:
        for _ in range(_TRIES):
            # In a transaction it keeps what it is given, so that the first connection has to be given another one.
            other = _begin(stack.enter_context(contextlib.closing(again())))
            if other == backend or _backend(connection) != backend:
                return True
            if other is None:  # all that the pooler has is in use
                break
    return False


def _backend(connection: Connection) -> int:
    row = connection.execute(queries.load("pooling")["backend"], prepare=False).fetchone()
    return int(row[0]) if row else 0


def _begin(connection: Connection) -> int | None:
    """Begin a transaction and return its backend; None if the pooler does not find one in time."""
    pgconn = connection.pgconn
    pgconn.send_query(f"BEGIN;{queries.load('pooling')['backend']}".encode())
    if not select.select([pgconn.socket], [], [], _SECONDS)[0]:
        return None
    backend = None
    while result := pgconn.get_result():
        if result.status == pq.ExecStatus.TUPLES_OK:
            backend = int(result.get_value(0, 0) or 0)
    return backend
