"""What server and run say to each other over the run's pipes.

One frame is a kind (1 byte), a length (4 bytes, big endian) and that many bytes. The server sends one JOB; the
run sends LOG frames and ends with one RESULT or one FAILURE. Both sides use this module; the server treats every
byte that comes from a run as hostile, so each kind has a bound and anything else ends the run.
"""

from __future__ import annotations

import json
import struct
from enum import IntEnum

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

HEADER = struct.Struct("!BI")
_PART = struct.Struct("!I")
META_LIMIT = 64 * 1024  # bytes of a RESULT's description, or of a whole FAILURE


class Kind(IntEnum):
    """The first byte of a frame."""

    JOB = 1
    LOG = 2
    RESULT = 3
    FAILURE = 4


class Malformed(Exception):
    """A run sent something that is no frame, or one over its bound."""


LOG_LEVELS = ("debug", "info", "error")


def pack(kind: Kind, *parts: bytes) -> bytes:
    """A whole frame."""
    return b"".join((HEADER.pack(kind, sum(map(len, parts))), *parts))


def pack_described(kind: Kind, meta: dict[str, Any], body: bytes) -> bytes:
    """A frame of a JSON description and raw bytes (JOB and RESULT)."""
    description = json.dumps(meta).encode()
    return pack(kind, _PART.pack(len(description)), description, body)


def unpack_described(payload: bytes, limit: int | None = None) -> tuple[dict[str, Any], bytes]:
    """The reverse of `pack_described`, without the header. Raises `Malformed`, also if the description is over `limit`.

    What a run describes always needs a limit: megabytes of JSON would take the server seconds and far more memory.
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
    """Cuts a run's byte stream into frames, without ever holding more than the largest frame allowed.

    bounds: largest payload of each kind that may come; a kind that is not in it is malformed.
    """

    def __init__(self, bounds: dict[Kind, int]) -> None:
        self._bounds = bounds
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """Take more bytes and yield the frames now complete. Raises `Malformed` when it comes to what is none.

        Nothing is taken until the caller iterates; who stops early leaves the rest unread.
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
