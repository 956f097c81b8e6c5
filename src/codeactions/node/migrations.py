"""The migrations that came with this program, on the server's database.

The package `codeactions.migrate` stands by itself and has an error of its own, which becomes `Error` here.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from codeactions.domain.errors import Error, ErrorCode
from codeactions.migrate import api
from codeactions.migrate.api import NIL_VERSION, Addition, Address, Adoption, DatabaseState, Inspection, Owner
from codeactions.postgres.database import Database

__all__ = [
    "NIL_VERSION",
    "OWNER",
    "PROGRAM",
    "Address",
    "Adoption",
    "DatabaseState",
    "Inspection",
    "Owner",
    "SchemaCheck",
    "adopt",
    "find_directory",
    "inspect",
    "parse_address",
    "plan_adoption",
    "upgrade",
]
PROGRAM = "codeactions migrate"
"""The command under which the server's own migrations are at hand."""
OWNER = Owner("codeactions", takeover="codeactions adopt")


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
        return api.upgrade(database_url, find_directory(), program=PROGRAM, owner=OWNER, progress=progress)


def inspect(database_url: str) -> Inspection:
    """Compare a database with the migrations, without writing or locking. Raises `Error`."""
    with _our_error():
        return api.inspect(database_url, find_directory(), program=PROGRAM, owner=OWNER)


def plan_adoption(database_url: str, addition: Addition) -> Adoption:
    """Return what `adopt` would do. See `codeactions.migrate.api.plan_adoption`. Raises `Error`."""
    with _our_error():
        return api.plan_adoption(database_url, find_directory(), OWNER, program=PROGRAM, addition=addition)


def adopt(database_url: str, planned: Adoption, addition: Addition, *, progress: Callable[[str], None]) -> None:
    """Take over a database whose version another program made. See `codeactions.migrate.api.adopt`. Raises `Error`."""
    with _our_error():
        api.adopt(database_url, find_directory(), OWNER, planned, program=PROGRAM, progress=progress, addition=addition)


class SchemaCheck:
    """Asks a database whether all tables, columns, triggers and functions that the migrations define are there."""

    def __init__(self) -> None:
        with _our_error():
            self._schema = api.schema_of(find_directory())
        self._query = api.statement_of_differences("%(schema)s")

    async def __call__(self, database: Database) -> str:
        """Return the database server's version.

        Raises `Error`: busy while the database is away; conflict if something is missing, which the message names.
        """
        version, rows = await database.check(self._schema, self._query)
        if found := api.differences_of([[value or "" for value in row] for row in rows]):
            raise Error(ErrorCode.CONFLICT, f"the schema is not what this server needs: {api.in_words(found)}")
        return version


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
