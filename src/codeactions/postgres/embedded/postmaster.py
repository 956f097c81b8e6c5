"""The postmaster: the process of the embedded PostgreSQL that starts all its others."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import structlog

from codeactions.domain.errors import Error
from codeactions.postgres.embedded.cluster import Cluster, disk_full, processes_in
from codeactions.postgres.embedded.runtime_folder import DATABASE, RuntimeFolder
from codeactions.postgres.embedded.spawner import Spawner

log = structlog.get_logger()

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "cluster_name": "codeactions",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "max_wal_size": "512MB",  # limits the disk space, and the time of recovery after a crash
    "wal_compression": "pglz",  # pgbench: 40 % less WAL, not slower; the wheel has no better method
    "jit": "off",
    # Set here, so that no configuration file can give up what callers were promised.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # For fewer idle processes: a database that fits into memory needs no I/O workers, and there is no replication.
    "io_method": "sync",
    "max_logical_replication_workers": "0",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_checkpoints": "off",
    # Statements and their values are users' data: the caller gets the error in full, the log only its kind.
    "log_min_messages": "error",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
POLL = 0.01  # seconds
QUIT_SECONDS = 6.0  # PostgreSQL itself kills processes that ignore SIGQUIT after 5 seconds
KILL_SECONDS = 5.0  # a killed process ends as soon as it gets a processor
# PostgreSQL's messages while parts of an earlier postmaster are still ending.
TEMPORARY = ("pre-existing shared memory block", "already exists")


class Postmaster:
    """A postmaster as a child of this process, started at most once at a time. Not safe for several threads."""

    def __init__(self, cluster: Cluster, runtime: RuntimeFolder, spawner: Spawner) -> None:
        self._cluster = cluster
        self._runtime = runtime
        self._spawner = spawner
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The pid; None while it does not run."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def met_full_disk(self) -> bool:
        """Return whether it met a disk without space since it was started."""
        return self._cluster.met_full_disk()

    def launch(self, deadline: float) -> None:
        """Start it and wait until its database answers. Raises `Error`, after it has ended the postmaster."""
        started = time.monotonic()
        while True:
            self._cluster.wait_until_free(self._cluster.path, deadline)
            self._runtime.create()
            with self._cluster.log.opened() as file:
                process = self._process = self._spawner.spawn(
                    "postgres", self._cluster.path, self._arguments(), log=file, death_signal=signal.SIGINT
                )
            try:
                self._await_answer(process, deadline)
                break
            except BaseException as error:
                self.end(0.0)
                is_temporary = any(words in self._cluster.log.tail() for words in TEMPORARY)
                if not isinstance(error, Error) or not is_temporary or time.monotonic() > deadline:
                    raise
            time.sleep(0.1)
        log.info("postgres started", pid=process.pid, seconds=round(time.monotonic() - started, 3))

    def end(self, timeout: float) -> None:
        """End it and the processes that it left, as gently as the time allows.

        timeout: seconds for an orderly shutdown, which is left out if there are none.
        """
        process = self._process
        if process is None:
            return
        orderly = [(signal.SIGINT, timeout)] if timeout > 0 else []
        for number, seconds in (*orderly, (signal.SIGQUIT, QUIT_SECONDS), (signal.SIGKILL, None)):
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
                break
            log.warning("postgres does not end", pid=process.pid, signal=number.name)
        deadline = time.monotonic() + KILL_SECONDS
        while (left := processes_in(self._cluster.path)) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(POLL)

    def _arguments(self) -> list[str]:
        settings = SETTINGS | {"unix_socket_directories": str(self._runtime.socket)}
        if os.geteuid() != 0:
            # systemd-logind removes the POSIX shared memory of an ordinary user who logs out.
            settings["dynamic_shared_memory_type"] = "mmap"
        return [f"-c{name}={value}" for name, value in settings.items()]

    def _await_answer(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        refusal = ""
        while process.poll() is None:
            # Only when PostgreSQL reports that it is ready, since it logs each connection that it refuses.
            if self._cluster.is_ready(process.pid):
                try:
                    return _ensure_database(self._runtime.socket)
                except psycopg.errors.DiskFull as error:
                    raise disk_full(self._cluster.path.parent) from error
                except psycopg.Error as error:
                    refusal = f" ({error})"
            if time.monotonic() > deadline:
                raise self._cluster.explain(f"PostgreSQL does not answer{refusal}")
            time.sleep(POLL)
        raise self._cluster.explain("PostgreSQL did not start")


def _ensure_database(socket: Path) -> None:
    with psycopg.connect(
        host=str(socket), port=5432, user="postgres", dbname="postgres", connect_timeout=5, autocommit=True
    ) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).rowcount == 0:
            connection.execute(f"CREATE DATABASE {DATABASE}".encode())
