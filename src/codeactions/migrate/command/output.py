"""What the command prints: golang-migrate's lines on standard error, or JSON on standard output."""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

from codeactions.domain.errors import Error
from codeactions.migrate.command.streams import Streams
from codeactions.migrate.failure import MigrationError


class Output:
    """One run's output. Every line is one `event`, in words or as a JSON object, never both.

    It may be used from several threads and from signal handlers. What cannot be written is dropped: see `Streams`.
    """

    def __init__(self, program: str = "migrate", *, verbose: bool = False, as_json: bool = False) -> None:
        """`program` is how people call this command; texts that name it say `migrate`."""
        self._program = program
        self._streams = Streams()
        self.verbose = verbose
        self.as_json = as_json

    @property
    def is_terminal(self) -> bool:
        """Whether a human looks on."""
        return not self.as_json and sys.stderr is not None and sys.stderr.isatty()

    def line(self, text: str, event: str, **fields: Any) -> None:
        """Say `text`, or the event with its fields (JSON values)."""
        if self.as_json:
            self._print(json.dumps({"event": event, **fields}), to_stdout=True)
        else:
            self._say(text)

    def detail(self, text: str) -> None:
        """Say `text` only if asked to be verbose."""
        if self.verbose and not self.as_json:
            self._say(text)

    def passing(self, text: str) -> None:
        """Show `text` on a terminal until the next line is printed."""
        if self.is_terminal:
            self._streams.put(text, passing=True)

    def result(self, text: str, document: Mapping[str, Any]) -> None:
        """Print what a command of our own was asked for, on standard output."""
        self._print(json.dumps(document) if self.as_json else text, to_stdout=True)

    def help(self, text: str) -> None:
        """Print what answers the command line itself: always as it is, on standard error."""
        self._streams.put(text + "\n")

    def warning(self, text: str) -> None:
        """Something that a human should know and that stops nothing."""
        self.line(f"warning: {text}", "warning", message=text)

    def error(self, error: Error) -> None:
        """Why it stops here: what golang-migrate prints, and below it what helps, where that is called for.

        On a terminal always; for a program that compares texts only if a human has to decide something.
        """
        hint, urgent, tool = "", False, error.message
        if isinstance(error, MigrationError):
            hint, urgent, tool = error.hint, error.urgent, error.tool
        fields = {"hint": hint} if hint else {}
        self.line(f"error: {tool}", "error", code=error.code.value, message=error.message, **fields)
        if hint and not self.as_json and (urgent or self.is_terminal):
            self._say(hint)

    def _say(self, text: str) -> None:
        stamp = time.strftime("%Y/%m/%d %H:%M:%S ") if self.verbose else ""
        self._print(stamp + text)

    def _print(self, text: str, *, to_stdout: bool = False) -> None:
        text = text.replace("`migrate ", f"`{self._program} ")
        self._streams.put(text if text.endswith("\n") else text + "\n", to_stdout=to_stdout)
