"""The engine: the argument that `Run` of a Python code gets.

Imported in the zygote and used inside runs; needs the standard library alone, and result.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

from codeactions.runtimes.python.result import Result

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any


class Params:
    """Query parameters, in order. Of a repeated one the first value counts; `all()` returns every value."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = [(key, value) for key, value in pairs]
        self._first: dict[str, str] = {}
        for key, value in self._pairs:
            self._first.setdefault(self._fold(key), value)

    @staticmethod
    def _fold(key: str) -> str:
        return key

    def get(self, key: str, default: Any = None) -> Any:
        """Return the first value of `key`, or `default`."""
        return self._first.get(self._fold(key), default)

    def all(self, key: str) -> list[str]:
        """Return every value of `key`, in order."""
        return [value for name, value in self._pairs if self._fold(name) == self._fold(key)]

    def items(self) -> list[tuple[str, str]]:
        """Return (name, first value) of every parameter."""
        return list(self._first.items())

    def keys(self) -> list[str]:
        """Return every name, once."""
        return list(self._first)

    def values(self) -> list[str]:
        """Return the first value of every name."""
        return list(self._first.values())

    def __getitem__(self, key: str) -> str:
        return self._first[self._fold(key)]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._fold(key) in self._first

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._first!r})"


class Headers(Params):
    """Request headers. Names are looked up in any case; an absent header is the empty string."""

    @staticmethod
    def _fold(key: str) -> str:
        return key.lower()

    def get(self, key: str, default: Any = "") -> Any:
        """Return the first value of the header, or `default`."""
        return super().get(key, default)


class Log:
    """Writes lines to the run's log: `engine.log.info("got %s", thing)`."""

    def __init__(self, write: Callable[[str, str], None]) -> None:
        self._write = write

    def debug(self, message: object, *args: object) -> None:
        """Write at level debug."""
        self._line("debug", message, args)

    def info(self, message: object, *args: object) -> None:
        """Write at level info."""
        self._line("info", message, args)

    def warning(self, message: object, *args: object) -> None:
        """Write at level warning."""
        self._line("warning", message, args)

    warn = warning

    def error(self, message: object, *args: object) -> None:
        """Write at level error."""
        self._line("error", message, args)

    def _line(self, level: str, message: object, args: tuple[object, ...]) -> None:
        text = str(message)
        self._write(level, text % args if args else text)


class Request:
    """The HTTP request that the run answers."""

    def __init__(self, method: str, path: str, params: Params, header: Headers, content: bytes) -> None:
        self.method = method
        self.path = path
        self.params = params
        self.header = header
        self.headers = header
        self.content = content

    @property
    def body(self) -> str:
        """The body as text; bytes that are not UTF-8 become U+FFFD."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Read the body as JSON. Raises `ValueError`."""
        return json.loads(self.content)


class Engine:
    """All that a code needs to know of its call, and the means to answer."""

    def __init__(self, request: Request, log: Log) -> None:
        self.request = request
        self.log = log
        self.result = Result()

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
