"""PostgreSQL's own client library by ctypes: as much of it as migrations need.

Not psycopg, for two reasons: importing that takes 150 ms and more, longer than all of `migrate version` may
take; and a second Ctrl-C has to reach a statement that is being waited for, which here is a plain poll().
What is loaded is the libpq that psycopg's wheel brings along, so both speak TLS, SCRAM and the rest alike.
"""

import ctypes
import math
import os
import select
import sys
import time
from collections.abc import Mapping
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_void_p
from enum import IntEnum
from functools import cache
from typing import Any

from codeactions.domain.errors import Error, ErrorCode

_NOTICES = ctypes.CFUNCTYPE(None, c_void_p, c_char_p)
# Where results and error fields are told apart; values from libpq-fe.h and postgres_ext.h.
_COMMAND_OK, _TUPLES_OK, _COPY_OUT, _COPY_IN, _FATAL, _SINGLE_TUPLE = 1, 2, 3, 4, 7, 9
_SQLSTATE, _MESSAGE, _DETAIL, _HINT, _POSITION = (ord(letter) for letter in "CMDHP")
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "PQconnectdbParams": (c_void_p, [POINTER(c_char_p), POINTER(c_char_p), c_int]),
    "PQstatus": (c_int, [c_void_p]),
    "PQerrorMessage": (c_char_p, [c_void_p]),
    "PQfinish": (None, [c_void_p]),
    "PQsocket": (c_int, [c_void_p]),
    "PQbackendPID": (c_int, [c_void_p]),
    "PQtransactionStatus": (c_int, [c_void_p]),
    "PQsetNoticeProcessor": (c_void_p, [c_void_p, _NOTICES, c_void_p]),
    "PQsendQuery": (c_int, [c_void_p, c_char_p]),
    "PQsetSingleRowMode": (c_int, [c_void_p]),
    "PQconsumeInput": (c_int, [c_void_p]),
    "PQisBusy": (c_int, [c_void_p]),
    "PQgetResult": (c_void_p, [c_void_p]),
    "PQresultStatus": (c_int, [c_void_p]),
    "PQresultErrorField": (c_char_p, [c_void_p, c_int]),
    "PQresultErrorMessage": (c_char_p, [c_void_p]),
    "PQntuples": (c_int, [c_void_p]),
    "PQnfields": (c_int, [c_void_p]),
    "PQgetvalue": (c_char_p, [c_void_p, c_int, c_int]),
    "PQgetisnull": (c_int, [c_void_p, c_int, c_int]),
    "PQclear": (None, [c_void_p]),
    "PQputCopyEnd": (c_int, [c_void_p, c_char_p]),
    "PQgetCopyData": (c_int, [c_void_p, POINTER(c_void_p), c_int]),
    "PQescapeLiteral": (c_void_p, [c_void_p, c_char_p, c_size_t]),
    "PQescapeIdentifier": (c_void_p, [c_void_p, c_char_p, c_size_t]),
    "PQfreemem": (None, [c_void_p]),
    "PQgetCancel": (c_void_p, [c_void_p]),
    "PQcancel": (c_int, [c_void_p, c_char_p, c_int]),
    "PQfreeCancel": (None, [c_void_p]),
}

Row = tuple[str | None, ...]
QUERY_CANCELED = "57014"
# Seconds. A cancel that comes before the server has begun does nothing, so it is sent again.
_AGAIN = 1.0


class TransactionStatus(IntEnum):
    """Where a session stands; libpq's PGTransactionStatusType."""

    IDLE = 0
    ACTIVE = 1
    IN_TRANSACTION = 2
    IN_ERROR = 3
    UNKNOWN = 4


class DatabaseError(Exception):
    """Anything that goes wrong with a connection; `str()` is for people and may have several lines."""

    query = ""
    """The statements of our own that it went wrong with; "" for a file's."""
    while_opening = False
    """Whether golang-migrate would not have come to its command."""


class ConnectFailed(DatabaseError):
    """No connection came about. The text is libpq's, one line for each address that was tried."""


class ConnectionLost(DatabaseError):
    """The connection broke while a statement was under way: nobody here knows what became of it."""


