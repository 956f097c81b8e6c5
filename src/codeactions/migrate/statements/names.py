"""Names and strings of SQL, read as the server reads them."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from codeactions.migrate.statements.split import Token

# The server cuts longer names, in bytes.
_LONGEST = 63
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Name(NamedTuple):
    """The name of a procedure, a table or an index."""

    schema: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


def name_at(text: bytes, found: Sequence[Token]) -> Name | None:
    """Return the name with which these tokens begin; None if they begin with something else.

    In `database.schema.name` the database can only be the current one.
    """
    parts: list[str] = []
    for index, token in enumerate(found):
        is_dot = plain(text, token) == "."
        if is_dot != (index % 2 == 1) or token.kind not in ("plain", "name"):
            break
        if not is_dot:
            parts.append(identifier(text, token))
    return Name(parts[-2] if len(parts) > 1 else None, parts[-1]) if parts else None


def plain(text: bytes, token: Token) -> str:
    """Return an unquoted word or a sign, in capitals; "" for what is quoted."""
    return _decoded(text, token).upper() if token.kind == "plain" else ""


def identifier(text: bytes, token: Token) -> str:
    """Return a name as the server keeps it. Some, as that of a language, may be written as a string."""
    raw = _decoded(text, token)
    if token.kind == "name":
        raw = raw[1:-1].replace('""', '"')
    elif token.kind == "plain":
        # Not lower(), which changes other letters too.
        raw = re.sub("[A-Z]+", lambda found: found[0].lower(), raw)
    else:
        raw = string(text, token)
    return raw.encode()[:_LONGEST].decode(errors="ignore")


def string(text: bytes, token: Token) -> str:
    """Return the content of a string."""
    raw = _decoded(text, token)
    if token.kind == "dollar":
        size = raw.index("$", 1) + 1
        return raw[size:-size]
    if raw[:1] not in "eE":
        return raw[1:-1].replace("''", "'")
    # It may go on in a later line.
    content = re.sub(r"(?<!')'[ \t]*[\r\n]\s*'(?!')", "", raw[1:])[1:-1].replace("''", "'")
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), content, flags=re.DOTALL)


def _decoded(text: bytes, token: Token) -> str:
    return text[token.start : token.end].decode(errors="replace")
