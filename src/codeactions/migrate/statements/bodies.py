"""The code in DO statements and procedures: whether it ends transactions, and which procedures it calls."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from codeactions.migrate.statements.names import Name, identifier, name_at, plain, string
from codeactions.migrate.statements.split import Token, tokens

DEFAULT_LANGUAGE = "plpgsql"
# Behind these a statement of PL/pgSQL begins, and before these a COMMIT or ROLLBACK ends. Elsewhere the words are
# names, or a part of ON COMMIT DROP.
_BEFORE = frozenset({"", ";", ">", "BEGIN", "THEN", "ELSE", "LOOP"})
_AFTER = frozenset({";", "AND"})
_ENDING = frozenset({"COMMIT", "ROLLBACK"})
# Other languages have functions with such names: commit(), spi_rollback(). Their comments and strings do not count, as
# far as one rule can tell for all languages.
_CALLED = re.compile(
    r"\"{3}.*?\"{3}|'{3}.*?'{3}|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|(?<![$\w])\#[^\n]*"
    r"|\b(?P<ends>(?:\w+_)?(?:commit|rollback))\b",
    re.DOTALL | re.IGNORECASE,
)


class Body(NamedTuple):
    """A piece of code."""

    language: str
    """As the server calls it."""
    source: str


def body_of_do(statement: bytes) -> Body | None:
    """Return the code of a DO statement; None if it is none, or not a complete one."""
    words = list(tokens(statement))
    if not words or plain(statement, words[0]) != "DO":
        return None
    language, source, before = DEFAULT_LANGUAGE, None, ""
    for token in words[1:]:
        if before == "LANGUAGE":
            language = identifier(statement, token)
        elif token.kind in ("string", "dollar"):
            # Two strings, on two lines, are one.
            source = (source or "") + string(statement, token)
        before = plain(statement, token)
    return None if source is None else Body(language, source)


def called_by(statement: bytes) -> Name | None:
    """Return the procedure of a CALL statement; None if it is none."""
    words = list(tokens(statement))
    return name_at(statement, words[1:]) if words and plain(statement, words[0]) == "CALL" else None


def ends_transactions(body: Body) -> bool:
    """Return whether the code has a COMMIT or ROLLBACK of its own. One in a string or a comment does not count."""
    if body.language != DEFAULT_LANGUAGE:
        return any(found["ends"] for found in _CALLED.finditer(body.source))
    return any(
        plain(text, word) in _ENDING and rest and plain(text, rest[0]) in _AFTER
        for text, word, rest in _statements(body.source)
    )


def calls(body: Body) -> list[Name]:
    """Return the procedures that the code calls. One that is called in another language than PL/pgSQL cannot commit."""
    if body.language != DEFAULT_LANGUAGE:
        return []
    found = [name_at(text, rest) for text, word, rest in _statements(body.source) if plain(text, word) == "CALL"]
    return [name for name in found if name]


def _statements(source: str) -> Iterator[tuple[bytes, Token, list[Token]]]:
    """Return the text, and by statement its first word and the tokens behind that, which may be those of others too."""
    text = source.encode()
    words = list(tokens(text))
    before = ""
    for index, word in enumerate(words):
        if before in _BEFORE and word.kind == "plain" and plain(text, word) in (*_ENDING, "CALL"):
            yield text, word, words[index + 1 : index + 6]
        before = plain(text, word) or "something quoted"
