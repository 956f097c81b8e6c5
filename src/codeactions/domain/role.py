"""Roles: what a user is in a project. They are ordered, each may do all that the lower ones may."""

from enum import IntEnum
from typing import Any

from codeactions.domain.errors import invalid


class Role(IntEnum):
    """The number is what the tables hold."""

    VIEWER = 1
    CONTRIBUTOR = 2
    MODERATOR = 3

    @property
    def title(self) -> str:
        """The name for people."""
        return self.name.lower()


def parse_role(value: Any) -> Role:
    """A role that a caller sent: its number, or its name. Raises `Error` (invalid)."""
    if isinstance(value, str):
        found = next((role for role in Role if value.strip().lower() in (role.title, str(role.value))), None)
    else:
        found = next(
            (role for role in Role if isinstance(value, int) and not isinstance(value, bool) and value == role), None
        )
    if found is None:
        raise invalid("role must be 1 (viewer), 2 (contributor) or 3 (moderator)")
    return found
