"""The messages of the company's identity system: its projects and their members."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codeactions.domain.errors import invalid
from codeactions.domain.project import MOST_AUTHORIZATIONS, Authorization, as_authorizations, parse_email
from codeactions.domain.role import Role
from codeactions.domain.text import require_text

MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectEvent:
    """A project was created or changed.

    authorizations: all its members; None if the message does not name them.
    """

    project_uuid: str
    name: str
    authorizations: tuple[Authorization, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionEvent:
    """A user's role in a project from now on. A role of None removes the user from the project."""

    project_uuid: str
    email: str
    role: Role | None


Event = ProjectEvent | PermissionEvent


def parse_project_event(body: bytes) -> ProjectEvent:
    """Parse a message about a project.

    Raises `Error` (invalid). Its message names the wrong field and never holds an email address.
    """
    fields = _fields(body)
    listed = fields.get("authorizations")
    return ProjectEvent(
        project_uuid=require_text(fields.get("uuid"), "uuid", 255),
        name=require_text(fields.get("name"), "name", 255),
        authorizations=None if listed is None else _authorizations(listed),
    )


def parse_permission_event(body: bytes) -> PermissionEvent:
    """Parse a message about a permission. Raises `Error` (invalid); its message names the wrong field."""
    fields = _fields(body)
    action = fields.get("action")
    if action not in ("create", "update", "delete"):
        raise invalid("action must be create, update or delete")
    return PermissionEvent(
        project_uuid=require_text(fields.get("project"), "project", 255),
        email=parse_email(fields.get("user"), "user"),
        role=None if action == "delete" else _role(fields.get("role"), "role"),
    )


def fingerprint(authorizations: tuple[Authorization, ...]) -> bytes:
    """Return the SHA-256 of a list of authorizations. The order of the list does not matter."""
    # Addresses hold no white space, so two different lists never give the same text.
    lines = sorted(f"{one.email} {int(one.role)}\n" for one in authorizations)
    return hashlib.sha256("".join(lines).encode()).digest()


def _fields(body: bytes) -> Mapping[str, Any]:
    if len(body) > MOST_BYTES:
        raise invalid(f"the message must have at most {MOST_BYTES} bytes, not {len(body)}")
    try:
        fields = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise invalid("the message must be UTF-8") from None
    except (ValueError, RecursionError):  # also for a number of too many digits, and for too deep a nesting
        raise invalid("the message must be JSON") from None
    if not isinstance(fields, dict):
        raise invalid("the message must be a JSON object")
    return fields


def _authorizations(value: Any) -> tuple[Authorization, ...]:
    if not isinstance(value, list):
        raise invalid("authorizations must be a list of objects with user_email and role")
    if len(value) > MOST_AUTHORIZATIONS:
        raise invalid(f"authorizations must have at most {MOST_AUTHORIZATIONS} entries, not {len(value)}")
    found: dict[str, Role] = {}
    for number, item in enumerate(value):
        place = f"authorizations[{number}]"
        if not isinstance(item, dict):
            raise invalid(f"{place} must be an object with user_email and role")
        email = parse_email(item.get("user_email"), f"{place}.user_email")
        if email in found:
            raise invalid(f"{place}.user_email repeats an address of the list")
        found[email] = _role(item.get("role"), f"{place}.role")
    return as_authorizations(found.items())


def _role(value: Any, name: str) -> Role:
    # Stricter than `parse_role`, which reads what people type: only numbers, and `true` is not 1.
    if type(value) is not int or value not in list(Role):
        raise invalid(f"{name} must be 1, 2 or 3")
    return Role(value)
