"""The cluster: the folder with the data of the embedded PostgreSQL."""

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
# Seconds in which the backends of a dead postmaster may end by themselves, before they are killed.
ORPHAN_GRACE = 1.0
# The builtin provider has Unicode rules of its own, so that no locale of the machine is needed.
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
    """The cluster of a data folder. All methods need the lock of the data folder."""

    def __init__(self, data_dir: Path, user: ClusterUser | None) -> None:
        self.path = data_dir / "postgres"
        self.log = ClusterLog(data_dir / "postgres.log")
        self._new = data_dir / "postgres.new"
        self._user = user

    def prepare(self, spawner: Spawner, deadline: float) -> None:
        """Make the cluster if there is none, and check that this process may start it.

        It is made under another name and then renamed, so that the remains of a killed initdb are never used. Raises
        `Error` (invalid) for a folder with other contents, and OSError.
        """
        while self._new.exists():
            self.wait_until_free(self._new, deadline)
            try:
                shutil.rmtree(self._new)
            except OSError as error:
                # A program of the killed initdb may have entered the folder after the check, and still write into it.
                if error.errno != errno.ENOTEMPTY or time.monotonic() > deadline:
                    raise
        if not self.path.exists() or not any(self.path.iterdir()):
            self._create(spawner, deadline)
        self._check()

    def wait_until_free(self, folder: Path, deadline: float) -> None:
        """Wait until no PostgreSQL works in `folder`, and make sure that PostgreSQL will see that, too.

        This waits for a postmaster whose server was killed, since it is shutting down. Backends whose postmaster was
        killed may not notice it while they compute, and would prevent a start: they are killed. Raises `Error`
        (conflict) when the deadline passes.
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
            # Another process has this pid by now. PostgreSQL would take it for a postmaster and never start.
            (folder / "postmaster.pid").unlink()

    def is_ready(self, postmaster: int) -> bool:
        """Return whether the postmaster with this pid reports that it takes connections."""
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
            raise Error(ErrorCode.INTERNAL, "The database was not made in time: start again with more time") from None
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
                reason = f"{self.path} belongs to uid {found.st_uid}, and this process has uid {owner}"
                raise Error(ErrorCode.INVALID, f"{reason}: start as that user, {ADVICE}")
            self._give_to(self._user, found.st_uid)
        if stat.S_IMODE(found.st_mode) & 0o027:
            self.path.chmod(0o700)  # the mode of a copy made by hand, which PostgreSQL would refuse

    def _give_to(self, user: ClusterUser, old_owner: int) -> None:
        """Change the owner of a folder that was copied as root, or whose user has another uid on this machine."""
        # Only files of the old owner: a hard link in the folder may lead to a file of root's.
        for _, folders, files, folder in os.fwalk(self.path):
            for name in (*folders, *files):
                if os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid == old_owner:
                    os.chown(name, user.uid, user.gid, dir_fd=folder, follow_symlinks=False)
        os.chown(self.path, user.uid, user.gid)

    def explain(self, what: str) -> Error:
        """Return the error for a failure of PostgreSQL, in one line, with the reason from its log."""
        if self.met_full_disk():
            return disk_full(self.path.parent)
        return Error(ErrorCode.INTERNAL, f"{what}: {self.log.last_lines()} (see {self.log.path})")

    def met_full_disk(self) -> bool:
        """Return whether PostgreSQL's log tells of a disk without space, since its last start."""
        return os.strerror(errno.ENOSPC) in self.log.tail()


def processes_in(folder: Path) -> list[int]:
    """Return the pids of the PostgreSQL processes whose working directory is `folder`, whatever started them."""
    try:
        here = folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = []
    for entry in Path("/proc").iterdir():
        # Only processes of that name: another process's folder may be on a dead network mount. Compared by inode,
        # because the path differs in their mount namespace.
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "comm").read_bytes().strip() == b"postgres":
                there = (entry / "cwd").stat()
                if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino):
                    found.append(int(entry.name))
    return found


def disk_full(folder: Path) -> Error:
    """Return the error for a disk without space."""
    return Error(ErrorCode.INTERNAL, f"The disk that holds {folder} is full: free some space, {ADVICE}")


def _recorded_postmaster(folder: Path) -> int | None:
    lines = _postmaster_file(folder)
    return int(lines[0]) if lines and lines[0].isdigit() else None


def _postmaster_file(folder: Path) -> list[str]:
    try:
        return (folder / "postmaster.pid").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
