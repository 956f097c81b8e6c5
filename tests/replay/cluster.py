"""A throw-away PostgreSQL on a free TCP port of loopback, as the recorder of the cases had it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from harness import wait_until

from codeactions.postgres.embedded.cluster import processes_in
from codeactions.postgres.embedded.exec_as_user import ExecRequest
from codeactions.postgres.embedded.spawner import PROGRAMS, SCRIPT, package_dir
from codeactions.postgres.embedded.user import find_or_create

NO_TABLE = "(no such table)"
"""How the recording writes that `schema_migrations` is not there."""

PASSWORD_USER, PASSWORD = "pwuser", "p@ss:w/rd%"
HOST_RULES = f"""\
host all {PASSWORD_USER} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "ssl": "off",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "jit": "off",
    "shared_buffers": "32MB",
    "max_connections": "20",
}
START_SECONDS = 90.0
STOP_SECONDS = 20.0
WAYS_TO_END = ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, STOP_SECONDS), (signal.SIGKILL, None))
PORT_TRIES = 3


@dataclass(frozen=True)
class Programs:
    """Where the programs of one PostgreSQL are."""

    package: Path
    """What they need, they themselves included."""
    below: str
    """Their folder in it."""

    @property
    def folder(self) -> Path:
        """The folder with `postgres` and `psql`."""
        return self.package / self.below


def embedded() -> Programs:
    """The wheel's."""
    return Programs(package_dir(), PROGRAMS)


def debian() -> Programs | None:
    """The newest of those that Debian's packages install, if there is one with both a server and psql."""
    found = [
        folder
        for folder in Path("/usr/lib/postgresql").glob("*")
        if folder.name.isdigit() and all((folder / "bin" / name).exists() for name in ("initdb", "postgres", "psql"))
    ]
    return Programs(max(found, key=lambda folder: int(folder.name)), "bin") if found else None


class Cluster:
    """Made and started by `start`; `stop` leaves nothing of it. It ends with the thread that started it, too.

    As root it runs as an OS user of its own, with the ways of the embedded PostgreSQL (exec_as_user.py).
    """

    def __init__(self, programs: Programs) -> None:
        self.programs = programs
        self.port = 0
        self.version = 0
        """The major version."""
        self._user = find_or_create()
        self._process: subprocess.Popen[bytes] | None = None
        self._base = Path()

    def start(self) -> "Cluster":
        """Make the cluster, start it, and give it its role and its database."""
        self._base = Path(tempfile.mkdtemp(prefix="codeactions-replay-", dir="/tmp"))
        try:
            self._base.chmod(0o711)
            for folder in (self._data, self._base / "stage"):
                folder.mkdir(mode=0o700)
            if self._user:
                os.chown(self._data, self._user.uid, self._user.gid)
            self._initialise()
            self._launch()
            with closing(self._connect("postgres")) as connection:
                self.version = connection.info.server_version // 10000
                connection.execute("SET password_encryption = 'scram-sha-256'")
                connection.execute(f"CREATE ROLE {PASSWORD_USER} LOGIN PASSWORD '{PASSWORD}'")
            self.renew_database()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End it, gently at first, and remove its folder."""
        process = self._process
        if process is not None:
            for number, seconds in WAYS_TO_END:
                process.send_signal(number)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(seconds)
                    break
            for pid in processes_in(self._data):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._process = None
        shutil.rmtree(self._base, ignore_errors=True)

    def renew_database(self) -> None:
        """An empty database `t`, in place of the one that was there."""
        with closing(self._connect("postgres")) as connection:
            connection.execute("DROP DATABASE IF EXISTS t WITH (FORCE)")
            connection.execute("CREATE DATABASE t TEMPLATE template0")

    def execute(self, statement: str) -> None:
        """Run one statement in `t`."""
        with closing(self._connect("t")) as connection:
            connection.execute(statement.encode())

    def rows(self) -> str:
        """The rows of `schema_migrations` in `t`, as the recording writes them."""
        with closing(self._connect("t")) as connection:
            found = connection.execute("SELECT to_regclass('public.schema_migrations')").fetchone()
            if found == (None,):
                return NO_TABLE
            rows = connection.execute("SELECT version, dirty FROM public.schema_migrations ORDER BY version")
            return "\n".join(f"{version}|{'t' if dirty else 'f'}" for version, dirty in rows)

    def set_rows(self, rows: str) -> None:
        """Make them what they are to be."""
        with closing(self._connect("t")) as connection, connection.transaction():
            if rows == NO_TABLE:
                connection.execute("DROP TABLE IF EXISTS public.schema_migrations")
                return
            connection.execute(
                "CREATE TABLE IF NOT EXISTS public.schema_migrations"
                " (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)"
            )
            connection.execute("DELETE FROM public.schema_migrations")
            for row in rows.splitlines():
                connection.execute("INSERT INTO public.schema_migrations VALUES (%s, %s)", row.split("|"))

    @property
    def _data(self) -> Path:
        return self._base / "data"

    @property
    def _log(self) -> Path:
        return self._base / "log"

    def _connect(self, database: str) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            dbname=database,
            sslmode="disable",
            connect_timeout=10,
            options="-c statement_timeout=20s",
            autocommit=True,
        )

    def _initialise(self) -> None:
        options = ["--username=postgres", "--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync"]
        initdb = self._spawn("initdb", options, signal.SIGKILL)
        try:
            status = initdb.wait(START_SECONDS)
        finally:
            if initdb.returncode is None:
                os.killpg(initdb.pid, signal.SIGKILL)
                initdb.wait()
        assert status == 0, f"initdb failed:\n{self._log.read_text(errors='replace')}"
        (self._data / "pg_hba.conf").write_text(HOST_RULES)

    def _launch(self) -> None:
        for _ in range(PORT_TRIES):  # another process may take the port before PostgreSQL does
            with closing(socket.create_server(("127.0.0.1", 0))) as found:
                self.port = found.getsockname()[1]
            settings = SETTINGS | {"port": str(self.port)}
            options = [f"-c{name}={value}" for name, value in settings.items()]
            process = self._process = self._spawn("postgres", options, signal.SIGINT)
            wait_until(self._answers_or_has_ended, START_SECONDS, "PostgreSQL's start")
            if process.poll() is None:
                return
        raise AssertionError(f"PostgreSQL did not start:\n{self._log.read_text(errors='replace')[-2000:]}")

    def _answers_or_has_ended(self) -> bool:
        with suppress(psycopg.OperationalError):
            self._connect("postgres").close()
            return True
        return self._process is None or self._process.poll() is not None

    def _spawn(self, program: str, options: list[str], death_signal: signal.Signals) -> subprocess.Popen[bytes]:
        """Start a program of PostgreSQL on the data folder; it writes to the log."""
        status, status_child = os.pipe()
        request: ExecRequest = {
            "status_fd": status_child,
            "parent": os.getpid(),
            "death_signal": death_signal,
            "program": program,
            "arguments": options,
            "package": str(self.programs.package),
            "libraries": f"{self.programs.package}.libs",
            "programs": self.programs.below,
            "cluster": str(self._data),
            "user": (self._user.uid, self._user.gid, self._user.name) if self._user else None,
            "mount_point": str(self._base / "stage"),
        }
        try:
            with self._log.open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(SCRIPT), json.dumps(request)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"},
                    pass_fds=(status_child,),
                    start_new_session=True,
                )
        finally:
            os.close(status_child)
        with open(status, "rb") as pipe:
            complaint = pipe.read().decode(errors="replace")
        if complaint:
            process.wait(STOP_SECONDS)
            raise AssertionError(f"{program} cannot be started: {complaint}")
        return process
