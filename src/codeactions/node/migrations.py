"""The migrations that came with this program, on the server's database.

The package `codeactions.migrate` stands by itself and has an error of its own, which becomes `Error` here.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from codeactions.domain.errors import Error, ErrorCode
from codeactions.migrate import api
from codeactions.migrate.api import NIL_VERSION, Address, DatabaseState, Inspection

__all__ = [
    "NIL_VERSION",
    "PROGRAM",
    "Address",
    "DatabaseState",
    "Inspection",
    "find_directory",
    "inspect",
    "parse_address",
    "upgrade",
]
PROGRAM = "codeactions migrate"
"""The command under which the server's own migrations are at hand."""


def find_directory() -> Path:
    """Return the folder with the migrations: inside an installed package, else in a checkout.

    Raises `Error` (internal) if there is none.
    """
    package = Path(__file__).parents[1]
    for candidate in (package / "migrations", package.parent.parent / "migrations"):
        if any(candidate.glob("*.up.sql")):
            return candidate
    raise Error(ErrorCode.INTERNAL, "the migrations that belong to codeactions are missing: install it again")


def upgrade(database_url: str, *, progress: Callable[[str], None] | None = None) -> int:
    """Bring a database to the latest version and return that version. See `codeactions.migrate.api.upgrade`.

    Raises `Error` with the same codes and messages.
    """
    with _our_error():
        return api.upgrade(database_url, find_directory(), program=PROGRAM, progress=progress)


def inspect(database_url: str) -> Inspection:
    """Compare a database with the migrations, without writing or locking. Raises `Error`."""
    with _our_error():
        return api.inspect(database_url, find_directory(), program=PROGRAM)


def parse_address(database_url: str) -> Address:
    """Read a database URL as migrations do. Raises `Error` (invalid)."""
    with _our_error():
        return api.parse_address(database_url)


@contextlib.contextmanager
def _our_error() -> Iterator[None]:
    try:
        yield
    except api.MigrationError as error:
        raise Error(ErrorCode(error.code.value), error.message) from error
