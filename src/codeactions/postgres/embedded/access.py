"""The embedded database for a command: that of the running server, or one that is started for the command."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg

from codeactions.domain.errors import Error, ErrorCode, invalid
from codeactions.postgres.embedded.cluster import disk_full
from codeactions.postgres.embedded.runtime_folder import DATABASE
from codeactions.postgres.embedded.server import EmbeddedPostgres
from codeactions.postgres.embedded.user import find_or_create

_RETRY_SECONDS = 0.2


@contextlib.contextmanager
def shared(data_dir: Path, timeout: float = 30.0) -> Iterator[str]:
    """Provide the URL of a data folder's database for the block, whether or not the folder's server runs.

    timeout: seconds to wait for a server that is starting or stopping. Raises `Error`: invalid when there is no
    database or it belongs to another OS user; conflict when a server has it and cannot be reached from here.
    """
    embedded = EmbeddedPostgres(data_dir)
    cluster = embedded.data_dir / "postgres"
    _require_database(cluster)
    deadline = time.monotonic() + timeout
    while True:
        url = _running(cluster)
        if url:
            yield url
            return
        _require_ours(cluster)
        try:
            embedded.start()
            break
        except Error as error:
            embedded.stop()
            if error.code != ErrorCode.CONFLICT:
                raise
            if time.monotonic() > deadline:
                reason = f"a server has {embedded.data_dir}, but its database cannot be reached from here"
                raise Error(ErrorCode.CONFLICT, f"{reason}: run this where that server runs, or stop it") from error
        time.sleep(_RETRY_SECONDS)
    try:
        yield embedded.url
    finally:
        embedded.stop()


@contextlib.contextmanager
def exclusive(data_dir: Path) -> Iterator[str]:
    """Provide the URL of a data folder's database for the block, and keep servers out of the folder.

    The database is made if there is none. Raises `Error`: conflict when a server has it; invalid when it belongs to
    another OS user; internal, in the place of the block's own error, when the disk is full.
    """
    embedded = EmbeddedPostgres(data_dir)
    cluster = embedded.data_dir / "postgres"
    if os.path.exists(cluster):  # Path.exists raises in a closed folder; `start` explains that better
        _require_ours(cluster)
    try:
        embedded.start()
        yield embedded.url
    except Error as error:
        if not embedded.met_full_disk():
            raise
        embedded.stop(0.0)  # an orderly end may need space, too, and wait in vain
        raise disk_full(embedded.data_dir) from error
    finally:
        embedded.stop()


def _require_database(cluster: Path) -> None:
    try:
        (cluster / "PG_VERSION").stat()
    except PermissionError:
        raise invalid(f"{cluster.parent} belongs to another user: run this as the user of its server") from None
    except OSError:
        raise invalid(f"there is no database in {cluster.parent}: check CODEACTIONS_DATA_DIR") from None


def _require_ours(cluster: Path) -> None:
    """Raise `Error` (invalid) for another user's database, also as root: a start as root would change its owner."""
    owner = cluster.stat().st_uid
    user = find_or_create()
    if owner not in (os.geteuid(), user.uid if user else owner):
        raise invalid(f"{cluster} belongs to uid {owner}: run this as that user")


def _running(cluster: Path) -> str | None:
    """Return the URL of the database if its postmaster takes connections, by PostgreSQL's own postmaster.pid."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    if len(lines) < 8 or lines[7].strip() != "ready":
        return None
    # Not by RuntimeFolder, whose path depends on the OS user of this process.
    url = f"postgresql://postgres@/{DATABASE}?host={quote(lines[4])}&port={lines[3]}"
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error:  # the postmaster was killed, or is in another container
        return None
    return url
