"""Files that bring their own transaction: BEGIN, some statements, COMMIT.

The version can be written inside that transaction. For that, the statements that begin and end it are taken out of the
text, and the transaction around file and version begins with the modes that the file asks for. PostgreSQL runs what
stands before the BEGIN in the same transaction, since a file is sent as one text.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from codeactions.migrate.statements import split

# How many tokens the longest of the statements below can have, all modes given.
_LIMIT = 20
_MODE = (
    r"(?:ISOLATION LEVEL (?:SERIALIZABLE|REPEATABLE READ|READ (?:UN)?COMMITTED)|READ (?:ONLY|WRITE)"
    r"|(?:NOT )?DEFERRABLE)"
)
_MODES = rf"((?: {_MODE}(?: ,(?= [A-Z]))?)*)(?: ;)?"
_BEGIN = rf"(?:BEGIN(?: WORK| TRANSACTION)?|START TRANSACTION){_MODES}"
_COMMIT = r"(?:COMMIT|END)(?: WORK| TRANSACTION)?(?: AND NO CHAIN)?(?: ;)?"
_SET = rf"SET (?:LOCAL |SESSION )?TRANSACTION{_MODES}"
# What else begins or ends a transaction; going back to a savepoint does not. The setting has to come before ours.
_OTHER = (
    r"(?:BEGIN|START TRANSACTION|COMMIT|END|ABORT|PREPARE TRANSACTION ''|ROLLBACK(?! (?:(?:WORK|TRANSACTION) )?TO)"
    r"|SET (?:LOCAL |SESSION )?TRANSACTION(?: SNAPSHOT|_(?:ISOLATION|DEFERRABLE)))(?!\S)"
)
_FIRST = {"ABORT", "BEGIN", "COMMIT", "END", "PREPARE", "ROLLBACK", "SET", "START"}


class OwnTransaction(NamedTuple):
    """The wishes that a file has for its transaction."""

    text: bytes
    """The file with blanks in place of the statements that control the transaction; all else keeps its place."""
    modes: str = ""
    """The modes to begin with, for instance "ISOLATION LEVEL SERIALIZABLE", without READ ONLY and READ WRITE."""
    read_only: bool = False
    begins: bool = False
    """Whether the file has a BEGIN."""
    commits: bool = False
    """Whether the file ends with a COMMIT."""
    begins_first: bool = False
    """Whether the BEGIN is the file's first statement."""


def own_transaction(text: bytes) -> OwnTransaction | None:
    """Return what the file asks of its one transaction. None if it asks nothing, or has more than one transaction.

    The one may have a BEGIN and a COMMIT, which is then the last statement, or one of them, or only modes set at the
    file's beginning. Never raises.
    """
    taken: list[tuple[int, bytes]] = []
    modes = ""
    begins = commits = begins_first = False
    is_first = is_early = True  # no statement yet; none yet that would settle the isolation level
    for start, piece in located(text):
        if commits:
            return None
        words = split.heading(piece, 1)
        if words in _FIRST:
            words = split.heading(piece, _LIMIT)
        if found := re.fullmatch(_BEGIN, words):
            if begins or (found[1] and not is_early):
                return None
            begins, begins_first = True, is_first
        elif re.fullmatch(_COMMIT, words):
            commits = True
        elif is_early and (found := re.fullmatch(_SET, words)):
            pass
        elif re.match(_OTHER, words):
            return None
        else:
            is_first, is_early = False, is_early and words.startswith("SET ")
            continue
        taken.append((start, piece))
        modes += found[1] if found else ""
        is_first = False
    if not taken:
        return None
    return OwnTransaction(_without(text, taken), *_sorted(modes), begins, commits, begins_first)


def located(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Return the statements with their places in the text. Pieces without a statement are left out."""
    start = 0
    for piece in split.pieces(text):
        if split.heading(piece, 1) not in ("", ";"):
            yield start, piece
        start += len(piece)


def _without(text: bytes, taken: list[tuple[int, bytes]]) -> bytes:
    """Put blanks in the place of these statements. Comments stay, and so do the positions that errors name."""
    rest = bytearray(text)
    for start, piece in taken:
        for token in split.tokens(piece):
            rest[start + token.start : start + token.end] = b" " * (token.end - token.start)
    return bytes(rest)


def _sorted(modes: str) -> tuple[str, bool]:
    """Return the modes that stand for themselves, and whether the transaction is read-only. Of each the last counts."""
    found: list[str] = re.findall(_MODE, modes)
    kept = {mode.split()[0 if mode.startswith("I") else -1]: mode for mode in found if not mode.startswith("READ")}
    access = [mode for mode in found if mode.startswith("READ")]
    return ", ".join(kept.values()), access[-1:] == ["READ ONLY"]
