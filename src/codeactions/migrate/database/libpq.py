"""PostgreSQL's client library, bound with ctypes: as much of it as migrations need.

psycopg is not used, for two reasons. Importing `psycopg.pq` runs the whole of `psycopg/__init__`, which takes longer
than all of `migrate version` (docs/performance.md has the figures). And a second Ctrl-C has to reach a statement that
is being waited for, which in `connection` is a plain poll(). The library is the one in psycopg's wheel, so TLS, SCRAM
and the rest work as they do in the server.
"""

import ctypes
import os
import sys
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_void_p
from enum import IntEnum
from functools import cache
from typing import Any

from codeactions.migrate.errors import ErrorCode, MigrationError

_NOTICES = ctypes.CFUNCTYPE(None, c_void_p, c_char_p)
# The kinds of results and the fields of errors; values from libpq-fe.h and postgres_ext.h.
EMPTY, COMMAND_OK, TUPLES_OK, COPY_OUT, COPY_IN, SINGLE_TUPLE = 0, 1, 2, 3, 4, 9
SQLSTATE, MESSAGE, DETAIL, HINT, POSITION, CONTEXT = (ord(letter) for letter in "CMDHPW")
# The words for statements after which the work so far is kept.
KEEPING = (b"COMMIT", b"PREPARE TRANSACTION")
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "PQconnectdbParams": (c_void_p, [POINTER(c_char_p), POINTER(c_char_p), c_int]),
    "PQstatus": (c_int, [c_void_p]),
    "PQerrorMessage": (c_char_p, [c_void_p]),
    "PQfinish": (None, [c_void_p]),
    "PQsocket": (c_int, [c_void_p]),
    "PQbackendPID": (c_int, [c_void_p]),
    "PQtransactionStatus": (c_int, [c_void_p]),
    "PQparameterStatus": (c_char_p, [c_void_p, c_char_p]),
    "PQsetNoticeProcessor": (c_void_p, [c_void_p, _NOTICES, c_void_p]),
    "PQsendQuery": (c_int, [c_void_p, c_char_p]),
    "PQsetSingleRowMode": (c_int, [c_void_p]),
    "PQconsumeInput": (c_int, [c_void_p]),
    "PQisBusy": (c_int, [c_void_p]),
    "PQgetResult": (c_void_p, [c_void_p]),
    "PQresultStatus": (c_int, [c_void_p]),
    "PQcmdStatus": (c_char_p, [c_void_p]),
    "PQresultErrorField": (c_char_p, [c_void_p, c_int]),
    "PQresultErrorMessage": (c_char_p, [c_void_p]),
    "PQntuples": (c_int, [c_void_p]),
    "PQnfields": (c_int, [c_void_p]),
    "PQgetvalue": (c_char_p, [c_void_p, c_int, c_int]),
    "PQgetisnull": (c_int, [c_void_p, c_int, c_int]),
    "PQclear": (None, [c_void_p]),
    "PQsetnonblocking": (c_int, [c_void_p, c_int]),
    "PQflush": (c_int, [c_void_p]),
    "PQputCopyData": (c_int, [c_void_p, c_char_p, c_int]),
    "PQputCopyEnd": (c_int, [c_void_p, c_char_p]),
    "PQgetCopyData": (c_int, [c_void_p, POINTER(c_void_p), c_int]),
    "PQescapeLiteral": (c_void_p, [c_void_p, c_char_p, c_size_t]),
    "PQescapeIdentifier": (c_void_p, [c_void_p, c_char_p, c_size_t]),
    "PQfreemem": (None, [c_void_p]),
    "PQgetCancel": (c_void_p, [c_void_p]),
    "PQcancel": (c_int, [c_void_p, c_char_p, c_int]),
    "PQfreeCancel": (None, [c_void_p]),
}


class TransactionStatus(IntEnum):
    """The state of a session's transaction; libpq's PGTransactionStatusType."""

    IDLE = 0
    ACTIVE = 1
    IN_TRANSACTION = 2
    IN_ERROR = 3
    UNKNOWN = 4


# By default libpq prints notices.
ignore_notice = _NOTICES(lambda _argument, _message: None)


@cache
def library() -> Any:
    """Load libpq and declare its functions. Raises `MigrationError` (internal) if there is none."""
    for path in _candidates():
        try:
            found = ctypes.CDLL(path)
        except OSError:
            continue
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(found, name)
            function.restype, function.argtypes = result, arguments
        return found
    raise MigrationError(
        ErrorCode.INTERNAL, "libpq, PostgreSQL's client library, is missing: install codeactions again"
    )


def _candidates() -> list[str]:
    """Return the paths of the wheel's libpq, wherever the wheel is installed, then the system's name for it."""
    found = []
    for folder in sys.path:
        libraries = os.path.join(folder, "psycopg_binary.libs")
        if os.path.isdir(libraries):
            found += [os.path.join(libraries, name) for name in os.listdir(libraries) if name.startswith("libpq-")]
    return [*found, "libpq.so.5"]
