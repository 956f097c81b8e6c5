"""The error for a source that its language does not accept."""

from __future__ import annotations


class InvalidSource(Exception):
    """The language does not accept the source. Raised inside the sandbox, by a build or at the start of a run.

    message: one line. listing: all that the compiler printed. line, column: count from 1; None where unknown.
    """

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None, listing: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.listing = listing
