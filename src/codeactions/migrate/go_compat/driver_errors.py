"""Errors of the database in the words of golang-migrate's drivers, which scripts look for."""

import re

from codeactions.migrate.database.errors import DatabaseError, ServerError, TimedOut
from codeactions.migrate.go_compat.drivers import Driver

_PGX_NO_SCHEMA = (
    'sql: Scan error on column index 0, name "current_schema": converting NULL to string is unsupported '
    "in line 0: SELECT CURRENT_SCHEMA()"
)
NO_SCHEMA = {Driver.POSTGRES: "no schema", Driver.PGX4: _PGX_NO_SCHEMA, Driver.PGX5: _PGX_NO_SCHEMA}
# One line of libpq's for each address it tried; a host name is followed by the number it stands for.
_ATTEMPT = re.compile(
    r'connection to server at "(?P<host>[^"]*)"(?: \((?P<number>[^)]*)\))?, port (?P<port>\d+) failed: (?P<reason>.*)'
    r'|connection to server on socket "(?P<socket>[^"]*)" failed: (?P<why>.*)'
    r'|could not translate host name "(?P<unknown>[^"]*)" to address'
)
# libpq shows no SQLSTATE for a refused connection; pgx does.
_SQLSTATES = {
    "database": "3D000",
    "password": "28P01",
    "role": "28000",
    "no pg_hba.conf entry": "28000",
    "sorry, too many clients": "53300",
    "remaining connection slots": "53300",
    "the database system is": "57P03",
    "unrecognized configuration parameter": "42704",
}


def in_go_words(error: DatabaseError, driver: Driver) -> str:
    """Return the error of a statement as the driver prints it."""
    if isinstance(error, TimedOut) and driver is not Driver.POSTGRES:
        return "timeout: context deadline exceeded"
    if type(error) is DatabaseError:
        return str(error)
    if not isinstance(error, ServerError):
        return "driver: bad connection" if driver is Driver.POSTGRES else f"unexpected EOF: {error}"
    if driver is Driver.POSTGRES:
        return f"pq: {error.message}"
    return f"ERROR: {error.message} (SQLSTATE {error.sqlstate})"


def connect_failure(text: str, driver: Driver, *, host: str, user: str, database: str) -> str:
    """Return libpq's text for a failed connection as the driver prints it."""
    # Lines with HINT or DETAIL belong to the one above them.
    found = [_ATTEMPT.search(line) for line in text.splitlines()]
    # Once each: after a refusal libpq may try the same address again, in another way.
    attempts = list(dict.fromkeys(_attempt(one, driver, user) for one in found if one))
    if driver is Driver.POSTGRES:
        return attempts[0] if attempts else " ".join(text.split())
    if driver is Driver.PGX5:
        return f"failed to connect to `user={user} database={database}`:" + "".join(f"\n\t{one}" for one in attempts)
    return f"failed to connect to `host={host} user={user} database={database}`: {attempts[-1] if attempts else text}"


def _attempt(found: re.Match[str], driver: Driver, user: str) -> str:
    if found["unknown"]:
        return _dial(f"dial tcp: lookup {found['unknown']}: no such host", driver, f"lookup {found['unknown']}")
    reason = found["reason"] or found["why"] or ""
    if found["socket"]:
        place, kind = found["socket"], "unix"
    else:
        number = found["number"] or found["host"]
        place, kind = (f"[{number}]" if ":" in number else number) + ":" + found["port"], "tcp"
    named = f"{place} ({found['host'] or found['socket']})"
    if reason.startswith("FATAL:"):
        return _refused(reason.removeprefix("FATAL:").strip(), driver, named)
    if "no password supplied" in reason:
        # The drivers in Go send an empty password, and are refused for that.
        return _refused(f'password authentication failed for user "{user}"', driver, named)
    if "does not support SSL" in reason:
        return {
            Driver.POSTGRES: "pq: SSL is not enabled on the server",
            Driver.PGX4: "tls error (server refused TLS connection)",
            Driver.PGX5: f"{named}: tls error: server refused TLS connection",
        }[driver]
    why = "i/o timeout" if "timeout expired" in reason else f"connect: {_lowered(reason)}"
    return _dial(f"dial {kind} {place}: {why}", driver, named)


def _lowered(reason: str) -> str:
    """Return the reason as Go begins it: in lower case, unless it begins with an abbreviation (SSL, GSSAPI, ERROR)."""
    return reason if reason[1:2].isupper() else reason[:1].lower() + reason[1:]


def _dial(text: str, driver: Driver, place: str) -> str:
    return {
        Driver.POSTGRES: text,
        Driver.PGX4: f"dial error ({text})",
        Driver.PGX5: f"{place}: dial error: {text}",
    }[driver]


def _refused(message: str, driver: Driver, place: str) -> str:
    if driver is Driver.POSTGRES:
        return f"pq: {message}"
    state = next((state for begin, state in _SQLSTATES.items() if message.startswith(begin)), "08000")
    text = f"FATAL: {message} (SQLSTATE {state})"
    return f"server error ({text})" if driver is Driver.PGX4 else f"{place}: server error: {text}"
