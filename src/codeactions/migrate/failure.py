"""What stops a migration: an `Error` that also knows the sentence golang-migrate has for it."""

from codeactions.domain.errors import Error, ErrorCode

NIL_VERSION = -1
"""The version of a database in which nothing is applied."""


class MigrationError(Error):
    """A migration cannot begin or go on.

    `message` is one line for people and names the command that helps; the server prints it.
    `tool` is what the command `migrate` prints behind `error: `: the exact text of golang-migrate where
    it has one, since scripts look for it. Neither holds a password.
    """

    def __init__(self, code: ErrorCode, message: str, *, tool: str | None = None) -> None:
        super().__init__(code, message)
        self.tool = message if tool is None else tool