class ServerError(DatabaseError):
    """The server refused a statement; the transaction it was in is void."""

    def __init__(self, sqlstate: str, message: str, *, detail: str = "", hint: str = "", position: int = 0) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.detail = detail
        self.hint = hint
        self.position = position
        """Of the character in the query, from 1; 0 if there is none."""


class TimedOut(ServerError):
    """A statement that was cancelled because its time was over."""


class Connection:
    """One session. Statements go by the simple protocol: many in one text, each text one transaction."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        """Connect by libpq's keywords; `ConnectFailed` if that fails. Blocks for connect_timeout at most."""
        self._libpq = _library()
        self.cancelled = False
        """Whether `cancel` was called: then no more files are run."""
        self._deadline = math.inf
        self._timed_out = False
        # What is no text is from the environment, and goes to libpq as it came.
        known = {key.encode(): value.encode(errors="surrogateescape") for key, value in parameters.items()}
        names, values = (c_char_p * (len(known) + 1))(*known), (c_char_p * (len(known) + 1))(*known.values())
        self._handle: int | None = self._libpq.PQconnectdbParams(names, values, 0)
        if self._libpq.PQstatus(self._handle) != 0:
            message = self._error_message()
            self.close()
            raise ConnectFailed(message)
        self._libpq.PQsetNoticeProcessor(self._handle, _ignore_notice, None)
        self._poll = select.poll()
        self._poll.register(self._libpq.PQsocket(self._handle), select.POLLIN)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed here, or found to be broken."""
        return self._handle is None or self._libpq.PQstatus(self._handle) != 0

    def status(self) -> TransactionStatus:
        """The transaction's status; UNKNOWN once the connection is gone."""
        if self._handle is None:
            return TransactionStatus.UNKNOWN
        return TransactionStatus(self._libpq.PQtransactionStatus(self._handle))

    @property
    def pid(self) -> int:
        """The backend's process id."""
        return int(self._libpq.PQbackendPID(self._handle))

    def close(self) -> None:
        """End the session. May be called again."""
        if self._handle is not None:
            self._libpq.PQfinish(self._handle)
            self._handle = None

    def run(self, text: str, timeout: float | None = None) -> list[Row]:
        """Run statements of our own and return the rows of the last one that selects, as text.

        After `timeout` seconds: `TimedOut`.
        """
        rows: list[Row] = []
        try:
            self._run(_encoded(text), rows, timeout)
        except DatabaseError as error:
            error.query = text
            raise
        return rows

    def run_file(self, text: bytes, timeout: float | None = None) -> None:
        """Run foreign text, unchanged, and drop its results as they come. After `timeout` seconds: `TimedOut`.

        The text has no NUL byte, or the rest of it would not be sent. COPY FROM STDIN is refused, and so is
        everything once the connection was cancelled, which may have come just before this.
        """
        self._run(text, None, timeout)

    def cancel(self) -> None:
        """Ask the server to give up what it is doing. It may be called from a signal handler."""
        self.cancelled = True
        self._deadline = time.monotonic() + _AGAIN
        self._request_cancel()

    def _request_cancel(self) -> None:
        if self._handle is None:
            return
        cancel = self._libpq.PQgetCancel(self._handle)
        self._libpq.PQcancel(cancel, ctypes.create_string_buffer(256), 256)
        self._libpq.PQfreeCancel(cancel)

    def literal(self, value: str | None) -> str:
        """`value` as a string constant for SQL text, or NULL."""
        return "NULL" if value is None else self._escaped(self._libpq.PQescapeLiteral, value)

    def identifier(self, *names: str) -> str:
        """`names`, quoted, with dots between them."""
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

    def _run(self, text: bytes, rows: list[Row] | None, timeout: float | None) -> None:
        # In this order, so that a signal in between is either seen here or has moved the deadline.
        self._deadline = math.inf if timeout is None else time.monotonic() + timeout
        self._timed_out = False
        if rows is None and self.cancelled:
            raise ServerError(QUERY_CANCELED, "canceling statement due to user request")
        if self._handle is None or not self._libpq.PQsendQuery(self._handle, text):
            raise ConnectionLost(self._error_message())
        if rows is None:
            # What a file selects is of no use to anybody, however much it is.
            self._libpq.PQsetSingleRowMode(self._handle)
        failure: ServerError | None = None
        while True:
            while self._libpq.PQisBusy(self._handle) and self._receive():
                pass
            # If nothing more could be received, this has the error.
            result = self._libpq.PQgetResult(self._handle)
            if not result:
                break
            try:
                failure = failure or self._take(result, rows)
            finally:
                self._libpq.PQclear(result)
        # A session that the server ended says so in an error first; that the session is gone matters more.
        if self.closed:
            raise ConnectionLost(str(failure or self._error_message()))
        if failure and failure.sqlstate == QUERY_CANCELED and self._timed_out:
            raise TimedOut(failure.sqlstate, failure.message)
        if failure:
            raise failure

    def _receive(self) -> bool:
        """Wait for more of the answer and read it; past the deadline, ask for a cancel. False: no connection."""
        while True:
            now = time.monotonic()
            if now >= self._deadline:
                self._timed_out = self._timed_out or not self.cancelled
                self._request_cancel()
                self._deadline = now + _AGAIN
            # Not for longer, since a signal may move the deadline meanwhile.
            if self._poll.poll(min(self._deadline - now, _AGAIN) * 1000):
                return bool(self._libpq.PQconsumeInput(self._handle))

    def _take(self, result: int, rows: list[Row] | None) -> ServerError | None:
        status = self._libpq.PQresultStatus(result)
        if status == _TUPLES_OK and rows is not None:
            rows[:] = self._rows(result)
        elif status == _COPY_IN:
            self._libpq.PQputCopyEnd(self._handle, b"COPY FROM STDIN has nothing to read in a migration")
        elif status == _COPY_OUT:
            self._drop_copy()
        elif status not in (0, _COMMAND_OK, _TUPLES_OK, _SINGLE_TUPLE):
            return self._error(result)
        return None

    def _rows(self, result: int) -> list[Row]:
        value, is_null = self._libpq.PQgetvalue, self._libpq.PQgetisnull
        columns = range(self._libpq.PQnfields(result))
        return [
            tuple(
                None if is_null(result, row, column) else value(result, row, column).decode(errors="replace")
                for column in columns
            )
            for row in range(self._libpq.PQntuples(result))
        ]

    def _drop_copy(self) -> None:
        buffer = c_void_p()
        # Asynchronously: libpq's own waiting knows no deadline, and no signal is heard meanwhile.
        while (size := self._libpq.PQgetCopyData(self._handle, ctypes.byref(buffer), 1)) >= 0:
            if size:
                self._libpq.PQfreemem(buffer)
            elif not self._receive():
                break

    def _error(self, result: int) -> ServerError:
        def field(code: int) -> str:
            raw = self._libpq.PQresultErrorField(result, code)
            return raw.decode(errors="replace") if raw else ""

        message = field(_MESSAGE) or self._libpq.PQresultErrorMessage(result).decode(errors="replace").strip()
        position = int(field(_POSITION) or 0)
        return ServerError(field(_SQLSTATE), message, detail=field(_DETAIL), hint=field(_HINT), position=position)

    def _error_message(self) -> str:
        if self._handle is None:
            return "the connection is closed"
        return str(self._libpq.PQerrorMessage(self._handle).decode(errors="replace")).strip()


def _encoded(text: str) -> bytes:
    """For the server, whose text it is: what came from a file name may be no Unicode."""
    return text.encode(errors="backslashreplace")


# libpq's own way with notices is to print them.
_ignore_notice = _NOTICES(lambda _argument, _message: None)


@cache
def _library() -> Any:
    for path in _candidates():
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        return library
    raise Error(ErrorCode.INTERNAL, "libpq, PostgreSQL's client library, is missing: install codeactions again")


def _candidates() -> list[str]:
    """The wheel's libpq, wherever that is installed; then the system's."""
    found = []
    for folder in sys.path:
        libraries = os.path.join(folder, "psycopg_binary.libs")
        if os.path.isdir(libraries):
            found += [os.path.join(libraries, name) for name in os.listdir(libraries) if name.startswith("libpq-")]
    return [*found, "libpq.so.5"]
