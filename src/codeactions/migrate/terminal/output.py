"""The command's output: golang-migrate's lines on standard error, or JSON on standard output."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from codeactions.migrate.errors import MigrationError, renamed
from codeactions.migrate.terminal.streams import Streams


class Output:
    """The output of one run. Every line is one `event`, in words or as a JSON object.

    May be used from several threads and from signal handlers. Text that cannot be written is dropped: see `Streams`.
    """

    def __init__(self, program: str = "migrate", *, verbose: bool = False, as_json: bool = False) -> None:
        """`program` is the name under which people call this command; texts that name it say `migrate`."""
        self._program = program
        self._streams = Streams()
        self.verbose = verbose
        self.as_json = as_json

    @property
    def is_terminal(self) -> bool:
        """Whether a human reads the output."""
        return not self.as_json and sys.stderr is not None and sys.stderr.isatty()

    def line(self, text: str, event: str, **fields: Any) -> None:
        """Print `text`, or as JSON the event with its fields (JSON values)."""
        if self.as_json:
            self._print(_as_json({"event": event, **fields}), to_stdout=True)
        else:
            self._say(text)

    def detail(self, text: str) -> None:
        """Print `text` only with -verbose."""
        if self.verbose and not self.as_json:
            self._say(text)

    def passing(self, text: str) -> None:
        """Show `text` on a terminal until the next line is printed."""
        if self.is_terminal:
            self._streams.put(text, passing=True)

    def result(self, text: str, document: Mapping[str, Any]) -> None:
        """Print the result of a command that golang-migrate does not have, on standard output."""
        self._print(_as_json(document) if self.as_json else text, to_stdout=True)

    def help(self, text: str) -> None:
        """Print an answer to the command line itself, unchanged, on standard error."""
        self._streams.put(text + "\n")

    def warning(self, text: str) -> None:
        """Print something that a human should know and that stops nothing."""
        self.line(f"warning: {text}", "warning", message=text)

    def error(self, error: MigrationError) -> None:
        """Print the error as golang-migrate does, and below it the hint.

        Without a terminal, where programs compare texts, the hint is printed only if a human has to decide something.
        """
        fields = {"hint": error.hint} if error.hint else {}
        self.line(f"error: {error.go_text}", "error", code=error.code.value, message=error.message, **fields)
        if error.hint and not self.as_json and (error.urgent or self.is_terminal):
            self._say(error.hint)

    def _say(self, text: str) -> None:
        stamp = time.strftime("%Y/%m/%d %H:%M:%S ") if self.verbose else ""
        self._print(stamp + text)

    def _print(self, text: str, *, to_stdout: bool = False) -> None:
        text = renamed(text, self._program)
        self._streams.put(text if text.endswith("\n") else text + "\n", to_stdout=to_stdout)


def _as_json(document: Mapping[str, Any]) -> str:
    from json import dumps  # which text output has no use for

    return dumps(document)
