"""The embedded PostgreSQL: the database of a server that was given no other."""

import contextlib
import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import structlog

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres.embedded.cluster import ADVICE, Cluster, disk_full
from codeactions.postgres.embedded.folder_lock import FolderLock
from codeactions.postgres.embedded.postmaster import Postmaster
from codeactions.postgres.embedded.runtime_folder import RuntimeFolder
from codeactions.postgres.embedded.spawner import PROGRAMS, Spawner, package_dir
from codeactions.postgres.embedded.user import find_or_create

log = structlog.get_logger()


class EmbeddedPostgres:
    """A PostgreSQL with the wheel's programs, as a child of this process, reached by a unix socket only.

    It ends with this process, however that ends: the kernel then sends it the signal to shut down. All methods may be
    called from any thread, block, and are served one at a time. They raise `Error` with one line that says what to do.

    As root, PostgreSQL runs as an OS user of its own, in a mount namespace of its own that contains its programs and
    its data, so that the folders above them may stay closed to that user. Without the right to mount, it gets the data
    as an open folder, and that user must be able to reach its programs.
    """

    def __init__(self, data_dir: Path) -> None:
        """Do nothing yet: `start` makes `data_dir` with its parents if it is missing."""
        self.data_dir = Path(os.path.realpath(data_dir.expanduser()))
        self._mutex = threading.Lock()
        self._held = contextlib.ExitStack()  # released by `stop`, in reverse order
        self._postmaster: Postmaster | None = None
        self._url = ""

    def __repr__(self) -> str:
        state = f"pid {self.pid}" if self.is_running() else "not running"
        return f"<EmbeddedPostgres {self.data_dir}: {state}>"

    @property
    def url(self) -> str:
        """The libpq URL of the database, which stays the same. Raises `Error` (internal) before the first start."""
        if not self._url:
            raise Error(ErrorCode.INTERNAL, "The embedded database has not been started")
        return self._url

    @property
    def bin_dir(self) -> Path:
        """The folder of psql, pg_dump and the like."""
        return package_dir() / PROGRAMS

    @property
    def pid(self) -> int | None:
        """The postmaster's pid; None while it does not run."""
        postmaster = self._postmaster
        return postmaster.pid if postmaster else None

    def is_running(self) -> bool:
        """Return whether the postmaster runs."""
        return self.pid is not None

    def start(self, timeout: float = 60.0) -> None:
        """Start it and wait until it answers; do nothing while it runs.

        timeout: in seconds. Raises `Error`, after which none of its processes runs: conflict when another server has
        the data folder; invalid when the folder cannot be used as it is; internal for any other reason, the time-out
        included.
        """
        deadline = time.monotonic() + timeout
        with self._mutex, self._explained():
            if self._postmaster is not None:
                if not self.is_running():
                    self._postmaster.launch(deadline)
                return
            with contextlib.ExitStack() as held:
                postmaster = self._acquire(held, deadline)
                postmaster.launch(deadline)
                self._postmaster = postmaster
                self._held = held.pop_all()

    def restart_if_dead(self, timeout: float = 60.0) -> bool:
        """Start it again if it was started and its postmaster has died, and return whether that was the case.

        Committed data survives, by recovery from the WAL. Raises `Error`; a later call then tries again.
        """
        deadline = time.monotonic() + timeout
        with self._mutex, self._explained():
            if self._postmaster is None or self.is_running():
                return False
            log.warning("postgres died")
            self._postmaster.launch(deadline)
            return True

    def met_full_disk(self) -> bool:
        """Return whether PostgreSQL met a full disk. Its clients often hear only that it is gone."""
        return self._postmaster is not None and self._postmaster.met_full_disk()

    def stop(self, timeout: float = 30.0) -> None:
        """Shut it down and release the data folder; do nothing when it was not started.

        Clients are disconnected and a checkpoint is written. After `timeout` seconds the remaining processes are
        killed, which loses no data but makes the next start recover.
        """
        with self._mutex:
            if self._postmaster is not None:
                self._postmaster.end(timeout)
            self._postmaster = None
            self._held.close()

    def _acquire(self, held: contextlib.ExitStack, deadline: float) -> Postmaster:
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FolderLock(self.data_dir)
        held.callback(lock.release)
        user = find_or_create()
        cluster = Cluster(self.data_dir, user)
        cluster.wait_until_free(cluster.path, deadline)  # its socket is in the runtime folder
        runtime = RuntimeFolder(self.data_dir, user)
        runtime.create()
        held.callback(runtime.remove)
        spawner = Spawner(user, runtime.mount_point)
        held.callback(spawner.close)
        cluster.prepare(spawner, deadline)
        self._url = runtime.url
        return Postmaster(cluster, runtime, spawner)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._explain(error) from error

    def _explain(self, error: OSError) -> Error:
        folder = self.data_dir
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                return disk_full(folder)
            case errno.EACCES | errno.EPERM | errno.EROFS:
                reason = f"The data folder {folder} cannot be used ({error}): change its rights, {ADVICE}"
            case errno.EEXIST | errno.ENOTDIR:
                reason = f"The data folder {folder} is, or is below, a file: move that away, {ADVICE}"
            case _:
                return Error(ErrorCode.INTERNAL, f"The embedded database failed: {error}")
        return Error(ErrorCode.INVALID, reason)
