"""One language as the cases see it. Each case brings its source in every language: `{"python": "…", "go": "…"}`."""

from dataclasses import dataclass
from functools import cache
from textwrap import dedent, indent
from typing import Any

import httpx
from conformance.golang import completed
from harness import Server, wait_until

# To run every case for a further language: name it here and give each case its source.
LANGUAGES = ("python", "javascript", "go")
_FORMS = {
    "python": "def Run(engine):\n{}\n",
    "javascript": "export async function Run(engine) {{\n{}\n}}\n",
    "go": "func Run(engine *codeactions.Engine) (any, error) {{\n{}\n\treturn nil, nil\n}}\n",
}


def run(**bodies: str) -> dict[str, str]:
    """Sources out of what stands in `Run`, in each language. In Go it may return `(any, error)`, or nothing."""
    return {language: _FORMS[language].format(indent(dedent(body), "    ")) for language, body in bodies.items()}


def run_set(**arguments: str) -> dict[str, str]:
    """Sources that call `engine.result.set` with these arguments, and nothing else."""
    return run(
        python=f"engine.result.set({arguments.get('python', '')})",
        javascript=f"engine.result.set({arguments.get('javascript', '')});",
        go=f"return nil, engine.Result.Set({arguments.get('go', '')})",
    )


def run_return(**values: str) -> dict[str, str]:
    """Sources that return a value, and do nothing else."""
    return run(
        python=f"return {values.get('python', '')}",
        javascript=f"return {values.get('javascript', '')};",
        go=f"return {values.get('go', '')}, nil",
    )


@dataclass(frozen=True)
class Language:
    """Deploys and calls codes of one language on a server."""

    name: str
    server: Server

    def source(self, sources: dict[str, str]) -> str:
        """This language's source of a case."""
        assert self.name in sources, f"this case has no source in {self.name}"
        source = dedent(sources[self.name])
        return completed(source) if self.name == "go" else source

    def deploy(self, sources: dict[str, str], **fields: object) -> str:
        """Deploy this language's source of a case; returns the code's id."""
        _wait_until_ready(self.server, self.name)
        return self.server.create(self.source(sources), language=self.name, **fields)

    def call(
        self,
        sources: dict[str, str],
        *,
        method: str = "POST",
        path: str = "",
        fields: dict[str, object] | None = None,
        **request: Any,
    ) -> httpx.Response:
        """Deploy (with `fields`) and call in one go."""
        code_id = self.deploy(sources, **(fields or {}))
        return self.server.client.request(method, f"/endpoint/{code_id}{path}", **request)

    def record(self, answer: httpx.Response) -> dict[str, Any]:
        """The run behind an answer, as the history has it."""
        return self.server.record(answer)

    def finished(self, answer: httpx.Response) -> dict[str, Any]:
        """The run behind an answer, once it is over."""

        def ended() -> dict[str, Any] | None:
            record = self.server.record(answer)
            return None if record["status"] == "started" else record

        return dict(wait_until(ended, 30, "the end of the run"))

    def logs(self, answer: httpx.Response) -> list[tuple[str, str]]:
        """(level, content) of every line of the run behind an answer."""
        return self.server.logs(answer)

    def lines(self, sources: dict[str, str]) -> list[tuple[str, str]]:
        """The log of a run that must succeed."""
        answer = self.call(sources)
        assert answer.status_code == 200, self.record(answer)["extra"].get("error")
        return self.logs(answer)

    def failure(self, answer: httpx.Response) -> dict[str, Any]:
        """The recorded error of a run whose caller was told no more than its kind."""
        record = self.record(answer)
        assert record["status"] == "failed", answer.text
        error = dict(record["extra"]["error"])
        assert answer.status_code == 500, answer.text
        assert answer.json()["error"]["code"] == "internal"
        assert answer.json()["run_id"] == answer.headers["x-run-id"] == record["id"]
        assert answer.json()["error_type"] == error["type"]
        assert record["result"] is None
        return error


@cache
def _wait_until_ready(server: Server, language: str) -> None:
    """Once for each server: Go's standard library is compiled when one starts for the first time."""
    server.wait_for_language(language)
