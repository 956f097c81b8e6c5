"""Drafts and changes: what a caller asks to be stored, checked field by field as soon as it is made.

A subclass is a frozen dataclass whose fields carry their rule: `name: Annotated[str, Text(255)]`. A field without a
default is required. A field of a change has the default `UNSET`: it was not given, which is not the same as None.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from types import NoneType
from typing import Annotated, Any, ClassVar, Final, Self, get_args, get_origin, get_type_hints

from codeactions.domain.errors import invalid
from codeactions.domain.rules import Rule


class Unset(Enum):
    """The type of `UNSET`, which marks a field that was not given."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET


@dataclass(frozen=True, slots=True)
class FieldRule:
    """The rule of one field, whether it may be None, and whether it must be given."""

    rule: Rule
    nullable: bool
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Base of drafts and changes. Making one raises `Error` (invalid, too_large) that names the first wrong field.

    noun: what it is a draft of, for messages.
    """

    noun: ClassVar[str]

    def __post_init__(self) -> None:
        for name, field in field_rules(type(self)).items():
            value = getattr(self, name)
            if value is not UNSET and not (value is None and field.nullable):
                object.__setattr__(self, name, field.rule.check(value, name))

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Self:
        """Make a draft of values by name. Raises `Error` (invalid), also for an unknown or missing field."""
        rules = field_rules(cls)
        for name in given:
            if name not in rules:
                raise invalid(f"unknown field {name[:64]!r}; {cls.noun} has {', '.join(rules) or 'no further ones'}")
        for name, field in rules.items():
            if field.required and given.get(name) is None:
                raise invalid(f"{name} is missing")
        return cls(**given)

    def given(self) -> dict[str, Any]:
        """Return the fields that were given, by name."""
        values = {name: getattr(self, name) for name in field_rules(type(self))}
        return {name: value for name, value in values.items() if value is not UNSET}

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of an object with these fields."""
        rules = field_rules(cls)
        properties = {name: _nullable(field) for name, field in rules.items()}
        schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        if required := [name for name, field in rules.items() if field.required]:
            schema["required"] = required
        return schema


_FIELD_RULES: dict[type[Draft], Mapping[str, FieldRule]] = {}


def field_rules(draft: type[Draft]) -> Mapping[str, FieldRule]:
    """Return the rules of a draft's fields by name, in the order in which they are declared."""
    found = _FIELD_RULES.get(draft)
    if found is None:
        found = _FIELD_RULES[draft] = _read_rules(draft)
    return found


def _read_rules(draft: type[Draft]) -> Mapping[str, FieldRule]:
    hints = get_type_hints(draft, include_extras=True)
    return {
        field.name: FieldRule(
            rule=_rule_in(hints[field.name]),
            nullable=NoneType in get_args(hints[field.name]),
            required=field.default is MISSING and field.default_factory is MISSING,
        )
        for field in fields(draft)
    }


def _rule_in(hint: Any) -> Rule:
    """Return the rule in `Annotated[T, rule]`, or in a union with it."""
    if get_origin(hint) is Annotated:
        for extra in get_args(hint)[1:]:
            if isinstance(extra, Rule):
                return extra
    for part in get_args(hint):
        if get_origin(part) is Annotated:
            return _rule_in(part)
    raise TypeError(f"{hint} has no rule")


def _nullable(field: FieldRule) -> dict[str, Any]:
    schema = field.rule.json_schema()
    return {**schema, "type": [schema["type"], "null"]} if field.nullable else schema
