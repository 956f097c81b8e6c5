"""A source that its language does not take."""

from __future__ import annotations


class InvalidSource(Exception):
    """`message` is one line; `listing` is all that the compiler said. Line and column count from 1, None: unknown."""

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None, listing: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.listing = listing
