"""Connecting by an address, and what to say when that fails."""

import os
import re

from codeactions.domain.errors import ErrorCode
from codeactions.migrate.database import libpq
from codeactions.migrate.database.address import Address, Driver
from codeactions.migrate.failure import MigrationError

APPLICATION = "codeactions migrate"
# Against a host that swallows packets; the URL's own connect_timeout wins.
CONNECT_TIMEOUT = "10"
# One line of libpq's for each address it tried; host names are followed by the number they stand for.
ATTEMPT = re.compile(
    r'connection to server at "(?P<host>[^"]*)"(?: \((?P<number>[^)]*)\))?, port (?P<port>\d+) failed: (?P<reason>.*)'
    r'|connection to server on socket "(?P<socket>[^"]*)" failed: (?P<why>.*)'
    r'|could not translate host name "(?P<unknown>[^"]*)" to address'
)
# libpq shows no SQLSTATE for a refused connection; pgx does.
SQLSTATES = {
    "database": "3D000",
    "password": "28P01",
    "role": "28000",
    "no pg_hba.conf entry": "28000",
    "sorry, too many clients": "53300",
    "remaining connection slots": "53300",
    "the database system is": "57P03",
    "unrecognized configuration parameter": "42704",
}


def connect(address: Address) -> libpq.Connection:
    """A connection in autocommit. `MigrationError` (internal) in the words of the URL's driver if it fails."""
    try:
        return libpq.Connection(_parameters(address))
    except libpq.ConnectFailed as failed:
        said = str(failed)
    reason = " ".join(said.split())
    raise MigrationError(
        ErrorCode.INTERNAL,
        f"cannot connect to the database at {address.place}: {reason}; see DATABASE_URL, and try `pg_isready`",
        tool="failed to open database: " + _as_go(address, said),
    )


def _parameters(address: Address) -> dict[str, str]:
    given = dict(address.parameters)
    # Go's drivers send what they do not know to the server as a run-time setting (search_path, ...).
    settings = [f"-c {key}={_escaped(value)}" for key, value in address.settings.items()]
    if settings:
        # What is given here would take the place of PGOPTIONS.
        before = given.get("options") or os.environ.get("PGOPTIONS", "")
        given["options"] = " ".join([before, *settings]).strip()
    if not os.environ.get("PGCONNECT_TIMEOUT"):  # which counts only where nothing is given
        given.setdefault("connect_timeout", CONNECT_TIMEOUT)
    given.setdefault("client_encoding", "UTF8")
    given.setdefault("fallback_application_name", APPLICATION)
    return given


def _escaped(value: str) -> str:
    # All that separates options for the server, or a value could bring further ones along.
    return re.sub(r"([\s\\])", r"\\\1", value)


def _as_go(address: Address, said: str) -> str:
    user = address.parameters.get("user") or os.environ.get("PGUSER") or _os_user()
    # Lines with HINT or DETAIL belong to the one above them.
    found = [ATTEMPT.search(line) for line in said.splitlines()]
    # Once each: after a refusal libpq may try the same address again, another way.
    attempts = list(dict.fromkeys(_attempt(one, address.driver, user) for one in found if one))
    if address.driver is Driver.POSTGRES:
        return attempts[0] if attempts else " ".join(said.split())
    database = address.parameters.get("dbname") or os.environ.get("PGDATABASE") or user
    if address.driver is Driver.PGX5:
        return f"failed to connect to `user={user} database={database}`:" + "".join(f"\n\t{one}" for one in attempts)
    host = address.parameters.get("host", "localhost")
    return f"failed to connect to `host={host} user={user} database={database}`: {attempts[-1] if attempts else said}"


def _os_user() -> str:
    from getpass import getuser  # only for messages

    try:
        return getuser()
    except (KeyError, OSError):  # in a container nobody may have that number
        return str(os.getuid())


def _attempt(found: re.Match[str], driver: Driver, user: str) -> str:
    """One try in the words of Go's drivers, which scripts that wait for a database may look for."""
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
        # The drivers in Go send an empty one, and are refused for that.
        return _refused(f'password authentication failed for user "{user}"', driver, named)
    if "does not support SSL" in reason:
        return {
            Driver.POSTGRES: "pq: SSL is not enabled on the server",
            Driver.PGX4: "tls error (server refused TLS connection)",
            Driver.PGX5: f"{named}: tls error: server refused TLS connection",
        }[driver]
    why = "i/o timeout" if "timeout expired" in reason else f"connect: {reason[:1].lower()}{reason[1:]}"
    return _dial(f"dial {kind} {place}: {why}", driver, named)


def _dial(text: str, driver: Driver, place: str) -> str:
    return {
        Driver.POSTGRES: text,
        Driver.PGX4: f"dial error ({text})",
        Driver.PGX5: f"{place}: dial error: {text}",
    }[driver]


def _refused(message: str, driver: Driver, place: str) -> str:
    if driver is Driver.POSTGRES:
        return f"pq: {message}"
    state = next((state for begin, state in SQLSTATES.items() if message.startswith(begin)), "08000")
    text = f"FATAL: {message} (SQLSTATE {state})"
    return f"server error ({text})" if driver is Driver.PGX4 else f"{place}: server error: {text}"
