"""Identifiers that the server makes itself, so that nothing waits for the database to learn one."""

import os
import time
from uuid import UUID

from codeactions.domain.errors import Error, ErrorCode


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): sorts by creation time to the millisecond, 74 random bits after it."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76  # version
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant
    return UUID(int=value)


def parse_id(text: str, name: str = "id") -> UUID:
    """Read an id that a caller sent. Raises `Error` (invalid) that names the field."""
    try:
        found = UUID(text)
        if str(found) == text.lower():  # UUID itself also takes braces, white space and underscores
            return found
    except ValueError:
        pass
    raise Error(ErrorCode.INVALID, f"{name} must be a UUID such as 0190a5d8-7f3c-7cc0-8f00-3a1b2c3d4e5f")
