"""The embedded database for a command beside the server: of the server that runs, or started for the occasion."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg

from codeactions.domain.errors import Error, ErrorCode, invalid
from codeactions.postgres.embedded.runtime_folder import DATABASE
from codeactions.postgres.embedded.server import EmbeddedPostgres
from codeactions.postgres.embedded.user import find_or_create

_PAUSE = 0.2


@contextlib.contextmanager
def shared(data_dir: Path, timeout: float = 30.0) -> Iterator[str]:
    """The URL of a data folder's database, for the block, whether or not a server of that folder runs.

    A server that is just starting or stopping is waited for. Raises `Error`: `invalid` when there is no database or
    it is another OS user's, `conflict` when a server has it and cannot be reached from here.
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
        time.sleep(_PAUSE)
    try:
        yield embedded.url
    finally:
        embedded.stop()


@contextlib.contextmanager
def alone(data_dir: Path) -> Iterator[str]:
    """The URL of a data folder's database, made if there is none, for the block; no server can have it meanwhile.

    Raises `Error`: `conflict` when a server has it, `invalid` when it is another OS user's.
    """
    embedded = EmbeddedPostgres(data_dir)
    cluster = embedded.data_dir / "postgres"
    if os.path.exists(cluster):  # Path.exists raises where we may not look; `start` explains that better
        _require_ours(cluster)
    try:
        embedded.start()
        yield embedded.url
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
    """As root too: starting it as root would take it away from the user whose server it is."""
    owner = cluster.stat().st_uid
    user = find_or_create()
    if owner not in (os.geteuid(), user.uid if user else owner):
        raise invalid(f"{cluster} belongs to uid {owner}: run this as that user")


def _running(cluster: Path) -> str | None:
    """The URL of the database if its postmaster takes connections, by the file that PostgreSQL keeps about it."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    if len(lines) < 8 or lines[7].strip() != "ready":
        return None
    # Not by RuntimeFolder: its path depends on who asks.
    url = f"postgresql://postgres@/{DATABASE}?host={quote(lines[4])}&port={lines[3]}"
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error:  # it was killed, or is in another container
        return None
    return url
