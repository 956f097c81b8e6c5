"""Command line words by the rules of Go's `flag` package, which is what scripts for `migrate` rely on."""

import re
from collections.abc import Mapping, Sequence
from enum import Enum

from codeactions.migrate.go_compat.booleans import FALSE, TRUE

# Digits: more than any number in 64 bits has, with a sensible count of zeros before it.
_LONGEST = 200


class Kind(Enum):
    """The kind of value that a flag takes."""

    TEXT = "text"
    UNSIGNED = "unsigned"
    INTEGER = "integer"
    BOOLEAN = "boolean"


class HelpWanted(Exception):
    """The flag `-h`. Go answers it as soon as it is read, whatever else is on the line."""


class FlagError(Exception):
    """A word that makes no sense. The message is Go's; the usage and exit code 2 follow it."""


def parse(words: Sequence[str], known: Mapping[str, Kind]) -> tuple[dict[str, str | int | bool], list[str]]:
    """Return the values of the flags, and the words from the first one on that is no flag.

    `-x` and `--x` are the same, and so are `-x=v` and `-x v`. A lone `--` ends the flags. The last value of a repeated
    flag wins. Raises `FlagError`, and `HelpWanted` at a `-h`.
    """
    values: dict[str, str | int | bool] = {}
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        name, equals, value = word.removeprefix("-").removeprefix("-").partition("=")
        if not name or name.startswith("-"):
            raise FlagError(f"bad flag syntax: {word}")
        kind = known.get(name)
        if name == "h":
            raise HelpWanted
        if kind is None:
            raise FlagError(f"flag provided but not defined: -{name}")
        if kind is Kind.BOOLEAN:
            values[name] = _boolean(name, value) if equals else True
            continue
        if not equals:
            if not rest:
                raise FlagError(f"flag needs an argument: -{name}")
            value = rest.pop(0)
        values[name] = value if kind is Kind.TEXT else _number(name, value, kind)
    return values, rest


def _boolean(name: str, value: str) -> bool:
    if value in TRUE or value in FALSE:
        return value in TRUE
    raise FlagError(f"invalid boolean value {_quoted(value)} for -{name}: parse error")


def _number(name: str, value: str, kind: Kind) -> int:
    sign, digits = "", value
    if kind is Kind.INTEGER and value.startswith(("+", "-")):
        sign, digits = value[0], value[1:]
    # Base by prefix; a leading 0 alone is octal, which Python's own base 0 refuses.
    text = re.sub(r"^0(?=[0-7_])", "0o", digits)
    if not re.fullmatch(r"(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9][0-9_]*)", text):
        raise FlagError(f"invalid value {_quoted(value)} for flag -{name}: parse error")
    if len(text) > _LONGEST:
        raise FlagError(f"invalid value {_quoted(value)} for flag -{name}: value out of range")
    try:
        number = int(sign + text, 0)
    except ValueError:
        raise FlagError(f"invalid value {_quoted(value)} for flag -{name}: parse error") from None
    lowest, highest = (-(2**63), 2**63 - 1) if kind is Kind.INTEGER else (0, 2**64 - 1)
    if not lowest <= number <= highest:
        raise FlagError(f"invalid value {_quoted(value)} for flag -{name}: value out of range")
    return number


def _quoted(value: str) -> str:
    # Imported here, because mistakes are rare and every import costs time.
    from codeactions.migrate.go_compat.quoting import quoted

    return quoted(value)
