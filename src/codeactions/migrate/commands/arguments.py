"""Numbers among a command's arguments."""

import re
from collections.abc import Sequence

from codeactions.migrate.errors import invalid
from codeactions.migrate.versions import MAX_VERSION


def limit(words: Sequence[str]) -> int | None:
    """Return the argument N; None without one. Raises `MigrationError` (invalid).

    The Go tool takes numbers from 2^63 on for "all". Here they are an error.
    """
    if not words:
        return None
    number = unsigned(words[0])
    if number is None:
        raise invalid("can't read limit argument N")
    return number


def unsigned(word: str) -> int | None:
    """Return an unsigned decimal of at most 63 bits, with any count of zeros before it; None for any other word."""
    digits = re.fullmatch("0*([0-9]{1,19})", word)
    number = int(digits[1]) if digits else MAX_VERSION + 1
    return number if number <= MAX_VERSION else None
