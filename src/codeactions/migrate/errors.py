"""The error that ends a migration, with golang-migrate's sentence for it."""

from enum import StrEnum


class ErrorCode(StrEnum):
    """The kind of an error, as `-json` prints it."""

    INVALID = "invalid"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    INTERNAL = "internal"


class MigrationError(Exception):
    """The reason why a migration cannot begin or go on. None of its texts holds a password.

    `message` is one line for people and names the command that helps; the server prints it. `go_text` is what the
    command `migrate` prints after `error: `. It is golang-migrate's exact text where golang-migrate has one, because
    scripts look for it. `hint` is what the command may print below that. An `urgent` hint asks a human for a decision,
    so it is printed whether or not there is a terminal.
    """

    def __init__(
        self, code: ErrorCode, message: str, *, go_text: str | None = None, hint: str = "", urgent: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.go_text = message if go_text is None else go_text
        self.hint = hint
        self.urgent = urgent

    def renamed(self, program: str) -> "MigrationError":
        """Return a copy that calls the command `program`: the texts are written with `migrate ...`."""

        texts = (self.message, self.go_text, self.hint)
        message, go_text, hint = (renamed(text, program) for text in texts)
        return MigrationError(self.code, message, go_text=go_text, hint=hint, urgent=self.urgent)


def renamed(text: str, program: str) -> str:
    """Return a text that is written with `migrate ...` with `program` as the name of the command."""
    return text.replace("`migrate ", f"`{program} ").replace("`migrate`", f"`{program}`")


def invalid(message: str) -> MigrationError:
    """Return the error for a request that cannot be carried out; `message` is golang-migrate's text too."""
    return MigrationError(ErrorCode.INVALID, message)


def sentence(text: str) -> str:
    """Return `text` with a capital letter and a full stop, as a hint is printed."""
    return f"{text[0].upper()}{text[1:]}."
