"""Secrets and variables: the named values of a project, which its runs are given."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

from codeactions.domain.draft import UNSET, Draft, Unset
from codeactions.domain.errors import Error, ErrorCode, invalid, not_found
from codeactions.domain.ids import parse_id
from codeactions.domain.rules import Text, TextRule
from codeactions.domain.secret_forms import LEAST_BYTES
from codeactions.domain.text import SHORT_TEXT, require_storable

VALUE_LIMIT = 64 * 1024
"""Bytes of a value."""
MOST_VALUES = 200
"""Secrets and variables of a project."""
TOTAL_LIMIT = 512 * 1024
"""Bytes of all values of a project."""
ENCRYPTION_BYTES = 37
"""Bytes by which an encrypted secret is longer than the secret: identity/cipher.py has its form."""
_MOST_CODES = 100


class ValueKind(StrEnum):
    """The two kinds of values; the closed set of `project_values.kind`."""

    SECRET = "secret"  # noqa: S105 - a kind, no secret
    """A value that is stored encrypted, and never shown again."""
    VARIABLE = "variable"
    """A value that every member of the project can read."""


@dataclass(frozen=True, slots=True)
class _Value(TextRule):
    """A value: any text without U+0000, which no environment variable can hold."""

    def check(self, value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise invalid(f"{name} must be text")
        if value == "":
            raise invalid(f"{name} must not be empty")
        size = len(require_storable(value, name).encode())
        if size > VALUE_LIMIT:
            raise Error(ErrorCode.TOO_LARGE, f"{name} must have at most {VALUE_LIMIT} bytes, not {size}")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "description": f"At most {VALUE_LIMIT} bytes of UTF-8"}


@dataclass(frozen=True, slots=True)
class _CodeIds:
    """The codes that get a value."""

    def check(self, value: Any, name: str) -> tuple[UUID, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise invalid(f"{name} must be a list of ids of codes, or null for every code of the project")
        if len(value) > _MOST_CODES:
            raise invalid(f"{name} must have at most {_MOST_CODES} ids, not {len(value)}")
        found = [one if isinstance(one, UUID) else parse_id(str(one), f"each of {name}") for one in value]
        return tuple(dict.fromkeys(found))

    def parse(self, text: str, name: str) -> Any:
        return text.split(",")

    def json_schema(self) -> dict[str, Any]:
        description = "The codes that get it. Without it, or null: every code of the project"
        items = {"type": "string", "format": "uuid"}
        return {"type": "array", "items": items, "minItems": 1, "maxItems": _MOST_CODES, "description": description}


_ProjectUuid = Annotated[str, Text(SHORT_TEXT)]
_Name = Annotated[str, Text(SHORT_TEXT, "The name under which the code finds it")]
_ValueText = Annotated[str, _Value()]
_Codes = Annotated[tuple[UUID, ...], _CodeIds()]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectValue:
    """A secret or a variable as it is listed.

    size: bytes of the value. plain: the value of a variable; a secret has None. code_ids: the codes that get it; None:
    every code of the project.
    """

    id: UUID
    project_uuid: str
    name: str
    kind: ValueKind
    size: int
    plain: str | None
    code_ids: tuple[UUID, ...] | None
    created_at: datetime
    updated_at: datetime

    @property
    def is_masked(self) -> bool:
        """Whether the record of runs shows *** in its place."""
        return self.kind is ValueKind.SECRET and self.size >= LEAST_BYTES


@dataclass(frozen=True, slots=True)
class ProjectUse:
    """The values that a project has already: their number and their bytes."""

    number: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueDraft(Draft):
    """A secret or a variable to be made. `value` is not in its text."""

    noun: ClassVar[str] = "a secret or a variable"
    project_uuid: _ProjectUuid
    name: _Name
    value: _ValueText
    code_ids: _Codes | None = None

    def __repr__(self) -> str:
        return f"<ValueDraft of {self.name!r} in {self.project_uuid!r}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueChange(Draft):
    """A change of a secret or a variable. `code_ids` None gives it to every code of the project."""

    noun: ClassVar[str] = "a change of a secret or a variable"
    value: _ValueText | Unset = UNSET
    code_ids: _Codes | Unset | None = UNSET

    def __repr__(self) -> str:
        return f"<ValueChange of {' and '.join(self.given())}>"


def require_change(change: ValueChange) -> None:
    """Check that a change changes something. Raises `Error` (invalid)."""
    if not change.given():
        raise invalid("nothing to change: give value, code_ids, or both; the name is fixed")


def require_room(use: ProjectUse, project_uuid: str) -> None:
    """Check that a project may have its values. Raises `Error` (conflict)."""
    if use.number > MOST_VALUES:
        raise Error(
            ErrorCode.CONFLICT,
            f"project {project_uuid} has {MOST_VALUES} secrets and variables, the most it may have: delete one first",
        )
    if use.size > TOTAL_LIMIT:
        raise Error(
            ErrorCode.CONFLICT,
            f"the secrets and variables of project {project_uuid} would have {use.size} bytes; {TOTAL_LIMIT} are the "
            "most: delete one first",
        )


def require_codes(wanted: Iterable[UUID], found: Iterable[UUID], project_uuid: str) -> None:
    """Check that the codes of a value are in its project. Raises `Error` (invalid) that names one that is not."""
    there = set(found)
    for code_id in wanted:
        if code_id not in there:
            raise invalid(f"code_ids: there is no code {code_id} in project {project_uuid}")


def value_not_found(kind: ValueKind, value_id: object) -> Error:
    """Return the error for a secret or a variable that does not exist, or that the caller may not know of."""
    return not_found(f"there is no {kind} {value_id}")
