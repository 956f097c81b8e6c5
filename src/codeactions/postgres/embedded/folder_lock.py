"""The lock that gives a data folder to one server."""

import contextlib
import fcntl
import os
import time
from pathlib import Path

from codeactions.domain.errors import Error, ErrorCode

# Seconds to wait for the lock: a server that was killed a moment ago may still be ending.
TIMEOUT = 2.0


class FolderLock:
    """A lock that is held until `release` or the end of the process. Children do not inherit it."""

    def __init__(self, data_dir: Path) -> None:
        """Take the lock. Raises `Error` (conflict) with the pid of its holder, and OSError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(data_dir / "postgres.lock", flags, 0o600)
        try:
            self._take(data_dir)
        except BaseException:  # any error, Ctrl-C included, must close the descriptor
            os.close(self._file)
            raise

    def release(self) -> None:
        """Release the lock. The file stays, because a waiting server would otherwise lock a deleted file."""
        os.close(self._file)

    def _take(self, data_dir: Path) -> None:
        deadline = time.monotonic() + TIMEOUT
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > deadline:
                holder = os.pread(self._file, 32, 0).decode(errors="replace").strip()
                raise Error(
                    ErrorCode.CONFLICT,
                    f"the data folder {data_dir} is in use by process {holder or '(unknown)'}: "
                    f"stop that server, or set CODEACTIONS_DATA_DIR to another folder",
                )
            time.sleep(0.02)
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
