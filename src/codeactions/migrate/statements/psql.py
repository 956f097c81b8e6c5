"""Text in a file for psql, such as a dump, that is no SQL."""

import re

from codeactions.migrate.statements import split
from codeactions.migrate.statements.copy_data import BadCopy, Part, separate

_BOM = b"\xef\xbb\xbf"
# pg_dump writes these two lines. They only keep psql from obeying commands within the dump.
_RESTRICTION = re.compile(rb"^\\(?:un)?restrict\b", re.MULTILINE)
_LINE = re.compile(rb"\\(?:un)?restrict\b[^\r\n]*")
_BEFORE = re.compile(rb"(?:\s++|--[^\n\r]*+)*+")
_COMMAND = re.compile(r"\\(?:[A-Za-z]\w*\+?|[!?.])?")
# What to do instead, by the command.
_INSTEAD = {
    **dict.fromkeys(("\\c", "\\connect"), "name the database in the URL, and take the line out"),
    **dict.fromkeys(("\\i", "\\ir", "\\include", "\\include_relative"), "put the text of that file in its place"),
    "\\copy": "put the rows into the file, behind COPY ... FROM stdin; and before a line with `\\.`",
    "\\.": "it only ends the rows of a COPY ... FROM stdin; before it",
}
_TAKE_OUT = "take the line out"
# Characters that look like blanks or quotes, or like nothing at all, and that PostgreSQL takes for letters.
_LOOKALIKES = {
    "\ufeff": "a byte order mark (U+FEFF)",
    "\u200b": "a zero-width space (U+200B)",
    "\u00a0": "a no-break space (U+00A0)",
    "\u202f": "a narrow no-break space (U+202F)",
    "\u2028": "a line separator (U+2028)",
    **dict.fromkeys("\u2018\u2019\u201c\u201d\u201e\u201a", "a typographic quotation mark"),
    **dict.fromkeys("\u2013\u2014\u2212", "a dash that is no minus sign"),
}
_TOKEN = re.compile(r"[^ \t\r\n\f;,()'\"]+")


def for_server(text: bytes) -> bytes:
    """Return a file's text without a byte order mark, and with blanks for pg_dump's `\\restrict` and `\\unrestrict`.

    The blanks keep every other character in its line and column.
    """
    text = text.removeprefix(_BOM)
    if _RESTRICTION.search(text) is None:
        return text
    kept = bytearray(text)
    for part in _parts(text):
        here = 0
        for _, end in split.spans(part.sql):
            # A restriction stands where a statement would begin. Anywhere else it is text.
            while found := _LINE.match(part.sql, _BEFORE.match(part.sql, here).end()):  # type: ignore[union-attr]
                here = found.end()
                kept[part.start + found.start() : part.start + here] = b" " * len(found[0])
            here = end
    return bytes(kept)


def _parts(text: bytes) -> list[Part]:
    try:
        return separate(text)
    except BadCopy:  # which is told when the file is to be sent
        return [Part(text, 0, len(text))]


def advice(query: str, offset: int) -> str:
    """Return what to do about an error at the character `offset` (from 1) of a file; "" if nothing is known."""
    if not 0 < offset <= len(query):
        return ""
    rest, line = query[offset - 1 :], query.count("\n", 0, offset - 1) + 1
    if command := _COMMAND.match(rest):
        name = command[0]
        instead = _INSTEAD.get(name, _TAKE_OUT)
        return f"`{name}` in line {line} is a command of the program psql, and no SQL: {instead}"
    if variable := re.match(r":(?:'\w+'|\"\w+\"|\w+)", rest):
        return f"`{variable[0]}` in line {line} is a variable of the program psql: write its value in its place"
    token = _TOKEN.match(rest)
    odd = next((character for character in (token[0] if token else rest[0]) if character in _LOOKALIKES), None)
    return f"line {line} has {_LOOKALIKES[odd]} in it: type the character again" if odd else ""
