"""Connecting by an address."""

import os
import re

from codeactions.migrate.about import APPLICATION
from codeactions.migrate.database.address import Address
from codeactions.migrate.database.connection import Connection
from codeactions.migrate.database.errors import ConnectFailed
from codeactions.migrate.errors import ErrorCode, MigrationError
from codeactions.migrate.go_compat.driver_errors import connect_failure

# Seconds, for a host that drops packets without an answer; the URL's own connect_timeout wins.
CONNECT_TIMEOUT = "10"


def connect(address: Address) -> Connection:
    """Return a connection in autocommit. Raises `MigrationError` (internal) in the words of the URL's driver."""
    try:
        return Connection(_parameters(address))
    except ConnectFailed as failed:
        text = str(failed)
    reason = " ".join(text.split())
    user = address.parameters.get("user") or os.environ.get("PGUSER") or _os_user()
    in_go = connect_failure(
        text,
        address.driver,
        host=address.parameters.get("host", "localhost"),
        user=user,
        database=address.parameters.get("dbname") or os.environ.get("PGDATABASE") or user,
    )
    raise MigrationError(
        ErrorCode.INTERNAL,
        f"cannot connect to the database at {address.place}: {reason}; see DATABASE_URL, and try `pg_isready`",
        go_text="failed to open database: " + in_go,
    )


def escaped_option(option: str) -> str:
    """Escape an option for libpq's keyword `options`.

    Every character that separates options for the server is escaped, tabs and line breaks too. Otherwise a value
    could bring further options along.
    """
    return re.sub(r"([\s\\])", r"\\\1", option)


def _parameters(address: Address) -> dict[str, str]:
    given = dict(address.parameters)
    # Go's drivers send what they do not know to the server as a run-time setting (search_path, ...).
    settings = ["-c " + escaped_option(f"{key}={value}") for key, value in address.settings.items()]
    if settings:
        # What is given here would take the place of PGOPTIONS.
        before = given.get("options") or os.environ.get("PGOPTIONS", "")
        # Not stripped: the last value may end in an escaped blank.
        given["options"] = " ".join(filter(None, [before, *settings]))
    if not os.environ.get("PGCONNECT_TIMEOUT"):  # which counts only where nothing is given
        given.setdefault("connect_timeout", CONNECT_TIMEOUT)
    given.setdefault("client_encoding", "UTF8")
    given.setdefault("fallback_application_name", APPLICATION)
    return given


def _os_user() -> str:
    from getpass import getuser  # only for messages

    try:
        return getuser()
    except (KeyError, OSError):  # in a container the number may have no name
        return str(os.getuid())
