"""One language as the cases see it. Each case brings its source in every language: `{"python": "…"}`."""

from dataclasses import dataclass
from textwrap import dedent
from typing import Any

import httpx
from harness import Server

# To run every case for a further language: name it here and give each table its source.
LANGUAGES = ("python",)


@dataclass(frozen=True)
class Language:
    """Deploys and calls codes of one language on a server."""

    name: str
    server: Server

    def deploy(self, sources: dict[str, str], **fields: object) -> str:
        """Deploy this language's source of a case; returns the code's id."""
        assert self.name in sources, f"this case has no source in {self.name}"
        return self.server.create(dedent(sources[self.name]), language=self.name, **fields)

    def call(self, sources: dict[str, str], *, method: str = "POST", path: str = "", **request: Any) -> httpx.Response:
        """Deploy and call in one go."""
        return self.server.client.request(method, f"/endpoint/{self.deploy(sources)}{path}", **request)

    def record(self, answer: httpx.Response) -> dict[str, Any]:
        """The run behind an answer, as the history has it."""
        return self.server.record(answer)

    def logs(self, answer: httpx.Response) -> list[tuple[str, str]]:
        """(level, content) of every line of the run behind an answer."""
        return self.server.logs(answer)

    def failure(self, answer: httpx.Response) -> dict[str, Any]:
        """The recorded error of a run whose caller was told no more than its kind."""
        record = self.record(answer)
        error = dict(record["extra"]["error"])
        assert answer.status_code == 500, answer.text
        assert answer.json()["error"]["code"] == "internal"
        assert answer.json()["run_id"] == answer.headers["x-run-id"] == record["id"]
        assert answer.json()["error_type"] == error["type"]
        assert record["status"] == "failed"
        assert record["result"] is None
        return error
