"""What stops a migration: an `Error` that also knows the sentence golang-migrate has for it."""

from codeactions.domain.errors import Error, ErrorCode

NIL_VERSION = -1
"""The version of a database in which nothing is applied."""


class MigrationError(Error):
    """A migration cannot begin or go on. No text of it holds a password.

    `message` is one line for people and names the command that helps; the server prints it.
    `tool` is what the command `migrate` prints behind `error: `: the exact text of golang-migrate where
    it has one, since scripts look for it. `hint` is what the command may print below that: `urgent` if a
    human has to decide something, which is then said on a terminal or not.
    """

    def __init__(
        self, code: ErrorCode, message: str, *, tool: str | None = None, hint: str = "", urgent: bool = False
    ) -> None:
        super().__init__(code, message)
        self.tool = message if tool is None else tool
        self.hint = hint
        self.urgent = urgent

    def called(self, program: str) -> "MigrationError":
        """The same with `program` in the commands that the texts name, which are written as `migrate ...`."""

        def named(text: str) -> str:
            return text.replace("`migrate ", f"`{program} ")

        return MigrationError(
            self.code, named(self.message), tool=named(self.tool), hint=named(self.hint), urgent=self.urgent
        )
