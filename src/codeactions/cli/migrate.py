"""`codeactions migrate`: the program `migrate`, by default with codeactions' own migrations and database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from codeactions.cli.database import shared_database
from codeactions.cli.settings import command_settings
from codeactions.cli.wording import program
from codeactions.domain.errors import Error
from codeactions.migrate.api import ErrorCode, MigrationError, main
from codeactions.node.migrations import Owner, find_directory


def migrate(words: Sequence[str]) -> int:
    """Run one command of `migrate` and return its exit code.

    The database is that of `-database`, else that of DATABASE_URL, else the embedded one of CODEACTIONS_DATA_DIR,
    whether or not its server runs. libpq decides what the URL leaves open, as for the server.
    """
    return main(
        words,
        program=f"{program()} migrate",
        directory=find_directory(),
        database=_database,
        sslmode=None,
        owner=Owner("codeactions", takeover=f"{program()} adopt"),
    )


@contextmanager
def _database() -> Iterator[str]:
    try:
        with shared_database(command_settings()) as url:
            yield url
    except Error as error:
        code = next((code for code in ErrorCode if code.value == error.code.value), ErrorCode.INTERNAL)
        raise MigrationError(code, error.message) from error
