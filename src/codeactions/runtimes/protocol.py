"""The protocol between the server and a run, over the run's pipes.

One frame is a kind (1 byte), a length (4 bytes, big endian) and that many bytes. The server sends one JOB. The run
sends LOG and TEXT frames, and ends with one RESULT or one FAILURE. The server treats every byte that comes from a run
as hostile: each kind has a bound, and anything else, or a frame out of its order, ends the run.

An answer may go out while its run goes on:

    RESULT with "goes_on" → END           the whole answer, then work after it
    STREAM → CHUNK … → END                an answer in pieces
    STREAM → CHUNK … → ANSWERED → END     an answer in pieces, then work after it

STREAM has the description of a RESULT and no body. A CHUNK is 1 to CHUNK_BYTES bytes of the body. ANSWERED is empty.
END has a description: "held_back" as in a RESULT. FAILURE may come in the place of any of them, and LOG and TEXT
between any two. The server reads no further while the client takes no more: then the run waits in its write.

A LOG is a whole entry of the log. A TEXT is printed text, cut anywhere: the server joins the pieces, and each line of
them is an entry. So the beginning of a line is already there when a run is killed in the middle of it.

runtimes/python/worker.py is the other side for Python. The engines in other languages repeat these constants;
tests/unit/test_protocol_constants.py compares them.
"""

from __future__ import annotations

import json
import struct
from enum import IntEnum

from codeactions.sandbox.descriptors import FRAMES_FD, JOB_FD, PROGRAM_FD

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = [
    "CHUNK_BYTES",
    "FRAMES_FD",
    "HEADER",
    "JOB_FD",
    "LOG_LEVELS",
    "META_LIMIT",
    "MOST_HEADERS",
    "NAME_LIMIT",
    "PIECE_BYTES",
    "PROGRAM_FD",
    "SHORT_TYPES",
    "TEXT_LIMIT",
    "VALUE_LIMIT",
    "Kind",
    "Malformed",
    "Reader",
    "pack",
    "pack_described",
    "unpack_described",
]

HEADER = struct.Struct("!BI")
_PART = struct.Struct("!I")
LOG_LEVELS = ("debug", "info", "warning", "error")
"""The first byte of a LOG or TEXT frame is an index into these. A TEXT is info (standard output) or error."""
META_LIMIT = 64 * 1024
"""Bytes of a RESULT's description, or of a whole FAILURE."""
TEXT_LIMIT = META_LIMIT // 40
"""Characters of a FAILURE's message, and of either end of its traceback: JSON turns each into up to 12 bytes."""
PIECE_BYTES = 512
"""Bytes of a piece of a line that an engine always sends at once.

A smaller one is sent at once as well, until log_bytes / 1024 of them were sent; then it is held back until it has grown
or its line ends. Each frame is work for the server, which counts it as 128 bytes, and a run that prints letter by
letter must not come to its limit by that.
"""
CHUNK_BYTES = 64 * 1024
"""Bytes of a CHUNK."""
MOST_HEADERS = 100
"""Headers of a RESULT."""
NAME_LIMIT = 256
"""Characters of a header's name."""
VALUE_LIMIT = 8192
"""Bytes of a header's value, and of a content type. In a RESULT each byte, of UTF-8, is one character."""
SHORT_TYPES = {
    "text": "text/plain; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "htm": "text/html; charset=utf-8",
    "xhtml": "application/xhtml+xml; charset=utf-8",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "jsonl": "application/x-ndjson",
    "jsonld": "application/ld+json",
    "geojson": "application/geo+json",
    "xml": "application/xml; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "javascript": "text/javascript; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "markdown": "text/markdown; charset=utf-8",
    "yaml": "application/yaml; charset=utf-8",
    "yml": "application/yaml; charset=utf-8",
    "toml": "application/toml; charset=utf-8",
    "ics": "text/calendar; charset=utf-8",
    "vcf": "text/vcard; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
    "atom": "application/atom+xml; charset=utf-8",
    "form": "application/x-www-form-urlencoded",
    "sse": "text/event-stream; charset=utf-8",
    "binary": "application/octet-stream",
    "bin": "application/octet-stream",
    "octet-stream": "application/octet-stream",
    "pdf": "application/pdf",
    "epub": "application/epub+zip",
    "rtf": "application/rtf",
    "zip": "application/zip",
    "gzip": "application/gzip",
    "gz": "application/gzip",
    "bz2": "application/x-bzip2",
    "7z": "application/x-7z-compressed",
    "tar": "application/x-tar",
    "wasm": "application/wasm",
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "tiff": "image/tiff",
    "tif": "image/tiff",
    "svg": "image/svg+xml; charset=utf-8",
    "ico": "image/vnd.microsoft.icon",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
    "mpeg": "video/mpeg",
    "webm": "video/webm",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "ttf": "font/ttf",
    "otf": "font/otf",
}
"""What a content type of one word means. Text has its charset, which is always UTF-8."""


