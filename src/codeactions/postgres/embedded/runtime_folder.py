"""The folder of the embedded PostgreSQL's socket, outside the data folder."""

import contextlib
import hashlib
import os
import stat
from pathlib import Path
from urllib.parse import quote

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres.embedded.user import ClusterUser

DATABASE = "codeactions"
SOCKET_FILES = (".s.PGSQL.5432", ".s.PGSQL.5432.lock")


class RuntimeFolder:
    """A folder with a short path, the same at each start of one data folder.

    The path is short because that of a unix socket has at most 107 bytes. Connections need no password, so that no
    other OS user may enter or own the folder: `socket/` belongs to the cluster's user. `stage/`, which exists only as
    root, stays empty: `exec_as_user.py` mounts over it in a namespace of its own.
    """

    def __init__(self, data_dir: Path, user: ClusterUser | None) -> None:
        # With the inode, since containers that share /tmp may have different data folders at the same path.
        identity = f"{os.geteuid()} {os.stat(data_dir).st_ino} {data_dir}"
        name = hashlib.sha256(os.fsencode(identity)).hexdigest()[:12]
        self.path = _base(user) / f"codeactions-{name}"
        self.socket = self.path / "socket"
        self.mount_point = self.path / "stage"
        self._user = user

    @property
    def url(self) -> str:
        """The libpq URL of the server's database."""
        return f"postgresql://postgres@/{DATABASE}?host={quote(str(self.socket))}"

    def create(self) -> None:
        """Make the folder, or take over the one that an earlier server left.

        No postmaster may use it. Raises `Error` (conflict) when another OS user owns it.
        """
        with contextlib.suppress(FileExistsError):
            self.path.mkdir(mode=0o700)
        found = self.path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise Error(
                ErrorCode.CONFLICT,
                f"{self.path} is needed for the database's socket but belongs to uid {found.st_uid} "
                f"or is open to others: remove it",
            )
        self.path.chmod(0o711 if self._user else 0o700)
        for folder in (self.socket, self.mount_point) if self._user else (self.socket,):
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
            folder.chmod(0o700)
        self._remove_socket()
        if self._user:
            os.chown(self.socket, self._user.uid, self._user.gid)

    def remove(self) -> None:
        """Remove the folder, after PostgreSQL has ended."""
        self._remove_socket()
        for folder in (self.socket, self.mount_point, self.path):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _remove_socket(self) -> None:
        # A killed postmaster leaves both; the lock names a pid that may be another process's by now.
        for name in SOCKET_FILES:
            with contextlib.suppress(FileNotFoundError):
                (self.socket / name).unlink()


def _base(user: ClusterUser | None) -> Path:
    """Return the folder for it. Not $XDG_RUNTIME_DIR, which is deleted at logout, while a server may run on."""
    run = Path("/run")
    if user and run.is_dir() and os.access(run, os.W_OK) and run.stat().st_mode & 0o001:
        return run
    return Path("/tmp")
