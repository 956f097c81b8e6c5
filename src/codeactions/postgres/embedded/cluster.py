"""The cluster: the folder in which the embedded PostgreSQL keeps its data."""

import contextlib
import errno
import os
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres.embedded.log import ClusterLog
from codeactions.postgres.embedded.spawner import Spawner
from codeactions.postgres.embedded.user import ClusterUser

MAJOR = "18"
ADVICE = "or set CODEACTIONS_DATA_DIR to another folder"
# How long the backends of a dead postmaster may take to notice, before they are killed.
ORPHAN_GRACE = 1.0
# The builtin provider brings Unicode rules along: no locale of the machine is needed.
INITDB = [
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth-local=trust",  # the socket's folder is private
    "--auth-host=reject",
    "--no-instructions",
]


class Cluster:
    """Owned by whoever holds the data folder's lock; all methods need it held."""

    def __init__(self, data_dir: Path, user: ClusterUser | None) -> None:
        self.path = data_dir / "postgres"
        self.log = ClusterLog(data_dir / "postgres.log")
        self._new = data_dir / "postgres.new"
        self._user = user

    def prepare(self, spawner: Spawner, deadline: float) -> None:
        """Make the cluster if there is none, and see that it is ours to start.

        It is made under another name and then renamed, so what a killed initdb left is never taken for one.
        Raises Error(invalid) for a folder that holds something else, OSError for what the disk refuses.
        """
        while self._new.exists():
            self.wait_until_free(self._new, deadline)
            try:
                shutil.rmtree(self._new)
            except OSError as error:
                # A program of the killed initdb that had not moved there yet may still write into it.
                if error.errno != errno.ENOTEMPTY or time.monotonic() > deadline:
                    raise
        if not self.path.exists() or not any(self.path.iterdir()):
            self._create(spawner, deadline)
        self._check()

    def wait_until_free(self, folder: Path, deadline: float) -> None:
        """Wait until no PostgreSQL works in `folder`, and see that PostgreSQL will believe so too.

        A postmaster whose server was killed is shutting down: it is waited for. Backends whose postmaster was
        killed may not notice while they compute, and keep it from starting: they are killed.
        Raises Error(conflict) when the deadline passes.
        """
        grace = time.monotonic() + ORPHAN_GRACE
        while found := processes_in(folder):
            if time.monotonic() > deadline:
                reason = f"PostgreSQL (process {found[0]}) still works in {folder}: stop it"
                raise Error(ErrorCode.CONFLICT, reason)
            if _recorded_postmaster(folder) not in found and time.monotonic() > grace:
                for pid in found:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        recorded = _recorded_postmaster(folder)
        if recorded is not None and Path(f"/proc/{recorded}").exists():
            # The pid is another process's by now. PostgreSQL would take it for a postmaster and never start.
            (folder / "postmaster.pid").unlink()

    def is_ready(self, postmaster: int) -> bool:
        """Whether the postmaster with this pid says that it takes connections."""
        lines = _postmaster_file(self.path)
        return len(lines) >= 8 and lines[0] == str(postmaster) and lines[7].strip() == "ready"

    def _create(self, spawner: Spawner, deadline: float) -> None:
        self._new.mkdir(mode=0o700)
        if self._user:
            os.chown(self._new, self._user.uid, self._user.gid)
        with self.log.opened() as log:
            initdb = spawner.spawn("initdb", self._new, INITDB, log=log, death_signal=signal.SIGKILL)
        try:
            status = initdb.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Error(ErrorCode.INTERNAL, "Making the database took too long: give it more time") from None
        finally:
            if initdb.returncode is None:
                os.killpg(initdb.pid, signal.SIGKILL)
                initdb.wait()
        if status != 0:
            raise self.explain("The database could not be made")
        self._new.rename(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _check(self) -> None:
        try:
            version = (self.path / "PG_VERSION").read_text().strip()
        except (FileNotFoundError, NotADirectoryError):
            raise Error(ErrorCode.INVALID, f"{self.path} is not a database: move it away, {ADVICE}") from None
        if version != MAJOR:
            raise Error(
                ErrorCode.INVALID,
                f"{self.path} was written by PostgreSQL {version} and this is {MAJOR}: "
                f"dump it with the release that wrote it, {ADVICE}",
            )
        found = self.path.stat()
        owner = self._user.uid if self._user else os.geteuid()
        if found.st_uid != owner:
            if self._user is None:
                reason = f"{self.path} belongs to uid {found.st_uid} and we are uid {owner}"
                raise Error(ErrorCode.INVALID, f"{reason}: start as that user, {ADVICE}")
            self._give_to(self._user, found.st_uid)
        if stat.S_IMODE(found.st_mode) & 0o027:
            self.path.chmod(0o700)  # a copy made by hand; PostgreSQL would refuse it

    def _give_to(self, user: ClusterUser, old_owner: int) -> None:
        """Change the owner: the folder was copied as root, or its user has another uid on this machine."""
        # Only what the old owner had, so that a hard link of his to a file of root's is not given away.
        for _, folders, files, folder in os.fwalk(self.path):
            for name in (*folders, *files):
                if os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid == old_owner:
                    os.chown(name, user.uid, user.gid, dir_fd=folder, follow_symlinks=False)
        os.chown(self.path, user.uid, user.gid)

    def explain(self, what: str) -> Error:
        """Why PostgreSQL failed, by its log, in one line."""
        if os.strerror(errno.ENOSPC) in self.log.tail():
            return disk_full(self.path.parent)
        return Error(ErrorCode.INTERNAL, f"{what}: {self.log.last_lines()} (see {self.log.path})")


def processes_in(folder: Path) -> list[int]:
    """The PostgreSQL processes that have `folder` as their own, whoever started them."""
    try:
        here = folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = []
    for entry in Path("/proc").iterdir():
        # Another process's folder may be on a dead network mount: look only into those named so. Compared by
        # inode, as the path is another one in their mount namespace.
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "comm").read_bytes().strip() == b"postgres":
                there = (entry / "cwd").stat()
                if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino):
                    found.append(int(entry.name))
    return found


def disk_full(folder: Path) -> Error:
    """The error for a disk without space."""
    return Error(ErrorCode.INTERNAL, f"The disk that holds {folder} is full: free some space, {ADVICE}")


def _recorded_postmaster(folder: Path) -> int | None:
    lines = _postmaster_file(folder)
    return int(lines[0]) if lines and lines[0].isdigit() else None


def _postmaster_file(folder: Path) -> list[str]:
    try:
        return (folder / "postmaster.pid").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
