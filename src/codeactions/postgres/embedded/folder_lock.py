"""The lock by which one server owns a data folder."""

import contextlib
import fcntl
import os
import time
from pathlib import Path

from codeactions.domain.errors import Error, ErrorCode

# A server that was killed a moment ago may not be quite dead.
PATIENCE = 2.0


class FolderLock:
    """Held until `release` or the end of the process; not inherited by children."""

    def __init__(self, data_dir: Path) -> None:
        """Take the lock. Raises Error(conflict), naming who has it, and OSError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(data_dir / "postgres.lock", flags, 0o600)
        try:
            self._take(data_dir)
        except BaseException:  # the descriptor is ours to close, whatever it was
            os.close(self._file)
            raise

    def release(self) -> None:
        """Let others have the folder. The file stays: removing it would give two owners to one that waits."""
        os.close(self._file)

    def _take(self, data_dir: Path) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > deadline:
                holder = os.pread(self._file, 32, 0).decode(errors="replace").strip()
                raise Error(
                    ErrorCode.CONFLICT,
                    f"The data folder {data_dir} is in use by process {holder or '(unknown)'}: "
                    f"stop that server, or set CODEACTIONS_DATA_DIR to another folder",
                )
            time.sleep(0.02)
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
