"""The engine: the argument that `Run` of a Python code gets.

Imported in the zygote and used inside runs; needs the standard library alone, and its neighbours here.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from codeactions.runtimes.python.background import Background
from codeactions.runtimes.python.form import Form, read_form
from codeactions.runtimes.python.named_values import NamedValues
from codeactions.runtimes.python.params import Headers, Params
from codeactions.runtimes.python.result import Result

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any


class Log:
    """Writes lines to the run's log: `engine.log.info("got %s", thing)`."""

    def __init__(self, write: Callable[[str, str], None]) -> None:
        self._write = write

    def debug(self, content: object = "", *args: object) -> None:
        """Write at level debug."""
        self._line("debug", content, args)

    def info(self, content: object = "", *args: object) -> None:
        """Write at level info."""
        self._line("info", content, args)

    def warning(self, content: object = "", *args: object) -> None:
        """Write at level warning."""
        self._line("warning", content, args)

    warn = warning

    def error(self, content: object = "", *args: object) -> None:
        """Write at level error."""
        self._line("error", content, args)

    def _line(self, level: str, message: object, args: tuple[object, ...]) -> None:
        text = str(message)
        self._write(level, text % args if args else text)


class Request:
    """The HTTP request that the run answers.

    path: what follows the code's id in the URL; raw_path: the same as it was sent, percent-encoded. raw_query: the
    query string as it was sent. content: the body's bytes. log: the engine's; codes of an earlier service look for it
    here, too.
    """

    log: Log

    def __init__(self, job: dict[str, Any], body: bytes) -> None:
        """job, body: as the server has sent them."""
        size = job.get("content_bytes")
        self.method: str = job["method"]
        self.path: str = job["path"]
        self.raw_path: str = job.get("raw_path", self.path)
        self.raw_query: str = job.get("raw_query", "")
        self.params = Params(job["params"])
        self.header = Headers(job["headers"])
        self.headers = self.header
        self.content = body if size is None else body[:size]
        self._text = None if size is None else body[size:]

    @property
    def body(self) -> str:
        """The body as text, by its charset or as UTF-8; bytes that are none become U+FFFD."""
        return self.content.decode("utf-8", "replace") if self._text is None else self._text.decode()

    def json(self) -> Any:
        """Read the body as JSON. Raises `ValueError`."""
        return json.loads(self.content if self._text is None else self._text)

    def form(self) -> Form:
        """Read the body as a form, urlencoded or multipart. Raises `ValueError` for anything else."""
        return read_form(self.content, self.header.get("Content-Type"))


class Engine:
    """All that a code needs to know of its call, and the means to answer."""

    def __init__(
        self,
        request: Request,
        log: Log,
        result: Result,
        background: Background,
        secrets: dict[str, str] | None = None,
        variables: dict[str, str] | None = None,
    ) -> None:
        """secrets, variables: by name; None if the run has none."""
        self.request = request
        self.log = log
        request.log = log
        self.result = result
        self.background = background
        self.secrets = NamedValues("secret", secrets or {})
        self.variables = NamedValues("variable", variables or {})

    @property
    def params(self) -> Params:
        """Query parameters."""
        return self.request.params

    @property
    def header(self) -> Headers:
        """Request headers."""
        return self.request.header

    @property
    def body(self) -> str:
        """Request body as text; `engine.request.content` has the bytes."""
        return self.request.body
