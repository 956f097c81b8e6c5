"""The measured server: the real one, as its users start it, on a data folder of its own."""

import contextlib
import json
import secrets
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.database import embedded_url
from bench.processes import Child, environment, wait_until

HELLO = 'def Run(engine):\n    engine.result.set({"hello": engine.params.get("name")})\n'
SLEEP = f"import time\n\n\n{HELLO}    time.sleep(1)\n"


class Server:
    """`codeactions serve` with its embedded PostgreSQL, on a free port of loopback."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        """Start it and wait until it serves; `stack` stops it and removes its folder. Raises `BenchError`."""
        self.data_dir = Path(tempfile.mkdtemp(prefix="codeactions-bench-"))
        stack.callback(shutil.rmtree, self.data_dir, ignore_errors=True)
        self._token = secrets.token_urlsafe(24)
        env = environment(CODEACTIONS_DATA_DIR=str(self.data_dir), CODEACTIONS_AUTH_TOKEN=self._token)
        command = [sys.executable, "-m", "codeactions", "serve", "--port", "0"]
        child = Child("the server", command, env)
        stack.callback(child.stop, 40.0)
        self.pid = child.pid
        self.host, self.port = child.address()
        self.base = f"http://{self.host}:{self.port}"
        wait_until(self._answers, 10.0, "the server answering")
        self.database_url = embedded_url(self.data_dir)

    def _answers(self) -> bool:
        with contextlib.suppress(urllib.error.URLError):
            return self._ask("/healthz") == {"status": "ok"}
        return False

    def deploy(self, source: str) -> str:
        """Deploy a Python endpoint and return its id."""
        query = {"name": "hello", "language": "python", "type": "endpoint", "project_uuid": "bench"}
        return str(self._ask(f"/code?{urlencode(query)}", source.encode())["id"])

    def call(self, code_id: str, name: str) -> bool:
        """Call an endpoint once; whether it answered `{"hello": name}`."""
        return self._ask(f"/endpoint/{code_id}?{urlencode({'name': name})}") == {"hello": name}

    def health(self) -> dict[str, Any]:
        """The parts of the server, as it sees them itself."""
        return dict(self._ask("/health")["parts"])

    def _ask(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.base}{path}", body, {"Authorization": f"Token {self._token}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return dict(json.loads(answer.read()))
