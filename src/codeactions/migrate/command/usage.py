"""The flags of each command, printed as Go's `flag` package prints them after a mistake."""

from typing import NamedTuple


class Flag(NamedTuple):
    """One line of the list."""

    name: str
    text: str
    value: str = ""
    """What kind of value it takes; "" if none."""
    default: str = ""
    """As it is shown; "" if the default is nothing, zero or false, which Go does not show."""

    def __str__(self) -> str:
        head = f"  -{self.name} {self.value}".rstrip()
        # Go saves a line for a flag of one letter that takes no value.
        gap = "\t" if len(head) <= len("  -x") else "\n    \t"
        return head + gap + self.text + (f" (default {self.default})" if self.default else "")


HELP = Flag("help", "Print help information")
# Those of golang-migrate; every command has HELP besides.
FLAGS = {
    "create": (
        Flag("digits", "The number of digits to use in sequences (default: 6)", "int", "6"),
        Flag("dir", "The folder for the files, made if it is missing (default: the current one)", "string"),
        Flag("ext", "File extension", "string"),
        Flag(
            "format",
            "The version as a layout of Go's time package, or unix or unixNano for the seconds or nanoseconds since "
            "1970. No layout is an error: what Go does not know in it is printed as it is",
            "string",
            '"20060102150405"',
        ),
        Flag("seq", "Number the files, one more than the largest number there, in place of the time"),
        Flag("tz", "The time zone of the version", "string", '"UTC"'),
    ),
    "down": (Flag("all", "Apply all down migrations"),),
    "drop": (Flag("f", "Force the drop command by bypassing the confirmation prompt"),),
}


def flag_list(command: str) -> str:
    """The flags of a command with their meaning, by name; no line feed at the end. What `-help` ends with."""
    return "\n".join(str(flag) for flag in sorted((*FLAGS.get(command, ()), HELP), key=lambda flag: flag.name))


def flag_usage(command: str) -> str:
    """What follows the message of a `FlagError`, and all that `-h` prints; no line feed at the end."""
    return f"Usage of {command}:\n{flag_list(command)}"
