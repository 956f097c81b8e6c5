"""The measured server: started as users start it, with its own data folder."""

import contextlib
import json
import secrets
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.database import embedded_url
from bench.processes import ROOT, BenchError, Child, environment, wait_until

# Go's compiled standard library, which takes a minute or two to make. All servers of the bench and the tests share it.
CACHE = ROOT / ".cache"
_LANGUAGE_SECONDS = 300.0
_NO_LIMITS = {"rate_code": "0", "rate_caller": "0"}
HELLO = 'def Run(engine):\n    engine.result.set({"hello": engine.params.get("name")})\n'
SLEEP = f"import time\n\n\n{HELLO}    time.sleep(1)\n"


class Server:
    """`codeactions serve` with its embedded PostgreSQL, on a free port of loopback."""

    def __init__(self, stack: contextlib.ExitStack, *, python: str = sys.executable, **settings: str) -> None:
        """Start the server and wait until it serves and each of its languages works. Raises `BenchError`.

        stack: stops the server and removes its folder. python: the interpreter for which the measured codeactions is
        installed. settings: values that differ from the defaults. Rate limits are off unless they are given, because a
        bench would exceed them.
        """
        self.data_dir = Path(tempfile.mkdtemp(prefix="codeactions-bench-"))
        stack.callback(shutil.rmtree, self.data_dir, ignore_errors=True)
        self._token = secrets.token_urlsafe(24)
        env = environment(
            CODEACTIONS_DATA_DIR=str(self.data_dir),
            CODEACTIONS_AUTH_TOKEN=self._token,
            CODEACTIONS_CACHE_DIR=str(CACHE),
            **{f"CODEACTIONS_{name.upper()}": value for name, value in (_NO_LIMITS | settings).items()},
        )
        command = [python, "-m", "codeactions", "serve", "--port", "0"]
        child = Child("the server", command, env)
        stack.callback(child.stop, 40.0)
        self.pid = child.pid
        self.host, self.port = child.address()
        self.base = f"http://{self.host}:{self.port}"
        wait_until(self._answers, 10.0, "the server answering")
        self.database_url = embedded_url(self.data_dir)
        wait_until(self._languages_are_ready, _LANGUAGE_SECONDS, "every language being ready")

    def _answers(self) -> bool:
        with contextlib.suppress(urllib.error.URLError):
            return self._ask("/healthz") == {"status": "ok"}
        return False

    def _languages_are_ready(self) -> bool:
        found = self.languages()
        for language, state in found.items():
            if state["state"] == "broken":
                raise BenchError(f"{language} does not work here: {state['reason']}")
        return all(state["state"] == "ready" for state in found.values())

    def languages(self) -> dict[str, dict[str, Any]]:
        """Return the state and the version of each language, by its name."""
        return {name: part for name, part in self.health()["languages"].items() if isinstance(part, dict)}

    def deploy(self, source: str, language: str = "python", project: str = "bench", **fields: str) -> str:
        """Deploy an endpoint, with further fields, and return its id."""
        query = {"name": "hello", "language": language, "type": "endpoint", "project_uuid": project} | fields
        return str(self._ask(f"/code?{urlencode(query)}", source.encode())["id"])

    def call(self, code_id: str, name: str) -> bool:
        """Call an endpoint once. Returns whether it answered `{"hello": name}`."""
        return self._ask(f"/endpoint/{code_id}?{urlencode({'name': name})}") == {"hello": name}

    def health(self) -> dict[str, Any]:
        """Return the parts of `/health`."""
        return dict(self._ask("/health")["parts"])

    @property
    def authorization(self) -> str:
        """The Authorization header of the administrator."""
        return f"Token {self._token}"

    def get(self, path: str) -> dict[str, Any]:
        """Return what the API tells."""
        return self._ask(path)

    def post(self, path: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Post JSON fields to the API. Returns its answer."""
        return self._send("POST", path, fields)

    def patch(self, path: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Patch with JSON fields. Returns the API's answer."""
        return self._send("PATCH", path, fields)

    def _send(self, method: str, path: str, fields: dict[str, Any]) -> dict[str, Any]:
        # Without the type, what is sent to a code would be its source.
        return self._ask(path, json.dumps(fields).encode(), method, {"Content-Type": "application/json"})

    def _ask(
        self, path: str, body: bytes | None = None, method: str | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        headers = {"Authorization": self.authorization, **(headers or {})}
        request = urllib.request.Request(f"{self.base}{path}", body, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return dict(json.loads(answer.read()))
