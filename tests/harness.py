"""A real server in a process of its own, and how tests talk to it."""

import asyncio
import contextlib
import inspect
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

TOKEN = "test-token-test-token-test-token"
# Shared by all servers of all sessions: compiling Go's standard library takes a minute or two.
CACHE = Path(__file__).parents[1] / ".cache"
_SERVING = re.compile(r"serving on (http://\S+)")


def wait_until(condition: Callable[[], Any], seconds: float = 10.0, what: str = "the condition") -> Any:
    """Poll until `condition()` is true and return it; fail after a deadline, never sleep blindly."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds:g} s")
        time.sleep(0.02)


async def until(condition: Callable[[], Any], seconds: float = 30.0, what: str = "the condition") -> Any:
    """The same for a coroutine: other tasks go on meanwhile. The condition may be a coroutine function."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        value = await value if inspect.isawaitable(value) else value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds:g} s")
        await asyncio.sleep(0.02)


def clean_environment(**variables: str) -> dict[str, str]:
    """The tests' own, without what would tell a command its settings or which database to take."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("CODEACTIONS_", "PG")) and k != "DATABASE_URL"}
    return clean | variables


async def turns(number: int = 20) -> None:
    """Let every task that can go on do so until it waits for something that no task gives it."""
    for _ in range(number):
        await asyncio.sleep(0)


class Server:
    """`codeactions serve` on a free port of loopback. `client` sends the administrator's token."""

    def __init__(self, data_dir: Path, database_url: str | None = None, **settings: object) -> None:
        self.data_dir = data_dir
        environment = clean_environment()
        environment |= {"CODEACTIONS_DATA_DIR": str(data_dir), "CODEACTIONS_PORT": "0", "CODEACTIONS_AUTH_TOKEN": TOKEN}
        environment["CODEACTIONS_CACHE_DIR"] = str(CACHE)
        # Most tests call more often than users do; those of the limits set their own.
        environment |= {"CODEACTIONS_RATE_CODE": "0", "CODEACTIONS_RATE_CALLER": "0"}
        self.temporary_dir = data_dir.with_name(f"{data_dir.name}-tmp")
        self.temporary_dir.mkdir(parents=True, exist_ok=True)
        environment["TMPDIR"] = str(self.temporary_dir)
        environment |= {f"CODEACTIONS_{name.upper()}": str(value) for name, value in settings.items()}
        if database_url:
            environment["DATABASE_URL"] = database_url
        self._environment = environment
        self.command = [sys.executable, "-m", "codeactions", "serve"]
        self._lines: queue.Queue[str] = queue.Queue()
        self.output: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self.base = ""
        self.client = httpx.Client()

    def start(self, timeout: float = 60.0) -> "Server":
        """Start it and wait until it serves. Fails with its output when it does not."""
        self.process = subprocess.Popen(
            self.command,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        deadline = time.monotonic() + timeout
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                self.kill()
                raise AssertionError("the server did not start:\n" + "\n".join(self.output)) from None
            if line == "":
                raise AssertionError("the server ended while starting:\n" + "\n".join(self.output))
            if found := _SERVING.search(line):
                self.base = found[1]
                break
        self.client.close()
        self.client = httpx.Client(base_url=self.base, headers={"Authorization": f"Token {TOKEN}"}, timeout=60)
        return self

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.output.append(line.rstrip("\n"))
                self._lines.put(line.rstrip("\n") or " ")
        self._lines.put("")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def stop(self, number: int = signal.SIGTERM, timeout: float = 30.0) -> int:
        """Ask it to stop and wait; returns the exit code."""
        self.client.close()
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout)

    def kill(self) -> None:
        """kill -9."""
        self.client.close()
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def create(self, source: str, **fields: object) -> str:
        """Deploy a Python endpoint (or what `fields` say) and return its id."""
        params = {"name": "test", "language": "python", "type": "endpoint", "project_uuid": "tests", **fields}
        answer = self.client.post("/code", params={k: str(v) for k, v in params.items()}, content=source.encode())
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def call(self, source: str, *, method: str = "POST", path: str = "", **request: Any) -> httpx.Response:
        """Deploy and call in one go; timeout of the code by `timeout_seconds`."""
        timeout = request.pop("timeout_seconds", 60)
        code_id = self.create(source, timeout=timeout)
        return self.client.request(method, f"/endpoint/{code_id}{path}", **request)

    def record(self, answer: httpx.Response) -> dict[str, Any]:
        """The run behind an answer, as the history has it."""
        found = self.client.get(f"/coderun/{answer.headers['x-run-id']}")
        assert found.status_code == 200, found.text
        return dict(found.json())

    def logs(self, answer: httpx.Response) -> list[tuple[str, str]]:
        """(level, content) of every line of the run behind an answer."""
        lines: list[tuple[str, str]] = []
        page = 1
        while True:
            found = self.client.get("/codelog", params={"run_id": answer.headers["x-run-id"], "page": page}).json()
            lines += [(line["type"], line["content"]) for line in found["data"]]
            if page >= found["last_page"]:
                return lines
            page += 1

    def wait_for_language(self, language: str) -> None:
        """Until it has been seen to work; for Go that may mean until its standard library is compiled."""

        def ready() -> bool:
            found = self.client.get("/health").json()["parts"]["languages"][language]
            assert found["state"] != "broken", found
            return bool(found["state"] == "ready")

        wait_until(ready, 500, f"{language} being ready")

    def healthy(self) -> bool:
        """Whether every part is well and a fresh run works."""
        answer = self.client.get("/health")
        return answer.status_code == 200 and self.call("def Run(engine):\n    return 1 + 1\n").text == "2"


@contextlib.contextmanager
def running_server(data_dir: Path, database_url: str | None = None, **settings: object) -> Iterator[Server]:
    """A server for the length of a `with` block; stopped, or killed, at its end."""
    server = Server(data_dir, database_url, **settings)
    try:
        yield server.start()
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.stop()
        if server.process is not None and server.process.poll() is None:
            server.kill()


def children_of(pid: int) -> list[int]:
    """Every living descendant of a process, nearest first."""
    found: list[int] = []
    frontier = [pid]
    while frontier:
        parent = frontier.pop(0)
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                below = [int(child) for child in (task / "children").read_text().split()]
                found += below
                frontier += below
    return found


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
