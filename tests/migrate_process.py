"""Our real `migrate`, run as a process, and looks at it and at its backends in the server."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
from harness import children_of, wait_until

PROGRAM = [sys.executable, "-c", "import sys; from codeactions.migrate.main import main; sys.exit(main())"]
APPLICATION = "codeactions migrate"
# Of the environment. Unbuffered output would hide what goes wrong with what is buffered.
NOT_OURS = ("PG", "CODEACTIONS_", "DATABASE_URL", "PYTHONUNBUFFERED")
GATE = "SELECT pg_advisory_xact_lock(7);"


def write_files(folder: Path, up: Mapping[int, str], down: Mapping[int, str] | None = None) -> Path:
    """A folder of migrations by version, titled `step`."""
    folder.mkdir(exist_ok=True)
    for direction, texts in (("up", up), ("down", down or {})):
        for version, text in texts.items():
            (folder / f"{version:03}_step.{direction}.sql").write_text(text)
    return folder


class Migrate:
    """One process of our `migrate`, its standard error read line by line. Killed at the end of the `with` block."""

    def __init__(
        self,
        url: str,
        folder: Path,
        *words: str,
        wrapper: Sequence[str] = (),
        program: Sequence[str] = PROGRAM,
        **options: Any,
    ) -> None:
        """`words`: global flags, the command, its flags. `wrapper` runs the command that follows it."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith(NOT_OURS)}
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [*wrapper, *program, "-path", str(folder), "-database", url, *words]
        self.process: subprocess.Popen[bytes] = subprocess.Popen(command, env=ours, **(streams | options))
        self.lines: list[str] = []
        self.printed: list[str] = []
        pairs = [(self.process.stderr, self.lines), (self.process.stdout, self.printed)]
        self._threads = [threading.Thread(target=_read, args=pair, daemon=True) for pair in pairs if pair[0]]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "Migrate":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.kill()
        if self.process.stdin:
            self.process.stdin.close()
        if error is not None:
            error.add_note(f"migrate ended with {self.process.returncode} and had said:\n{self.said}")

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        """Its standard error so far."""
        return "".join(self.lines)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9, if it still runs, with what it has started; waits for its end."""
        if self.process.poll() is None:
            below = children_of(self.pid)
            self.process.kill()
            for pid in below:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.wait()

    def wait(self, seconds: float = 40.0) -> int:
        """The exit code, minus the signal's number if that ended it. All output has been read then."""
        code = self.process.wait(seconds)
        for thread in self._threads:
            thread.join(10)
        return code

    def wait_for(self, text: str, seconds: float = 20.0) -> None:
        """Until it has said `text`."""
        wait_until(lambda: text in self.said or self._ended_without(text), seconds, f"{text!r} in {self.said!r}")

    def _ended_without(self, text: str) -> bool:
        if self.process.poll() is None:
            return False
        self.wait()
        assert text in self.said, f"it ended with {self.process.returncode}, having said {self.said!r}"
        return True


class Gate:
    """What a migration file can stand at until the test lets it pass: `GATE` in its text."""

    def __init__(self, url: str) -> None:
        """Closed."""
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute("SELECT pg_advisory_lock(7)")

    def __enter__(self) -> "Gate":
        return self

    def __exit__(self, *_: object) -> None:
        self.open()

    def open(self) -> None:
        """Let it pass, and all after it."""
        self._connection.close()


def _read(stream: Any, lines: list[str]) -> None:
    with stream:
        lines.extend(line.decode(errors="replace") for line in iter(stream.readline, b""))


def migrate(url: str, folder: Path, *words: str, **options: Any) -> tuple[int, str]:
    """Run it to its end: exit code and standard error, durations as `(T)`."""
    with Migrate(url, folder, *words, **options) as process:
        return process.wait(), re.sub(r"\([0-9.hm]*[0-9.]+(?:ns|µs|ms|s)\)", "(T)", process.said)


def backends(database: "psycopg.Connection[Any]", text: str = "", *, active: bool = False) -> list[int]:
    """Pids of the backends of our processes, of those that are at (or were last at) a statement with `text`."""
    found = database.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s "
        "AND position(%s IN query) > 0 AND (state = 'active' OR NOT %s)",
        (APPLICATION, text, active),
    )
    return [int(pid) for (pid,) in found]


def backend_at(database: "psycopg.Connection[Any]", text: str) -> int:
    """The backend of our process that is seen active at a statement with `text`, once there is one."""
    return int(wait_until(lambda: backends(database, text, active=True), 20, f"a backend at {text!r}")[0])


def wait_for_silence(database: "psycopg.Connection[Any]") -> None:
    """Until no backend of our processes is left: a killed client's statement runs to its end."""
    wait_until(lambda: not backends(database), 20, "the end of all backends")


def is_asleep(pid: int) -> bool:
    """Return whether a process waits for something, or has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"
    return True


def has_taken_signals(pid: int) -> bool:
    """Return whether no signal is pending for a process, or it has ended."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text()
        pending = re.findall(r"^(?:Sig|Shd)Pnd:\t([0-9a-f]+)$", status, re.MULTILINE)
        # What came after the end of a process stays pending until its parent has asked for it.
        return "State:\tZ" in status or not any(int(mask, 16) for mask in pending)
    return True
