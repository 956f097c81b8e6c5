"""The data that a file brings for its COPY ... FROM STDIN, as pg_dump writes it: rows up to a line with `\\.`.

psql separates them from the SQL around them and sends them in messages of their own, and so does `migrate`.
"""

import re
from typing import NamedTuple

from codeactions.migrate.statements import split

# Nearly all files have no such word, and are not examined any further.
_HINT = re.compile(rb"\bstdin\b", re.IGNORECASE)
_COPY = re.compile(r"COPY (?:BINARY )?\S+(?: \. \S+)*(?: \( [^()]* \))? FROM STDIN(?!\S)")
# What may stand between the statement and the end of its line.
_REST_OF_LINE = re.compile(rb"(?:[ \t\r\f\v]|--[^\n]*|/\*[^\n]*?\*/)*(?:\n|\Z)")
_END_OF_DATA = re.compile(rb"^\\\.[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
# Tokens: more than the longest list of columns has, and what stands around it.
_LIMIT = 4000


class BadCopy(Exception):
    """A COPY FROM STDIN whose data cannot be found in the file. The message is for people and names the line."""


class Part(NamedTuple):
    """A piece of a file that is sent as one: SQL, and what its last statement reads. Offsets are in bytes."""

    sql: bytes
    start: int
    """The offset of the SQL in the file."""
    end: int
    """The offset behind all of it, also behind the line that ends the data."""
    data: bytes | None = None
    """The rows for the COPY at the end of the SQL, with their line ends; None if there is no such COPY."""
    data_start: int = 0
    """The offset of the rows in the file."""


def separate(text: bytes) -> list[Part]:
    """Cut a file behind the data of each COPY FROM STDIN. A file without any is one part.

    Raises `BadCopy` if data do not end, or do not begin on a line of their own.
    """
    if _HINT.search(text) is None:
        return [Part(text, 0, len(text))]
    parts: list[Part] = []
    here = 0
    while (found := _next_copy(text, here)) is not None:
        begin, line = _REST_OF_LINE.match(text, found), text.count(b"\n", 0, found) + 1
        if begin is None:
            raise BadCopy(f"the line must end behind COPY ... FROM STDIN; in line {line}, since the data come next")
        end = _END_OF_DATA.search(text, begin.end())
        if end is None:
            raise BadCopy(
                f"the data of COPY ... FROM STDIN in line {line} do not end: a line with only `\\.` is missing"
            )
        parts.append(Part(text[here:found], here, end.end(), text[begin.end() : end.start()], begin.end()))
        here = end.end()
    return [*parts, Part(text[here:], here, len(text))] if here < len(text) else parts


def without_data(text: bytes) -> bytes:
    """Return the SQL alone. Raises `BadCopy`."""
    return b"".join(part.sql for part in separate(text))


def with_blank_data(text: bytes) -> bytes:
    """Return the file with blanks in place of its data, so that all else keeps its place. Raises `BadCopy`."""
    return _with_data_of(b" " * len(text), text, separate(text))


def with_data_of(text: bytes, changed: bytes) -> bytes:
    """Return `changed`, which is as long as `text`, with the data of `text` in their place."""
    return _with_data_of(text, changed, separate(text))


def shown(text: bytes) -> bytes:
    """Return the file for messages, with the size of its data in place of them: they may be large, and are private."""
    found = separate(text)
    if len(found) == 1 and found[0].data is None:
        return text
    return b"".join(
        part.sql if part.data is None else part.sql + b"\n(%d bytes of data)\n\\.\n" % len(part.data) for part in found
    )


def _next_copy(text: bytes, start: int) -> int | None:
    """Return the end of the next COPY FROM STDIN from `start` on; None if there is none."""
    for begin, end in split.spans(text, start):
        # The first word is looked at first, since a statement may be long.
        if split.heading(text[begin:end], 1) == "COPY" and _COPY.match(split.heading(text[begin:end], _LIMIT)):
            return end
    return None


def _with_data_of(source: bytes, text: bytes, parts: list[Part]) -> bytes:
    rest = bytearray(text)
    for part in parts:
        if part.data is not None:
            behind = part.start + len(part.sql)
            rest[behind : part.end] = source[behind : part.end]
    return bytes(rest)
