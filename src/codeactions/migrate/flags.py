"""Command line words by the rules of Go's `flag` package, which is what scripts for `migrate` rely on."""

import re
from collections.abc import Mapping, Sequence
from enum import Enum

TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


class Kind(Enum):
    """What a flag takes."""

    TEXT = "text"
    UNSIGNED = "unsigned"
    BOOLEAN = "boolean"


class FlagError(Exception):
    """A word that cannot be understood; the message is Go's. To be followed by the usage and exit code 2."""


def parse(words: Sequence[str], known: Mapping[str, Kind]) -> tuple[dict[str, str | int | bool], list[str]]:
    """The flags that were given, and the words from the first one on that is none.

    `-x` and `--x` are the same; `-x=v` or `-x v`; a lone `--` ends the flags; the last of a repeated one
    wins.
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
        if kind is None:
            raise FlagError(f"flag provided but not defined: -{name}")
        if kind is Kind.BOOLEAN:
            values[name] = _boolean(name, value) if equals else True
            continue
        if not equals:
            if not rest:
                raise FlagError(f"flag needs an argument: -{name}")
            value = rest.pop(0)
        values[name] = value if kind is Kind.TEXT else _unsigned(name, value)
    return values, rest


def _boolean(name: str, value: str) -> bool:
    if value in TRUE or value in FALSE:
        return value in TRUE
    raise FlagError(f'invalid boolean value "{value}" for -{name}: parse error')


def _unsigned(name: str, value: str) -> int:
    # Base by prefix; a leading 0 alone is octal, which Python's own base 0 refuses.
    text = re.sub(r"^0(?=[0-7_])", "0o", value)
    if not re.fullmatch(r"(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9][0-9_]*)", text):
        raise FlagError(f'invalid value "{value}" for flag -{name}: parse error')
    try:
        number = int(text, 0)
    except ValueError:
        raise FlagError(f'invalid value "{value}" for flag -{name}: parse error') from None
    if number >= 2**64:
        raise FlagError(f'invalid value "{value}" for flag -{name}: value out of range')
    return number
