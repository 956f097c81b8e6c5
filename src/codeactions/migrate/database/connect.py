"""Connecting by an address, straight to the server or through a pooler."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from codeactions.migrate.about import APPLICATION
from codeactions.migrate.database.address import Address
from codeactions.migrate.database.connection import Connection
from codeactions.migrate.database.errors import ConnectFailed
from codeactions.migrate.database.startup import settings_of, startup_options
from codeactions.migrate.errors import ErrorCode, MigrationError, sentence

# Seconds, for a host that drops packets without an answer; the URL's own connect_timeout wins.
CONNECT_TIMEOUT = "10"
# The words of PgBouncer and of Amazon's RDS Proxy for the parameter `options`.
_NO_OPTIONS = r"unsupported (?:options )?startup parameter|support command-line options"


def connect(address: Address) -> Connection:
    """Return a connection in autocommit. Raises `MigrationError` (internal) in the words of the URL's driver.

    A pooler may refuse the settings that a session is to begin with. The connection is then made without them, and
    `Session` sets them.
    """
    parameters = _parameters(address)
    try:
        return Connection(parameters)
    except ConnectFailed as failed:
        text = str(failed)
    if "options" in parameters and re.search(_NO_OPTIONS, text):
        _, others = settings_of(parameters.pop("options"))
        if others:
            raise _failure(
                address, text, f"in `options` a pooler can be given settings only (-c name=value), not {others[0]}"
            )
        try:
            with _without_pgoptions():
                return Connection(parameters)
        except ConnectFailed as failed:
            text = str(failed)
    raise _failure(address, text, _advice(address, text))


def _failure(address: Address, text: str, advice: str) -> MigrationError:
    from codeactions.migrate.go_compat.driver_errors import connect_failure  # only for messages

    reason = " ".join(text.split())
    user = address.parameters.get("user") or os.environ.get("PGUSER") or _os_user()
    in_go = connect_failure(
        text,
        address.driver,
        host=address.parameters.get("host", "localhost"),
        user=user,
        database=address.parameters.get("dbname") or os.environ.get("PGDATABASE") or user,
    )
    return MigrationError(
        ErrorCode.INTERNAL,
        f"cannot connect to the database at {address.place}: {reason}; "
        + (advice or "see DATABASE_URL, and try `pg_isready`"),
        go_text="failed to open database: " + in_go,
        hint=sentence(advice) if advice else "",
        urgent=bool(advice),
    )


def _advice(address: Address, text: str) -> str:
    """Return what to do about a refused connection; "" if its reason says all that there is to say."""
    if "does not support SSL" in text:
        mode = address.parameters.get("sslmode", "require")
        return (
            f"the server at {address.place} offers no TLS, which sslmode={mode} asks for: to go without, add "
            "?sslmode=disable to the URL (&sslmode=disable behind other keys)"
        )
    if "no encryption" in text or "SSL required" in text:
        return f"the server at {address.place} insists on TLS: write sslmode=require in the URL"
    if found := re.search(r"unsupported startup parameter: (\w+)", text):
        return f"the pooler at {address.place} does not know {found[1]}: leave it out, or connect to the server itself"
    return address.password_doubt if "authentication failed" in text else ""


def _parameters(address: Address) -> dict[str, str]:
    given = dict(address.parameters)
    if options := startup_options(address):
        given["options"] = options
    if not os.environ.get("PGCONNECT_TIMEOUT"):  # which counts only where nothing is given
        given.setdefault("connect_timeout", CONNECT_TIMEOUT)
    given.setdefault("client_encoding", "UTF8")
    given.setdefault("fallback_application_name", APPLICATION)
    return given


@contextmanager
def _without_pgoptions() -> Iterator[None]:
    """Hide PGOPTIONS from libpq for the block: no parameter can say that there are no options."""
    before = os.environ.pop("PGOPTIONS", None)
    try:
        yield
    finally:
        if before is not None:
            os.environ["PGOPTIONS"] = before


def _os_user() -> str:
    from getpass import getuser  # only for messages

    try:
        return getuser()
    except (KeyError, OSError):  # in a container the number may have no name
        return str(os.getuid())
