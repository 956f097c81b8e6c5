"""One connection to PostgreSQL, over libpq."""

import ctypes
import math
import re
import select
import time
from collections.abc import Mapping
from ctypes import c_char_p, c_void_p
from typing import Any

from codeactions.migrate.database import libpq, results
from codeactions.migrate.database.errors import (
    QUERY_CANCELED,
    ConnectFailed,
    ConnectionLost,
    DatabaseError,
    ServerError,
    TimedOut,
)
from codeactions.migrate.database.libpq import TransactionStatus
from codeactions.migrate.database.results import Row

# Seconds. A cancel request that arrives before the server has begun does nothing, so it is sent again.
_AGAIN = 1.0
_COPIED_AT_ONCE = 256 * 1024  # bytes


class Connection:
    """One session. Statements use the simple protocol: a text may hold many, and each text is one transaction."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        """Connect by libpq's keywords, waiting for connect_timeout at most. Raises `ConnectFailed`."""
        self._libpq = libpq.library()
        self.cancelled = False
        """Whether `cancel` was called. No file is run after that."""
        self.commits = 0
        """How many transactions the last text has ended and kept, as far as its own statements did that."""
        self.opening = ""
        """Statements with which each transaction of our own statements begins."""
        self._done = 0
        self._deadline = math.inf
        self._timed_out = False
        # Bytes that are not text come from the environment, and reach libpq unchanged.
        known = {key.encode(): value.encode(errors="surrogateescape") for key, value in parameters.items()}
        names, values = (c_char_p * (len(known) + 1))(*known), (c_char_p * (len(known) + 1))(*known.values())
        self._handle: int | None = self._libpq.PQconnectdbParams(names, values, 0)
        if self._libpq.PQstatus(self._handle) != 0:
            message = self._error_message()
            self.close()
            raise ConnectFailed(message)
        self._libpq.PQsetNoticeProcessor(self._handle, libpq.ignore_notice, None)
        self._poll = select.poll()
        self._poll.register(self._libpq.PQsocket(self._handle), select.POLLIN)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether the connection was closed here or was found to be broken."""
        return self._handle is None or self._libpq.PQstatus(self._handle) != 0

    @property
    def status(self) -> TransactionStatus:
        """The state of the session's transaction; UNKNOWN once the connection is gone."""
        if self._handle is None:
            return TransactionStatus.UNKNOWN
        return TransactionStatus(self._libpq.PQtransactionStatus(self._handle))

    @property
    def pid(self) -> int:
        """The backend's process id."""
        return int(self._libpq.PQbackendPID(self._handle))

    def setting(self, name: str) -> str:
        """Return the value of a setting that the server reports whenever it changes; "" for any other."""
        raw = self._libpq.PQparameterStatus(self._handle, name.encode())
        return raw.decode(errors="replace") if raw else ""

    def close(self) -> None:
        """End the session. Does nothing the second time."""
        if self._handle is not None:
            self._libpq.PQfinish(self._handle)
            self._handle = None

    def execute(self, text: str, timeout: float | None = None) -> list[Row]:
        """Run statements of our own and return the rows of the last one that selects, as text.

        Any BEGIN comes first in `text`. Raises `DatabaseError`; `TimedOut` after `timeout` seconds.
        """
        rows: list[Row] = []
        try:
            self._run(_encoded(self._opened(text)), rows, timeout)
        except DatabaseError as error:
            error.query = text
            raise
        return rows

    def start(self, text: str) -> None:
        """Send statements of our own without waiting; `finish` returns their rows. Raises `ConnectionLost`."""
        self._send(_encoded(text))

    def has_answer(self, seconds: float) -> bool:
        """Wait for the answer to `start` to begin, `seconds` at most, and return whether it has.

        A pooler that has no connection to the server to spare does not answer, and does not listen to a cancel either.
        """
        self._poll.modify(self._libpq.PQsocket(self._handle), select.POLLIN)
        return bool(self._poll.poll(seconds * 1000))

    def finish(self) -> list[Row]:
        """Return the rows of what `start` has sent, as `execute` does."""
        rows: list[Row] = []
        self._finish(rows)
        return rows

    def execute_script(self, text: bytes, timeout: float | None = None, data: bytes | None = None) -> None:
        """Run a file's text unchanged and drop its results as they come.

        `data` is what a COPY FROM STDIN in the text reads; without it such a COPY is refused. The text holds no NUL
        byte: the rest would not be sent. Raises `DatabaseError`; `TimedOut` after `timeout` seconds. Everything is
        refused once the connection was cancelled, since the cancel may have come just before this.
        """
        self._run(text, None, timeout, data)

    def cancel(self) -> None:
        """Ask the server to give up its current statement. May be called from a signal handler."""
        self.cancelled = True
        self._deadline = time.monotonic() + _AGAIN
        self._request_cancel()

    def literal(self, value: str | None) -> str:
        """Return `value` as a string constant for SQL text, or NULL."""
        return "NULL" if value is None else self._escaped(self._libpq.PQescapeLiteral, value)

    def identifier(self, *names: str) -> str:
        """Return `names`, quoted, with dots between them."""
        return ".".join(self._escaped(self._libpq.PQescapeIdentifier, name) for name in names)

    def _escaped(self, function: Any, value: str) -> str:
        raw = _encoded(value)
        address = function(self._handle, raw, len(raw))
        if not address:
            raise ConnectionLost(self._error_message())
        try:
            return ctypes.string_at(address).decode()
        finally:
            self._libpq.PQfreemem(address)

    def _opened(self, text: str) -> str:
        if not self.opening or self.status is not TransactionStatus.IDLE:
            return text
        begin, rest = re.fullmatch("(BEGIN[^;]*;)?(.*)", text, re.DOTALL).groups("")  # type: ignore[union-attr]
        return begin + self.opening + rest

    def _request_cancel(self) -> None:
        if self._handle is None:
            return
        cancel = self._libpq.PQgetCancel(self._handle)
        self._libpq.PQcancel(cancel, ctypes.create_string_buffer(256), 256)
        self._libpq.PQfreeCancel(cancel)

    def _run(self, text: bytes, rows: list[Row] | None, timeout: float | None, data: bytes | None = None) -> None:
        # In this order: a signal in between is either seen here or has moved the deadline.
        self._deadline = math.inf if timeout is None else time.monotonic() + timeout
        self._timed_out = False
        self._done = self.commits = 0
        if rows is None and self.cancelled:
            raise ServerError(QUERY_CANCELED, "canceling statement due to user request")
        self._send(text)
        if rows is None:
            # The rows that a file selects are not used, however many there are.
            self._libpq.PQsetSingleRowMode(self._handle)
        self._finish(rows, data)

    def _send(self, text: bytes) -> None:
        if self._handle is None or not self._libpq.PQsendQuery(self._handle, text):
            raise ConnectionLost(self._error_message())

    def _finish(self, rows: list[Row] | None, data: bytes | None = None) -> None:
        """Read the answer to what was sent, and raise the first error in it."""
        failure = self._consume(rows, data)
        error: DatabaseError | None = failure
        # A session that the server ended sends an error first; the loss of the session matters more.
        if self.closed:
            error = ConnectionLost(str(failure or self._error_message()))
        elif failure and failure.sqlstate == QUERY_CANCELED and self._timed_out:
            error = TimedOut(failure.sqlstate, failure.message)
        if error:
            error.done, error.commits = self._done, self.commits
            raise error

    def _consume(self, rows: list[Row] | None, data: bytes | None) -> ServerError | None:
        """Read all results of what was sent. Returns the first error among them."""
        failure: ServerError | None = None
        while True:
            while self._libpq.PQisBusy(self._handle) and self._receive():
                pass
            # If nothing more could be received, this result holds the error.
            result = self._libpq.PQgetResult(self._handle)
            if not result:
                return failure
            try:
                if self._libpq.PQresultStatus(result) == libpq.COPY_IN:
                    self._copy(data)
                    data = None  # which only the first COPY reads
                else:
                    failure = failure or self._take(result, rows)
            finally:
                self._libpq.PQclear(result)

    def _receive(self, events: int = select.POLLIN) -> bool:
        """Wait for more of the answer and read it; request a cancel past the deadline. False: connection lost.

        With POLLOUT among the `events`, that more can be sent ends the wait, too.
        """
        self._poll.modify(self._libpq.PQsocket(self._handle), events)
        while True:
            now = time.monotonic()
            if now >= self._deadline:
                self._timed_out = self._timed_out or not self.cancelled
                self._request_cancel()
                self._deadline = now + _AGAIN
            # For a limited time, since a signal may move the deadline meanwhile.
            if ready := self._poll.poll(min(self._deadline - now, _AGAIN) * 1000):
                return not ready[0][1] & ~select.POLLOUT or bool(self._libpq.PQconsumeInput(self._handle))

    def _take(self, result: int, rows: list[Row] | None) -> ServerError | None:
        status = self._libpq.PQresultStatus(result)
        if status in (libpq.COMMAND_OK, libpq.TUPLES_OK):
            self._done += 1
            self.commits += self._libpq.PQcmdStatus(result) in libpq.KEEPING
        if status == libpq.TUPLES_OK and rows is not None:
            rows[:] = results.rows(self._libpq, result)
        elif status == libpq.COPY_OUT:
            self._drop_copy()
        elif status not in (libpq.EMPTY, libpq.COMMAND_OK, libpq.TUPLES_OK, libpq.SINGLE_TUPLE):
            return results.error(self._libpq, result)
        return None

    def _copy(self, data: bytes | None) -> None:
        """Send the data of a COPY FROM STDIN, or refuse it. What the server says of it is the next result."""
        if data is None:
            self._libpq.PQputCopyEnd(self._handle, b"COPY FROM STDIN has nothing to read in a migration")
            return
        # libpq's own wait has no deadline, and holds up Python's signal handlers.
        self._libpq.PQsetnonblocking(self._handle, 1)
        try:
            for start in range(0, len(data), _COPIED_AT_ONCE):
                chunk = data[start : start + _COPIED_AT_ONCE]
                if self._libpq.PQputCopyData(self._handle, chunk, len(chunk)) <= 0 or not self._flush():
                    return
            self._libpq.PQputCopyEnd(self._handle, None)
            self._flush()
        finally:
            self._libpq.PQsetnonblocking(self._handle, 0)

    def _flush(self) -> bool:
        """Wait until the server has taken what is to be sent. False: connection lost."""
        while (left := self._libpq.PQflush(self._handle)) > 0:
            # The server may not read on before its own notices are read.
            if not self._receive(select.POLLIN | select.POLLOUT):
                return False
        return bool(left == 0)

    def _drop_copy(self) -> None:
        buffer = c_void_p()
        # Asynchronously: libpq's own wait has no deadline, and holds up Python's signal handlers.
        while (size := self._libpq.PQgetCopyData(self._handle, ctypes.byref(buffer), 1)) >= 0:
            if size:
                self._libpq.PQfreemem(buffer)
            elif not self._receive():
                break

    def _error_message(self) -> str:
        if self._handle is None:
            return "the connection is closed"
        return str(self._libpq.PQerrorMessage(self._handle).decode(errors="replace")).strip()


def _encoded(text: str) -> bytes:
    """Return the bytes for the server. A text made from a file name may not be valid Unicode."""
    return text.encode(errors="backslashreplace")
