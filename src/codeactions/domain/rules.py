"""Rules of fields. Each is told once, for the check of a value and for its JSON Schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from codeactions.domain.errors import invalid
from codeactions.domain.text import require_text

_MOST_DIGITS = 9  # of a whole number in a query parameter: more than any bound here has


@runtime_checkable
class Rule(Protocol):
    """The rule of a field's value. Fields carry their rule as `Annotated[type, rule]` (see `draft.py`)."""

    def check(self, value: Any, name: str) -> Any:
        """Return the value as it is stored. Raises `Error` (invalid, too_large) that names the field."""

    def parse(self, text: str, name: str) -> Any:
        """Return the value that a query parameter means, still to be checked. Raises `Error` (invalid)."""

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values that are taken."""


class TextRule:
    """Base of rules for values that are text: a query parameter holds the value as it stands."""

    def parse(self, text: str, name: str) -> Any:
        """Return the text."""
        return text


@dataclass(frozen=True, slots=True)
class Text(TextRule):
    """Text that is not only white space, of `longest` characters at most."""

    longest: int
    description: str = ""

    def check(self, value: Any, name: str) -> str:
        """Return the text. Raises `Error` (invalid)."""
        return require_text(value, name, self.longest)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        return described({"type": "string", "minLength": 1, "maxLength": self.longest}, self.description)


@dataclass(frozen=True, slots=True)
class OptionalText(TextRule):
    """Text of `longest` characters at most; an empty one is none."""

    longest: int
    description: str = ""

    def check(self, value: Any, name: str) -> str | None:
        """Return the text; None for an empty one. Raises `Error` (invalid)."""
        return None if value == "" else require_text(value, name, self.longest)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        return described({"type": "string", "maxLength": self.longest}, self.description)


@dataclass(frozen=True, slots=True)
class OneOf(TextRule):
    """One of a few words."""

    words: tuple[str, ...]

    def check(self, value: Any, name: str) -> str:
        """Return the word. Raises `Error` (invalid)."""
        if value not in self.words:
            raise invalid(f"{name} must be one of {', '.join(self.words)}")
        return str(value)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        return {"type": "string", "enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """A whole number from `least` to `most`; `unit` follows it in messages, such as " of seconds"."""

    least: int
    most: int
    unit: str = ""
    description: str = ""

    def check(self, value: Any, name: str) -> int:
        """Return the number. Raises `Error` (invalid)."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value <= self.most:
            raise invalid(f"{name} must be a whole number{self.unit} from {self.least} to {self.most}")
        return value

    def parse(self, text: str, name: str) -> Any:
        """Return the number. Text that is none is returned as it is, for `check` to refuse."""
        found = as_whole_number(text)
        return text if found is None else found

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        return described({"type": "integer", "minimum": self.least, "maximum": self.most}, self.description)


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    description: str = ""

    def check(self, value: Any, name: str) -> bool:
        """Return the value. Raises `Error` (invalid)."""
        if not isinstance(value, bool):
            raise invalid(f"{name} must be true or false")
        return value

    def parse(self, text: str, name: str) -> Any:
        """Return the value. Text that is neither is returned as it is, for `check` to refuse."""
        return {"true": True, "false": False}.get(text.strip().lower(), text)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        return described({"type": "boolean"}, self.description)


def as_whole_number(text: str) -> int | None:
    """Return the number that a text holds; None if it holds none."""
    digits = text.strip().removeprefix("-").removeprefix("+")
    if digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS:
        return -int(digits) if text.strip().startswith("-") else int(digits)
    return None


def described(schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    """Return a JSON Schema with its description, if there is one."""
    return {**schema, "description": description} if description else dict(schema)
