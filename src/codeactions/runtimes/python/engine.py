"""The engine: what a Python code gets as the argument of `Run`.

Imported in the zygote and used inside runs; needs the standard library alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any

_SHORT_TYPES = {
    "text": "text/plain; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
}
_OCTETS = "application/octet-stream"
# What the server takes (execution/response_policy.py): told here, so that the code learns of it by an exception.
_MOST_HEADERS, _NAME_LIMIT, _VALUE_LIMIT = 100, 256, 8192


class Params:
    """Query parameters, in order. A repeated one counts with its first value; `all()` has every value."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = [(key, value) for key, value in pairs]
        self._first: dict[str, str] = {}
        for key, value in self._pairs:
            self._first.setdefault(self._fold(key), value)

    @staticmethod
    def _fold(key: str) -> str:
        return key

    def get(self, key: str, default: Any = None) -> Any:
        """The first value of `key`, or `default`."""
        return self._first.get(self._fold(key), default)

    def all(self, key: str) -> list[str]:
        """Every value of `key`, in order."""
        return [value for name, value in self._pairs if self._fold(name) == self._fold(key)]

    def items(self) -> list[tuple[str, str]]:
        """(name, first value) of every parameter."""
        return list(self._first.items())

    def keys(self) -> list[str]:
        """Every name, once."""
        return list(self._first)

    def values(self) -> list[str]:
        """The first value of every name."""
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
    """Request headers; names are looked up in any case, and an absent one is the empty string."""

    @staticmethod
    def _fold(key: str) -> str:
        return key.lower()

    def get(self, key: str, default: Any = "") -> Any:
        """The first value of the header, or `default`."""
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

    def error(self, message: object, *args: object) -> None:
        """Write at level error."""
        self._line("error", message, args)

    def _line(self, level: str, message: object, args: tuple[object, ...]) -> None:
        text = str(message)
        self._write(level, text % args if args else text)


class Result:
    """The answer of the run. Set once or more often; the last one counts."""

    def __init__(self) -> None:
        self.is_set = False
        self.status_code = 200
        self.content_type = _SHORT_TYPES["text"]
        self.headers: list[tuple[str, str]] = []
        self.body = b""

    def set(
        self,
        value: Any,
        status_code: int = 200,
        content_type: str | None = None,
        headers: Mapping[str, Any] | None = None,
    ) -> None:
        """Set the result.

        A string is text, bytes are an octet stream, anything else is JSON, unless `content_type` says
        otherwise: `text`, `html`, `json` or any MIME type. With `json` strings are encoded too; with
        `application/json` a string goes out as it is. Raises `TypeError` or `ValueError` when something cannot be sent.
        """
        if isinstance(status_code, bool) or not isinstance(status_code, int) or not 200 <= status_code <= 599:
            raise ValueError(f"status_code must be a whole number from 200 to 599, not {_shown(status_code)}")
        if content_type is not None and not _is_header_value(content_type):
            raise ValueError(
                f"content_type must be Latin-1 text without line breaks, at most {_VALUE_LIMIT} characters, "
                f"not {_shown(content_type)}"
            )
        pairs = _header_pairs(headers or {})
        body, natural_type = _encode(value, content_type)
        self.is_set, self.status_code, self.headers, self.body = True, status_code, pairs, body
        self.content_type = _SHORT_TYPES.get(content_type, content_type) if content_type else natural_type


def _encode(value: Any, content_type: str | None) -> tuple[bytes, str]:
    if content_type == "json":
        return _to_json(value), _SHORT_TYPES["json"]
    if isinstance(value, str):
        return _to_utf8(value), _SHORT_TYPES["text"]
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value), _OCTETS
    if content_type in ("text", "html"):
        return _to_utf8(str(value)), _SHORT_TYPES["text"]
    return _to_json(value), _SHORT_TYPES["json"]


def _to_utf8(text: str) -> bytes:
    """A lone surrogate, which UTF-8 has not, becomes U+FFFD; two that make a character become that."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _to_json(value: Any) -> bytes:
    # NaN and Infinity are not JSON; a client that meets them fails far from where the mistake was made.
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can stand for
        return json.dumps(value, allow_nan=False).encode()


def _header_pairs(headers: Mapping[str, Any]) -> list[tuple[str, str]]:
    if not isinstance(headers, Mapping):
        raise ValueError(f"headers must be a mapping of names to values, not {_shown(headers)}")
    if len(headers) > _MOST_HEADERS:
        raise ValueError(f"a result may have at most {_MOST_HEADERS} headers, not {len(headers)}")
    pairs = []
    for name, value in headers.items():
        if not _is_token(name):
            raise ValueError(f"{_shown(name)} is no header name")
        text = str(value) if isinstance(value, int | float) else value
        if not _is_header_value(text):
            raise ValueError(
                f"the value of header {name} must be Latin-1 text without line breaks, "
                f"at most {_VALUE_LIMIT} characters, not {_shown(value)}"
            )
        pairs.append((name, text))
    return pairs


def _is_token(name: object) -> bool:
    return (
        isinstance(name, str)
        and 0 < len(name) <= _NAME_LIMIT
        and name.isascii()
        and all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name)
    )


def _is_header_value(text: object) -> bool:
    return (
        isinstance(text, str)
        and len(text) <= _VALUE_LIMIT
        and all(c == "\t" or (" " <= c <= "\xff" and c != "\x7f") for c in text)
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"


class Request:
    """The call as it came in."""

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
        """The body read as JSON. Raises `ValueError`."""
        return json.loads(self.content)


class Engine:
    """Everything a code needs to know of its call, and how it answers."""

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
