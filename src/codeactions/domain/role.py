"""The roles of a project. They are ordered: each role has all the rights of the lower ones."""

from enum import IntEnum
from typing import Any

from codeactions.domain.errors import invalid


class Role(IntEnum):
    """A role in a project. Its number is the value in the tables."""

    VIEWER = 1
    CONTRIBUTOR = 2
    MODERATOR = 3

    @property
    def title(self) -> str:
        """The role's name for people, in lower case."""
        return self.name.lower()


def parse_role(value: Any) -> Role:
    """Parse a role that a caller sent, by number or by name. Raises `Error` (invalid)."""
    if isinstance(value, str):
        found = next((role for role in Role if value.strip().lower() in (role.title, str(role.value))), None)
    else:
        found = next(
            (role for role in Role if isinstance(value, int) and not isinstance(value, bool) and value == role), None
        )
    if found is None:
        raise invalid("role must be 1 (viewer), 2 (contributor) or 3 (moderator)")
    return found
