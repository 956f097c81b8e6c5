"""The context of a command that needs a database, and the steps that such commands share."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from codeactions.migrate.database import lock
from codeactions.migrate.database.session import Session
from codeactions.migrate.files.directory import Migrations
from codeactions.migrate.terminal.interrupt import Interrupt
from codeactions.migrate.terminal.output import Output

if TYPE_CHECKING:
    from codeactions.migrate.foreign import Owner


class CommandContext(NamedTuple):
    """The command line, the files, the database, and the way to talk to people."""

    words: Sequence[str]
    """The command's arguments, without flags."""
    flags: Mapping[str, str | int | bool]
    """The global flags and the command's own."""
    migrations: Migrations
    session: Session
    output: Output
    interrupt: Interrupt
    lock_timeout: float
    owner: "Owner | None" = None
    """The program whose own database this is. What its version stands for is then looked for."""

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Hold the lock for the block. The block gets False if a signal asks to do nothing.

        On a terminal a line shows how long it waits.
        """

        def waiting(seconds: float) -> None:
            self.output.passing(f"waiting for another migration to end ... {seconds:.0f} s")

        with lock.held(
            self.session.lock,
            self.lock_timeout,
            waiting=waiting,
            stopped=lambda: self.interrupt.requested,
            lost=self.output.warning,
        ) as is_held:
            yield is_held

    @contextmanager
    def lock_with_tables(self) -> Iterator[bool]:
        """Hold the lock as `lock` does, and make the version table and the history if they are missing."""
        with self.lock() as is_held:
            if is_held:
                self.session.table.ensure()
                self.session.history.ensure()
            yield is_held

    def confirm(self, question: str, yes: str, no: str) -> bool:
        """Ask a question and return the answer, printing `yes` or `no`.

        Only a `y` is a yes. The end of the input is a no, and so is Ctrl-C.
        """
        self.output.line(f"{question} [y/N]", "question", question=question)
        try:
            with self.interrupt.asking():
                line = _read_line()
        except (KeyboardInterrupt, OSError, ValueError):  # or it cannot be read
            line = b""
        is_yes = (line.split() or [b""])[0].lower() == b"y"
        self.output.line(yes if is_yes else no, "answer", answer=is_yes)
        return is_yes

    def stopped(self, left: int | None = None, go_on: str = "") -> int:
        """Print what a signal left undone (None: everything) and return the exit code for that.

        `go_on` is the command for the rest.
        """
        what = "before anything was done"
        if left is not None:
            what = f"{left} migration{'s are' if left > 1 else ' is'} left; run `migrate {go_on}` to go on"
        self.output.line(f"Stopped: {what}", "stopped", left=left)
        return int(self.flags.get("exit-stopped", 0))


def _read_line() -> bytes:
    """Read one line of standard input and not a byte more: the rest is for the next reader."""
    if sys.stdin is None:
        return b""
    try:
        descriptor = sys.stdin.fileno()
    except OSError:  # no file is behind it, as when a caller supplies the answer
        return sys.stdin.readline().encode(errors="replace")
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(descriptor, 1)):
        line += byte
    return line
