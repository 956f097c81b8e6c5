"""Identifiers. The server makes them itself, so that no statement waits for the database to assign one."""

import os
import re
import time
from uuid import UUID

from codeactions.domain.errors import Error, ErrorCode

_OLD_ID = re.compile("[0-9a-fA-F]{24}")


class OldId(str):
    """The 24 hexadecimal digits by which the Go service's callers know a code or a run, in small letters."""


AnyId = UUID | OldId
"""An id as a caller gives it."""


def new_id() -> UUID:
    """Make a UUIDv7 (RFC 9562): it sorts by creation time, to the millisecond, and ends in 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76  # version
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant
    return UUID(int=value)


def parse_any_id(text: str, name: str = "id") -> AnyId:
    """Parse an id, which may be an old one. Raises `Error` (invalid) as `parse_id` does."""
    return as_old_id(text) or parse_id(text, name)


def as_old_id(text: str) -> OldId | None:
    """Return the old id that a text is; None if it is none."""
    return OldId(text.lower()) if len(text) == 24 and _OLD_ID.fullmatch(text) else None


def parse_id(text: str, name: str = "id") -> UUID:
    """Parse an id that a caller sent. Raises `Error` (invalid); its message names the field."""
    try:
        found = UUID(text)
        if str(found) == text.lower():  # UUID() also accepts braces, white space and underscores
            return found
    except ValueError:
        pass
    raise Error(ErrorCode.INVALID, f"{name} must be a UUID such as 0190a5d8-7f3c-7cc0-8f00-3a1b2c3d4e5f")
