"""The server's database, for a command beside the server."""

import contextlib
from collections.abc import Iterator

from codeactions.node.settings import Settings
from codeactions.postgres.embedded import access


@contextlib.contextmanager
def shared_database(settings: Settings) -> Iterator[str]:
    """Its URL, for the block; the embedded one's whether or not its server runs. Raises `Error`."""
    if settings.database_url:
        yield settings.database_url
    else:
        with access.shared(settings.data_dir) as url:
            yield url
