"""The processes that the bench starts, and how it ends every one of them."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_SERVING = re.compile(r"serving on http://([\d.]+):(\d+)")


class BenchError(Exception):
    """The bench cannot go on. The message says why."""


def environment(**changes: str) -> dict[str, str]:
    """Return this process' environment with `changes`, and without server settings.

    A measured server therefore runs with the defaults.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CODEACTIONS_") and k != "DATABASE_URL"}
    return kept | changes


@contextlib.contextmanager
def cleaning_up() -> Iterator[contextlib.ExitStack]:
    """Give a stack and unwind it at the end, also after Ctrl-C or an error.

    A second Ctrl-C does not interrupt the unwinding.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    stack = contextlib.ExitStack()
    try:
        yield stack
    finally:
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, signal.SIG_IGN)
        stack.close()


class Child:
    """A process in its own session. Ctrl-C reaches only the bench, which then ends the whole session."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `stop`
        self._process = subprocess.Popen(
            command,
            env=dict(env or environment()),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def address(self, timeout: float = 60.0) -> tuple[str, int]:
        """Wait for the line `serving on http://…` and return host and port. Raises `BenchError`.

        timeout: in seconds.
        """
        found: list[tuple[str, int]] = []
        reading = threading.Thread(target=self._read_address, args=(found,), daemon=True)
        reading.start()
        reading.join(timeout)
        if not found:
            raise BenchError(f"{self.name} did not say that it serves:\n{self.errors()}")
        # Its later output must not fill the pipe.
        threading.Thread(target=self._drain, daemon=True).start()
        return found[0]

    def _read_address(self, found: list[tuple[str, int]]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if match := _SERVING.search(line):
                found.append((match[1], int(match[2])))
                return

    def _drain(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):  # closed by `stop`
            for _ in self._process.stdout:
                pass

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Send one line of JSON and wait for the line that answers it. Raises `BenchError`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(question), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(f"{self.name} ended:\n{self.errors()}")
        return dict(json.loads(line))

    def alive(self) -> bool:
        """Return whether the process still runs."""
        return self._process.poll() is None

    def errors(self) -> str:
        """Return the last 2,000 characters of its standard error."""
        self._errors.seek(0)
        return self._errors.read()[-2000:]

    def stop(self, timeout: float = 20.0) -> None:
        """End the process: SIGTERM, after `timeout` seconds SIGKILL, then SIGKILL for the rest of its session."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._errors.close()


def start_module(
    stack: contextlib.ExitStack, name: str, module: str, *arguments: str, env: Mapping[str, str] | None = None
) -> Child:
    """Start `python -m module …`. `stack` stops it."""
    child = Child(name, [sys.executable, "-m", module, *arguments], env)
    stack.callback(child.stop)
    return child


def wait_until(condition: Any, timeout: float, what: str) -> None:
    """Poll until `condition()` is true. Raises `BenchError` after `timeout` seconds.

    what: names the condition in the error, such as "the server answering".
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(f"{what} did not come true within {timeout:g} s")
        time.sleep(0.02)