class Kind(IntEnum):
    """The first byte of a frame."""

    JOB = 1
    LOG = 2
    RESULT = 3
    FAILURE = 4
    TEXT = 5
    STREAM = 6
    CHUNK = 7
    ANSWERED = 8
    END = 9


class Malformed(Exception):
    """A run sent something that is not a frame, or a frame over its bound."""


def pack(kind: Kind, *parts: bytes) -> bytes:
    """Return a whole frame."""
    return b"".join((HEADER.pack(kind, sum(map(len, parts))), *parts))


def pack_described(kind: Kind, meta: dict[str, Any], body: bytes, *, ready: bytes = b"") -> bytes:
    """Return a frame of a JSON description and raw bytes (JOB, RESULT, STREAM, END and FAILURE).

    ready: a JSON object whose fields are added to the description, which has some itself.
    """
    description = json.dumps(meta).encode()
    if ready:
        description = description[:-1] + b", " + ready[1:]
    return pack(kind, _PART.pack(len(description)), description, body)


def unpack_described(payload: bytes, limit: int | None = None) -> tuple[dict[str, Any], bytes]:
    """Undo `pack_described`, without the header.

    Raises `Malformed`, also for a description of more than `limit` bytes. What comes from a run always needs a limit:
    megabytes of JSON would take the server seconds and far more memory.
    """
    try:
        (length,) = _PART.unpack_from(payload)
        if limit is not None and length > limit:
            raise Malformed(f"a description of {length} bytes is over {limit}")
        end = _PART.size + length
        if end > len(payload):
            raise Malformed("a description is longer than its frame")
        meta = json.loads(payload[_PART.size : end])
    except (struct.error, ValueError, RecursionError) as error:
        raise Malformed("a description is not JSON") from error
    if not isinstance(meta, dict):
        raise Malformed("a description is not an object")
    return meta, payload[end:]


class Reader:
    """Cuts a run's byte stream into frames, and never holds more than the largest frame allowed.

    bounds: the largest payload, in bytes, of each kind that may come. A kind without a bound is malformed.
    """

    def __init__(self, bounds: dict[Kind, int]) -> None:
        self._bounds = bounds
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """Take more bytes and yield the frames that are complete. Raises `Malformed` at the first that is not one.

        Nothing is taken until the caller iterates; a caller that stops early leaves the rest unread.
        """
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            number, length = HEADER.unpack_from(self._buffer)
            bound = self._bounds.get(number)
            if bound is None:
                raise Malformed(f"unknown frame kind {number}")
            if length > bound:
                raise Malformed(f"a {Kind(number).name} frame of {length} bytes is over {bound}")
            if len(self._buffer) < HEADER.size + length:
                break
            payload = bytes(self._buffer[HEADER.size : HEADER.size + length])
            del self._buffer[: HEADER.size + length]
            yield Kind(number), payload
