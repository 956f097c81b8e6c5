"""Looks at an embedded PostgreSQL, and servers in processes of their own that start one."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from harness import wait_until

from codeactions.domain.errors import ErrorCode
from codeactions.postgres.embedded.server import EmbeddedPostgres

ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="needs root")

# A program: mounts a disk of its own, of the size in argv[2], on the folder in argv[1], and executes the rest of argv.
ON_A_SMALL_DISK = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
folder = sys.argv[1].encode()
assert libc.unshare(0x20000) == 0
assert libc.mount(b"none", b"/", None, ctypes.c_ulong(0x44000), None) == 0
assert libc.mount(b"tmpfs", folder, b"tmpfs", ctypes.c_ulong(0), b"size=" + sys.argv[2].encode()) == 0
os.execv(sys.argv[3], sys.argv[3:])
"""
# A server: starts the database in argv[1], says so, and lives until it is killed. SIGINT is ignored as in
# anything that a shell started in the background.
SERVER = """
import signal, sys
from pathlib import Path
from codeactions.domain.errors import Error
from codeactions.postgres.embedded.server import EmbeddedPostgres
signal.signal(signal.SIGINT, signal.SIG_IGN)
postgres = EmbeddedPostgres(Path(sys.argv[1]))
try:
    postgres.start()
except Error as error:
    print(error.code, error.message, flush=True)
    raise SystemExit(1)
print("started", postgres.pid, flush=True)
signal.pause()
"""


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    wait_until(condition, seconds)


def query(database: EmbeddedPostgres, statement: str) -> object:
    with psycopg.connect(database.url) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return row[0] if row else None


def write(database: EmbeddedPostgres) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")


def socket_dir(database: EmbeddedPostgres) -> Path:
    return Path(database.url.partition("?host=")[2])


@contextlib.contextmanager
def server(data_dir: Path, *wrapper: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*wrapper, sys.executable, "-c", SERVER, str(data_dir)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def clean_up(data_dir: Path) -> None:
    """Remove the socket folder that a killed server has left."""
    database = EmbeddedPostgres(data_dir)
    database.start()
    database.stop()


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    # structlog writes to stdout too, unless the server configures it
    return next(line for line in process.stdout if line.startswith(("started", *ErrorCode))).strip()


@contextlib.contextmanager
def busy_backend(database: EmbeddedPostgres) -> Iterator[int]:
    """A backend that computes for hours, and so does not look up by itself; its pid."""

    url = database.url

    def compute() -> None:
        with contextlib.suppress(psycopg.Error), psycopg.connect(url, application_name="busy") as busy:
            busy.execute("SELECT count(*) FROM generate_series(1, 100000000000)")

    thread = threading.Thread(target=compute)
    thread.start()
    active = "SELECT max(pid) FROM pg_stat_activity WHERE application_name = 'busy' AND state = 'active'"
    eventually(lambda: query(database, active) is not None)
    yield int(str(query(database, active)))
    thread.join(30)
    assert not thread.is_alive()
