"""A permission: the one role that a user has in a project."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, ClassVar
from uuid import UUID

from codeactions.domain.draft import Draft
from codeactions.domain.errors import Error, not_found
from codeactions.domain.moment import StoredTime
from codeactions.domain.project import Email
from codeactions.domain.role import Role, RoleRule
from codeactions.domain.rules import Text
from codeactions.domain.text import SHORT_TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """A row of `user_permissions`: the one role of a user in a project.

    role: a number that is no `Role`, or None, gives no right. This server writes neither, nor None anywhere else.
    """

    id: UUID
    project_uuid: str | None
    email: str | None
    role: int | None
    created_at: StoredTime
    updated_at: StoredTime


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionDraft(Draft):
    """A permission to be made."""

    noun: ClassVar[str] = "a permission"
    project_uuid: Annotated[str, Text(SHORT_TEXT)]
    email: Annotated[str, Email()]
    role: Annotated[Role, RoleRule()]


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionChange(Draft):
    """A change of a permission."""

    noun: ClassVar[str] = "a change of a permission"
    role: Annotated[Role, RoleRule()]


def new_permission(draft: PermissionDraft, *, id: UUID, now: datetime) -> Permission:  # noqa: A002
    """Make a permission of a draft."""
    return Permission(id=id, created_at=now, updated_at=now, **draft.given())


def changed_permission(permission: Permission, change: PermissionChange, *, now: datetime) -> Permission:
    """Return the permission with another role."""
    return replace(permission, role=change.role, updated_at=now)


def permission_not_found(permission_id: UUID) -> Error:
    """Return the error for a permission that does not exist, or that the caller may not know of."""
    return not_found(f"there is no permission {permission_id}")
