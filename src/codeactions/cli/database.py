"""The database for a command."""

import contextlib
from collections.abc import Iterator

from codeactions.node.settings import Settings
from codeactions.postgres.embedded import access


@contextlib.contextmanager
def shared_database(settings: Settings) -> Iterator[str]:
    """Provide the URL of the server's database for the block, whether or not a server runs. Raises `Error`."""
    if settings.database_url:
        yield settings.database_url
    else:
        with access.shared(settings.data_dir) as url:
            yield url
