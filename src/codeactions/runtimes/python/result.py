"""The answer of a Python run: `engine.result`, and how values become bytes, whole or in pieces.

Imported in the zygote and used inside runs; needs the standard library and the protocol's limits alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping

from codeactions.runtimes.protocol import CHUNK_BYTES, MOST_HEADERS, NAME_LIMIT, SHORT_TYPES, VALUE_LIMIT, Kind, pack
from codeactions.runtimes.python.values import to_json

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any

    from codeactions.runtimes.python.output import Output

_NOT_GIVEN: Any = object()
_EVENTS = "text/event-stream"


class Result:
    """The answer of a run: set as a whole, or given in pieces that go out as they come.

    It may be set more than once; the last one counts. source: the iterator, async or not, that gives the pieces.
    is_open: whether its head has gone out; is_over: whether all of it has.
    """

    def __init__(self, output: Output, describe: Callable[[Result], bytes]) -> None:
        """output: sends the frames. describe: makes the one with which an answer in pieces begins."""
        self.is_set = False
        self.status_code = 200
        self.content_type = SHORT_TYPES["text"]
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.source: Any = None
        self.is_open = self.is_over = False
        self._is_sending = False
        self._head: tuple[int, str | None, Mapping[str, Any] | None] | None = None
        self._given_type: str | None = None
        self._output = output
        self._describe = describe

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

        What an iterator gives goes out in pieces, when `Run` is over: see `write`.
        A string goes out as it is, and so do bytes; anything else goes out as JSON. `content_type` only says what it is
        called: a short name such as `text`, `json`, `html` or `pdf`, or any MIME type. Without it, a string is text,
        bytes are an octet stream. A value that JSON has as a text, such as a date, goes out without quotes if its type
        is given and is not JSON. Raises `TypeError` or `ValueError` when something cannot be sent.
        """
        if content is not _NOT_GIVEN:
            value = content
        self._refuse_after_pieces()
        status_code, full_type, pairs = _checked(status_code, content_type, headers)
        if _is_iterator(value):
            self.source, body = value, b""
        else:
            body, natural_type = _encode(value)
            if full_type and body[:1] == b'"' and natural_type == SHORT_TYPES["json"] and not _is_json(full_type):
                body = _to_utf8(json.loads(body))
            self.source, self.content_type = None, full_type or natural_type
        self.is_set, self.status_code, self.headers, self.body = True, status_code, pairs, body
        self._given_type = full_type

    __call__ = set  # noqa: A003 - as the documents of the earlier service have it: engine.result("ok")

    def head(
        self, status_code: int = 200, content_type: str | None = None, headers: Mapping[str, Any] | None = None
    ) -> None:
        """Set what goes out before the first piece. It counts for a value that `Run` returns as well.

        Raises `RuntimeError` when it is too late, `ValueError` as `set` does.
        """
        if self.is_open or self.is_over:
            raise RuntimeError("engine.result.head comes too late: the head of the answer has gone out")
        if self.is_set and self.source is None:
            raise RuntimeError("engine.result.head comes too late: engine.result.set has set a head with its value")
        self.status_code, self._given_type, self.headers = _checked(status_code, content_type, headers)
        self._head = status_code, content_type, headers

    def write(self, chunk: Any) -> None:
        """Send a piece of the answer, now. The first one sends the head as well.

        A string goes out as it is, and so do bytes; anything else as a line of JSON, or as an event where the content
        type is `text/event-stream`. Waits while the client takes no more. Raises `RuntimeError` when the result was set
        before, or has gone out; `TypeError` or `ValueError` when something cannot be sent.
        """
        with self._output.lock:  # other threads may write as well, and the answer may end meanwhile
            if self.is_over:
                raise RuntimeError("engine.result.write comes too late: the answer has gone out")
            if self.is_set:
                raise RuntimeError("engine.result.write after engine.result.set: a result is either set or written")
            self._put(chunk)

    def finish(self, value: Any) -> None:
        """Take what `Run` has returned: the result, if none was set or written."""
        if self.is_set or self.is_open or (value is None and self._head is None):
            return
        self.set("" if value is None else value, *(self._head or ()))

    def send_pieces(self) -> None:
        """Send all that the iterator gives."""
        self._is_sending = True
        # What reads from elsewhere, such as an answer of another server, has its bytes as they come.
        read = getattr(self.source, "read1", None)
        try:
            for chunk in self.source if read is None else iter(lambda: read(CHUNK_BYTES), b""):
                self._put(chunk)
        except BaseException:  # a generator whose piece cannot be sent: what it does at its end is done all the same
            if hasattr(self.source, "close"):
                self.source.close()
            raise

    async def send_pieces_as_they_come(self) -> None:
        """Send all that the async iterator gives."""
        self._is_sending = True
        pieces = self.source.__aiter__()
        # A generator that an event loop has to know of needs a loop. This one is exhausted or closed here.
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(None, None)
        step = pieces.__anext__()
        sys.set_asyncgen_hooks(*hooks)
        try:
            while True:
                self._put(await step)
                step = pieces.__anext__()
        except StopAsyncIteration:
            return
        finally:
            if hasattr(pieces, "aclose"):
                await pieces.aclose()

    def close(self) -> None:
        """Let nothing more be sent; of an answer in pieces the head goes out even if there were none."""
        with self._output.lock:
            if self.source is not None and not self.is_open:
                self._put("")
            self.is_over = True

    def _put(self, chunk: Any) -> None:
        data, natural_type = self._piece(chunk)
        if not self.is_open:
            self.content_type = self._given_type or natural_type
            self._output.send(self._describe(self))
            self.is_open = True
        for start in range(0, len(data), CHUNK_BYTES):
            self._output.send(pack(Kind.CHUNK, data[start : start + CHUNK_BYTES]))

    def _piece(self, chunk: Any) -> tuple[bytes, str]:
        if isinstance(chunk, str | bytes | bytearray | memoryview):
            return _encode(chunk)
        if (self._given_type or "").partition(";")[0].strip().lower() == _EVENTS:
            return b"data: " + to_json(chunk) + b"\n\n", _EVENTS
        return to_json(chunk) + b"\n", SHORT_TYPES["ndjson"]

    def _refuse_after_pieces(self) -> None:
        if self.is_over:
            raise RuntimeError("engine.result.set comes too late: the answer has gone out")
        if self._is_sending:
            raise RuntimeError("engine.result.set comes too late: what the iterator gives is being sent")
        if self.is_open:
            raise RuntimeError("engine.result.set after engine.result.write: a result is either set or written")


def _checked(
    status_code: int, content_type: str | None, headers: Mapping[str, Any] | None
) -> tuple[int, str | None, list[tuple[str, str]]]:
    """Return the parts of a head as they are sent. Raises `ValueError` that names what cannot be."""
    if isinstance(status_code, bool) or not isinstance(status_code, int) or not 200 <= status_code <= 599:
        raise ValueError(f"status_code must be a whole number from 200 to 599, not {_shown(status_code)}")
    if content_type is not None and not _is_header_value(content_type):
        raise ValueError(
            f"content_type must be text without line breaks, at most {VALUE_LIMIT} bytes, not {_shown(content_type)}"
        )
    pairs = _header_pairs(headers or {})
    return status_code, _full_type(content_type) if content_type else None, pairs


def _is_iterator(value: Any) -> bool:
    """Return whether a value gives others one by one, and only once: a generator, a file, but no list."""
    kind = type(value)
    return hasattr(kind, "__next__") or hasattr(kind, "__aiter__")


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
