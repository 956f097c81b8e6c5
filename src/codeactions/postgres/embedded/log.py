"""The log file for PostgreSQL's standard error, with a bounded size."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

LIMIT = 10 * 1024 * 1024  # bytes from which a new file is begun
TAIL = 4096  # bytes


class ClusterLog:
    """The log file. The previous one stays beside it with the suffix `.1`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._start = 0

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """Provide a descriptor for a child's output for the block. `tail` returns what is written from here on."""
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_size > LIMIT:
                self.path.replace(self.path.with_name(self.path.name + ".1"))
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._start = os.fstat(file).st_size
            yield file
        finally:
            os.close(file)

    def tail(self) -> str:
        """Return the output of the last child, at most its last `TAIL` bytes."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(self._start, self.path.stat().st_size - TAIL))
                return file.read(TAIL).decode(errors="replace")
        except OSError:
            return ""

    def last_lines(self, count: int = 3) -> str:
        """Return the last lines as one, for a message. Lines with errors are preferred to others."""
        lines = [line.strip() for line in self.tail().splitlines() if line.strip()]
        errors = [line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line]
        return " | ".join((errors or lines)[-count:]) or "(its log is empty)"
