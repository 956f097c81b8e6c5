"""Cutting a migration file into statements, as PostgreSQL's own lexer and psql see them.

Python does one step per `;`, open parenthesis or block word. The text between those is passed over inside one regular
expression that never backtracks, so the time is linear in the size of the file, whatever is in it.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

_NAME_START = rb"[A-Za-z_\x80-\xff]"
_NO_NAME = rb"(?![A-Za-z0-9_$\x80-\xff])"
# A name may hold dollars but not begin with one, so the $ of a$b$c opens nothing, nor does that of $1.
_WORD = _NAME_START + rb"[A-Za-z0-9_$\x80-\xff]*+"
_TAG = rb"(?:" + _NAME_START + rb"[A-Za-z0-9_\x80-\xff]*+)?\$"
# Without the closing quote a string reaches to the end: the server is to report that, so nothing is cut after it.
# A doubled quote needs no rule: it ends one string and begins the next.
_STRING = rb"'[^']*+'?"
_QUOTED_NAME = rb'"[^"]*+"?'
_LINE_COMMENT = rb"--[^\n\r]*+"
# Comments within comments are left to Python.
_FLAT_COMMENT = rb"/\*(?:[^*/]++|\*(?!/)|/(?!\*))*+\*/"
# Parentheses with nothing in them that needs a look (an e before the quote: backslashes may escape).
_FLAT_PARENS = rb"\((?:[^;()'\"$/\-]++|(?<![eE])'[^']*+')*+\)"
_BLANKS = rb"(?:\s|" + _LINE_COMMENT + rb"|" + _FLAT_COMMENT + rb")++"
# E'...': backslashes escape, also in the parts of it that go on after a line break.
_ESCAPED_BODY = rb"'(?:[^'\\]++|\\.|'')*+'?"
_NEXT_LINE = rb"(?:[ \t\f\v]|" + _LINE_COMMENT + rb")*+[\n\r](?:\s|" + _LINE_COMMENT + rb"[\n\r])*+"
_ESCAPED = rb"[eE]" + _ESCAPED_BODY + rb"(?:" + _NEXT_LINE + _ESCAPED_BODY + rb")*+"

# The words that open and close a function body that is not a string. In `AS end` and `t.end` it is a name.
_BLOCK = rb"(?:begin(?=" + _BLANKS + rb"atomic" + _NO_NAME + rb")|(?<!\.)(?:case|end))" + _NO_NAME
_NEXT = re.compile(
    # In the lexer's order: e'...' is a string and not the name e, -- is a comment and not two minus signs.
    rb"(?:[^;()'\"$/\-A-Za-z_\x80-\xff]++|"
    + rb"|".join((_STRING, _QUOTED_NAME, _LINE_COMMENT, _FLAT_COMMENT, _FLAT_PARENS, _ESCAPED))
    + (rb"|as\s++(?:case|end)" + _NO_NAME + rb"|(?!" + _BLOCK + rb")" + _WORD)
    + (rb"|-|/(?!\*)|\$(?!" + _TAG + rb"))*+(;|\(++|\)++|/\*|\$" + _TAG + rb"|" + _BLOCK + rb")"),
    re.IGNORECASE | re.DOTALL,
)
_COMMENT_MARK = re.compile(rb"/\*|\*/")
_TOKEN = re.compile(
    (rb"\s++|" + _LINE_COMMENT + rb"|(?P<comment>/\*)|(?P<dollar>\$" + _TAG + rb")")
    + (rb"|(?P<string>" + _ESCAPED + rb"|(?:" + _STRING + rb")++)|(?P<name>(?:" + _QUOTED_NAME + rb")++)")
    + (rb"|(?P<plain>" + _WORD + rb"|[0-9]++|.)"),
    re.DOTALL,
)
_BOOLEAN = re.compile(rb"'(?:true|false|on|off)'", re.IGNORECASE)
_ROUTINE = re.compile(r"CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE)(?!\S)")
# The blanks of Go's strings.TrimSpace, in UTF-8. Python's strip() takes \x1c to \x1f as well.
_BLANK = re.compile(
    rb"(?:[\t-\r ]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)*+"
)


class Token(NamedTuple):
    """One token, by its place in the text."""

    kind: str
    """`plain` (a word, a number or a sign), `name` (quoted), `string`, or `dollar` (a string in dollar quotes)."""
    start: int
    end: int


def pieces(text: bytes) -> list[bytes]:
    """Cut the file after each `;` that ends a statement. Joined again the pieces are exactly `text`.

    A piece keeps the blanks and comments before its statement. The rest after the last `;` is a piece too, if it is
    not empty. Blank pieces are in the list as well: see `is_blank`. Never raises: `text` need not be valid SQL or
    UTF-8, and with an open string, comment or parenthesis the rest is one piece.
    """
    return [text[start:end] for start, end in spans(text)]


def spans(text: bytes, start: int = 0) -> Iterator[tuple[int, int]]:
    """Yield where each of `pieces` begins and ends, from `start` on. What is not asked for is not looked at."""
    here = start
    parens = blocks = 0
    # Looked up at the first BEGIN ATOMIC: only functions and procedures have bodies with statements in them.
    routine: bool | None = None
    while step := _NEXT.match(text, here):
        token, here = step[1], step.end()
        if token == b";":
            if parens == blocks == 0:
                yield start, here
                start, routine = here, None
        elif token[:1] == b"(":
            parens += len(token)
        elif token[:1] == b")":
            parens = max(parens - len(token), 0)
        elif token[:1] in b"/$":
            here = _end(text, token, here)
        elif parens == 0:
            word = token.lower()
            if routine is None and word == b"begin":
                routine = _ROUTINE.match(heading(text[start:here], 4)) is not None
            blocks = _depth(blocks, word, routine is True)
    if start < len(text):
        yield start, len(text)


def is_blank(piece: bytes) -> bool:
    """Return whether the piece holds only what golang-migrate takes for blanks. A comment is not blank."""
    return _BLANK.fullmatch(piece) is not None


def heading(piece: bytes, limit: int) -> str:
    """Return the first `limit` tokens of a statement, in capitals, with one blank between any two.

    Comments are left out. Quoted text is replaced: a string by `''`, a quoted name by `""`. Only a quoted boolean
    stays, without its quotes, because the value of an option may be written that way.
    """
    found: list[bytes] = []
    for token in islice(tokens(piece), limit):
        text = piece[token.start : token.end]
        if token.kind == "plain":
            found.append(text.upper())
        elif token.kind == "name":
            found.append(b'""')
        else:
            found.append(text[1:-1].upper() if _BOOLEAN.fullmatch(text) else b"''")
    return b" ".join(found).decode("latin-1")


def tokens(piece: bytes) -> Iterator[Token]:
    """Cut a statement, or any SQL, into tokens. Blanks and comments are left out."""
    here = 0
    while step := _TOKEN.match(piece, here):
        kind, here = step.lastgroup, step.end()
        if kind in ("comment", "dollar"):
            here = _end(piece, step[0], here)
        if kind is not None and kind != "comment":
            yield Token(kind, step.start(), here)


def words(piece: bytes) -> list[str]:
    """Return the tokens of a statement: words as they are written, names without their quotes, `''` for a string."""
    found = []
    for token in tokens(piece):
        text = piece[token.start : token.end]
        if token.kind == "name":
            text = text[1:-1].replace(b'""', b'"')
        elif token.kind != "plain":
            text = b"''"
        found.append(text.decode(errors="replace"))
    return found


def _depth(blocks: int, word: bytes, in_routine: bool) -> int:
    """Return how many END are to come after `word`."""
    if word == b"end":
        return max(blocks - 1, 0)
    # Outside a body, CASE is an expression within one statement, and psql does not look at it either.
    opens = in_routine if word == b"begin" else blocks > 0
    return blocks + opens


def _end(text: bytes, mark: bytes, here: int) -> int:
    """Return where the comment or dollar quote ends that `mark` opened just before `here`."""
    if mark != b"/*":
        end = text.find(mark, here)
        return len(text) if end < 0 else end + len(mark)
    depth = 1
    for step in _COMMENT_MARK.finditer(text, here):
        depth += 1 if step[0] == b"/*" else -1
        if depth == 0:
            return step.end()
    return len(text)
