"""The answer of a Python run: `engine.result`, and how values become bytes.

Imported in the zygote and used inside runs; needs the standard library and the protocol's limits alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from codeactions.runtimes.protocol import MOST_HEADERS, NAME_LIMIT, SHORT_TYPES, VALUE_LIMIT
from codeactions.runtimes.python.values import to_json

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any

_NOT_GIVEN: Any = object()


class Result:
    """The answer of a run. It may be set more than once; the last one counts."""

    def __init__(self) -> None:
        self.is_set = False
        self.status_code = 200
        self.content_type = SHORT_TYPES["text"]
        self.headers: list[tuple[str, str]] = []
        self.body = b""

    def set(
        self,
        value: Any = "",
        status_code: int = 200,
        content_type: str | None = None,
        headers: Mapping[str, Any] | None = None,
        *,
        content: Any = _NOT_GIVEN,
    ) -> None:
        """Set the result. content: the value, under the name that it has in `engine.log`.

        A string goes out as it is, and so do bytes; anything else goes out as JSON. `content_type` only says what it is
        called: a short name such as `text`, `json`, `html` or `pdf`, or any MIME type. Without it, a string is text,
        bytes are an octet stream. A value that JSON has as a text, such as a date, goes out without quotes if its type
        is given and is not JSON. Raises `TypeError` or `ValueError` when something cannot be sent.
        """
        if content is not _NOT_GIVEN:
            value = content
        if isinstance(status_code, bool) or not isinstance(status_code, int) or not 200 <= status_code <= 599:
            raise ValueError(f"status_code must be a whole number from 200 to 599, not {_shown(status_code)}")
        if content_type is not None and not _is_header_value(content_type):
            raise ValueError(
                f"content_type must be text without line breaks, at most {VALUE_LIMIT} bytes, "
                f"not {_shown(content_type)}"
            )
        pairs = _header_pairs(headers or {})
        full_type = _full_type(content_type) if content_type else None
        body, natural_type = _encode(value)
        if full_type and body[:1] == b'"' and natural_type == SHORT_TYPES["json"] and not _is_json(full_type):
            body = _to_utf8(json.loads(body))
        self.is_set, self.status_code, self.headers, self.body = True, status_code, pairs, body
        self.content_type = full_type or natural_type

    __call__ = set  # noqa: A003 - as the documents of the earlier service have it: engine.result("ok")


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower().endswith(("/json", "+json"))


def _full_type(content_type: str) -> str:
    """Return what a content type means. Raises `ValueError` for what is none."""
    word, semicolon, parameters = content_type.partition(";")
    word = word.strip(" \t")
    kind, _, subtype = word.partition("/")
    if _is_token(kind) and _is_token(subtype):
        return content_type
    found = SHORT_TYPES.get(word.lower())
    if found is None:
        raise ValueError(
            f"there is no content type {_shown(content_type)}; there are MIME types, such as text/plain, and the short "
            f"names {', '.join(SHORT_TYPES)}"
        )
    return found.partition(";")[0] + semicolon + parameters if semicolon else found


def _encode(value: Any) -> tuple[bytes, str]:
    if isinstance(value, str):
        return _to_utf8(value), SHORT_TYPES["text"]
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value), SHORT_TYPES["binary"]
    return to_json(value), SHORT_TYPES["json"]


def _to_utf8(text: str) -> bytes:
    """Encode text. A lone surrogate, which UTF-8 does not have, becomes U+FFFD; a pair becomes its character."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _header_pairs(headers: Mapping[str, Any]) -> list[tuple[str, str]]:
    # The server refuses what is over these limits; told here, the code learns of it by an exception.
    if not isinstance(headers, Mapping):
        raise ValueError(f"headers must be a mapping of names to values, not {_shown(headers)}")
    if len(headers) > MOST_HEADERS:
        raise ValueError(f"a result may have at most {MOST_HEADERS} headers, not {len(headers)}")
    pairs = []
    for name, value in headers.items():
        if not isinstance(name, str) or len(name) > NAME_LIMIT or not _is_token(name):
            raise ValueError(f"{_shown(name)} is no header name")
        text = str(value) if isinstance(value, int | float) else value
        if not _is_header_value(text):
            raise ValueError(
                f"the value of header {name} must be text without line breaks, "
                f"at most {VALUE_LIMIT} bytes, not {_shown(value)}"
            )
        pairs.append((name, text))
    return pairs


def _is_token(word: str) -> bool:
    """Return whether HTTP takes a word as the name of a header, or as either part of a MIME type."""
    return word != "" and word.isascii() and all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in word)


def _is_header_value(text: object) -> bool:
    return (
        isinstance(text, str)
        and all(c == "\t" or (" " <= c <= "\ud7ff" and c != "\x7f") or c >= "\ue000" for c in text[: VALUE_LIMIT + 1])
        and len(text if text.isascii() else text[: VALUE_LIMIT + 1].encode()) <= VALUE_LIMIT
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"
