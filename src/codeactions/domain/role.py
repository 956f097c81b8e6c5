"""The roles of a project. They are ordered: each role has all the rights of the lower ones."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from codeactions.domain.errors import Error, invalid
from codeactions.domain.rules import as_whole_number


class Role(IntEnum):
    """A role in a project. Its number is the value in the tables."""

    VIEWER = 1
    CONTRIBUTOR = 2
    MODERATOR = 3

    @property
    def title(self) -> str:
        """The role's name for people, in lower case."""
        return self.name.lower()


_NUMBERS = frozenset(int(role) for role in Role)
_ONE_OF_THEM = "must be 1 (viewer), 2 (contributor) or 3 (moderator)"


@dataclass(frozen=True, slots=True)
class RoleRule:
    """A role: in a body its number or its name, in a query parameter its number."""

    def check(self, value: Any, name: str) -> Role:
        """Return the role. Raises `Error` (invalid)."""
        return parse_role(value)

    def parse(self, text: str, name: str) -> Any:
        """Return the role's number. Raises `Error` (invalid)."""
        found = as_whole_number(text)
        if found is None:
            raise no_role()
        return found

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        titles = ", ".join(f"{role.value} {role.title}" for role in Role)
        return {"type": "integer", "minimum": int(min(Role)), "maximum": int(max(Role)), "description": titles}


def parse_role(value: Any) -> Role:
    """Return the role of a number or a name. Raises `Error` (invalid)."""
    if isinstance(value, str):
        found = next((role for role in Role if value.strip().lower() in (role.title, str(role.value))), None)
    else:
        found = next(
            (role for role in Role if isinstance(value, int) and not isinstance(value, bool) and value == role), None
        )
    if found is None:
        raise no_role()
    return found


def known_role(value: object) -> Role | None:
    """Return the role that a stored number is; None for any other, which is shown and gives no right."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return Role(value) if is_number and value in _NUMBERS else None


def role_title(value: object) -> str:
    """Return a stored role for people: its name, or the number of one that is unknown."""
    role = known_role(value)
    return role.title if role else f"unknown ({value})"


def no_role() -> Error:
    """Return the error for a role that is wrong."""
    return invalid(f"role {_ONE_OF_THEM}")


def missing_role() -> Error:
    """Return the error for a role that is needed and was not given."""
    return invalid(f"role is missing: it {_ONE_OF_THEM}")
