"""`codeactions migrate`: the program `migrate`, by default with codeactions' own migrations and database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from codeactions.migrate.command.main import main
from codeactions.migrate.source.files import find_directory
from codeactions.node.settings import read_settings
from codeactions.postgres.embedded import access


def migrate(words: Sequence[str]) -> int:
    """Run one command of `migrate` and return its exit code.

    The database is that of `-database`, else that of DATABASE_URL, else the embedded one of CODEACTIONS_DATA_DIR,
    whether or not its server runs. libpq decides what the URL leaves open, as for the server.
    """
    return main(words, program="codeactions migrate", directory=find_directory(), database=_database, sslmode=None)


@contextmanager
def _database() -> Iterator[str]:
    settings = read_settings()
    if settings.database_url:
        yield settings.database_url
    else:
        with access.shared(settings.data_dir) as url:
            yield url
