"""A PgBouncer of the tests' own, on a port of loopback, before a PostgreSQL that listens on a Unix socket."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from harness import wait_until
from rabbitmq import free_ports

_CONFIG = """
[databases]
* = host={socket} port=5432
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {size}
ignore_startup_parameters = {ignored}
logfile = {folder}/log
"""


def program() -> str:
    """Where pgbouncer is. Skips the test if it is not installed."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip("pgbouncer is not installed; on Debian: apt-get install pgbouncer")
    return found


@contextlib.contextmanager
def pooled(url: str, mode: str, *, size: int = 4, ignored: str = "") -> Iterator[str]:
    """The URL of the same database through a pooler, for the length of a block.

    mode: session or transaction. size: of its connections to the server. ignored: parameters of the start that it
    drops without a word; it refuses those that it does not know.
    """
    found, port = program(), free_ports(1)[0]
    parts = urlsplit(url)
    socket = parse_qs(parts.query)["host"][0]
    # Not below the test's own folder, which the user as which it runs may not enter.
    folder = Path(tempfile.mkdtemp(prefix="codeactions-pgbouncer-"))
    config = _CONFIG.format(socket=socket, port=port, folder=folder, mode=mode, size=size, ignored=ignored)
    (folder / "config").write_text(config)
    (folder / "users").write_text('"postgres" ""\n')
    command = [found, str(folder / "config")]
    if os.geteuid() == 0:  # as which it refuses to run; the socket belongs to the cluster's user
        user = pwd.getpwuid(os.stat(socket).st_uid)
        os.chown(folder, user.pw_uid, user.pw_gid)
        command[1:1] = ["-u", user.pw_name]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    own = f"postgres://postgres@127.0.0.1:{port}{parts.path}?sslmode=disable"
    try:
        wait_until(lambda: _answers(own), 20, "PgBouncer's answer")
        yield own
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _answers(url: str) -> bool:
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=5):
        return True
    return False
