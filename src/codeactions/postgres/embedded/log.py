"""What PostgreSQL writes to its standard error, in one file that cannot grow for ever."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

LIMIT = 10 * 1024 * 1024
TAIL = 4096


class ClusterLog:
    """The log file; the one before it is kept beside it as `.1`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._start = 0

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor to append to, for a child that is about to start; `tail` then counts from here."""
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
        """What the last child wrote, at most the last few KB."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(self._start, self.path.stat().st_size - TAIL))
                return file.read(TAIL).decode(errors="replace")
        except OSError:
            return ""

    def last_lines(self, count: int = 3) -> str:
        """The last lines in one, complaints (FATAL, error) before others, for an error message."""
        lines = [line.strip() for line in self.tail().splitlines() if line.strip()]
        complaints = [line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line]
        return " | ".join((complaints or lines)[-count:]) or "(its log is empty)"
