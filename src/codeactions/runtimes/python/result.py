"""The answer of a Python run: `engine.result`, and how values become bytes.

Imported in the zygote and used inside runs; needs the standard library and the protocol's limits alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from codeactions.runtimes.protocol import MOST_HEADERS, NAME_LIMIT, VALUE_LIMIT

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any

_SHORT_TYPES = {
    "text": "text/plain; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
}
_OCTETS = "application/octet-stream"


class Result:
    """The answer of a run. It may be set more than once; the last one counts."""

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
                f"content_type must be Latin-1 text without line breaks, at most {VALUE_LIMIT} characters, "
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
    """Encode text. A lone surrogate, which UTF-8 does not have, becomes U+FFFD; a pair becomes its character."""
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
    # The server refuses what is over these limits; told here, the code learns of it by an exception.
    if not isinstance(headers, Mapping):
        raise ValueError(f"headers must be a mapping of names to values, not {_shown(headers)}")
    if len(headers) > MOST_HEADERS:
        raise ValueError(f"a result may have at most {MOST_HEADERS} headers, not {len(headers)}")
    pairs = []
    for name, value in headers.items():
        if not _is_token(name):
            raise ValueError(f"{_shown(name)} is no header name")
        text = str(value) if isinstance(value, int | float) else value
        if not _is_header_value(text):
            raise ValueError(
                f"the value of header {name} must be Latin-1 text without line breaks, "
                f"at most {VALUE_LIMIT} characters, not {_shown(value)}"
            )
        pairs.append((name, text))
    return pairs


def _is_token(name: object) -> bool:
    return (
        isinstance(name, str)
        and 0 < len(name) <= NAME_LIMIT
        and name.isascii()
        and all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name)
    )


def _is_header_value(text: object) -> bool:
    return (
        isinstance(text, str)
        and len(text) <= VALUE_LIMIT
        and all(c == "\t" or (" " <= c <= "\xff" and c != "\x7f") for c in text)
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"
