"""The flags of a command, printed as Go's `flag` package prints them after a mistake."""

from collections.abc import Sequence
from typing import NamedTuple


class Flag(NamedTuple):
    """One flag in the list."""

    name: str
    text: str
    value: str = ""
    """The kind of value it takes; "" if none."""
    default: str = ""
    """The default as it is shown; "" for an empty one, zero or false, which Go does not show."""

    def __str__(self) -> str:
        head = f"  -{self.name} {self.value}".rstrip()
        # Go uses one line less for a flag of one letter that takes no value.
        gap = "\t" if len(head) <= len("  -x") else "\n    \t"
        return head + gap + self.text + (f" (default {self.default})" if self.default else "")


HELP = Flag("help", "Print help information")


def flag_list(flags: Sequence[Flag]) -> str:
    """Return the flags with their meaning, by name, without a final line feed. `-help` ends with it."""
    return "\n".join(str(flag) for flag in sorted(flags, key=lambda flag: flag.name))


def flag_usage(command: str, listed: str) -> str:
    """Return what follows a `FlagError`'s message and what `-h` prints, without a final line feed."""
    return f"Usage of {command}:\n{listed}"
