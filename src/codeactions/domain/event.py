"""The messages of the company's identity system: its projects and their members."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codeactions.domain.errors import Error, invalid
from codeactions.domain.project import MOST_AUTHORIZATIONS, Authorization, as_authorizations, parse_email
from codeactions.domain.role import Role, known_role
from codeactions.domain.rules import as_whole_number
from codeactions.domain.text import require_text

_NO_ROLE = "role must be 1, 2 or 3"
MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectEvent:
    """A project was created or changed.

    authorizations: all its members; None if the message does not name them. dropped: why some of those that it names
    are not among them; never with an address.
    """

    project_uuid: str
    name: str
    authorizations: tuple[Authorization, ...] | None
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionEvent:
    """A user's role in a project from now on. A role of None removes the user from the project.

    dropped: why the message's own role is not this one.
    """

    project_uuid: str
    email: str
    role: Role | None
    dropped: tuple[str, ...] = ()


Event = ProjectEvent | PermissionEvent


def parse_project_event(body: bytes) -> ProjectEvent:
    """Parse a message about a project. An authorization that cannot be read is dropped, and the others stay.

    Raises `Error` (invalid). Its message names the wrong field and never holds an email address.
    """
    fields = _fields(body)
    listed = fields.get("authorizations")
    authorizations, dropped = (None, ()) if listed is None else _authorizations(listed)
    return ProjectEvent(
        project_uuid=require_text(fields.get("uuid"), "uuid", 255),
        name=require_text(fields.get("name"), "name", 255),
        authorizations=authorizations,
        dropped=dropped,
    )


def parse_permission_event(body: bytes) -> PermissionEvent:
    """Parse a message about a permission. A number that is no role here gives none, so that it takes the role away.

    Raises `Error` (invalid); its message names the wrong field.
    """
    fields = _fields(body)
    action = fields.get("action")
    if action not in ("create", "update", "delete"):
        raise invalid("action must be create, update or delete")
    number = None if action == "delete" else _number(fields.get("role"))
    if number is None and action != "delete":
        raise invalid(_NO_ROLE)
    role = known_role(number)
    return PermissionEvent(
        project_uuid=require_text(fields.get("project"), "project", 255),
        email=parse_email(fields.get("user"), "user"),
        role=role,
        dropped=() if number is None or role else (f"{number} is no role here",),
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


def _authorizations(value: Any) -> tuple[tuple[Authorization, ...], tuple[str, ...]]:
    """Return the authorizations of a list that can be read, and why the others cannot."""
    if not isinstance(value, list):
        raise invalid("authorizations must be a list of objects with user_email and role")
    if len(value) > MOST_AUTHORIZATIONS:
        raise invalid(f"authorizations must have at most {MOST_AUTHORIZATIONS} entries, not {len(value)}")
    found: dict[str, Role] = {}
    dropped: list[str] = []
    for place, item in enumerate(value):
        try:
            email, role = _authorization(item)
        except Error as error:
            dropped.append(f"authorizations[{place}]: {error.message}")
            continue
        if email in found:
            dropped.append(f"authorizations[{place}]: user_email repeats an address of the list; the lower role counts")
        found[email] = min(role, found.get(email, role))  # as the database has it (migration 9)
    return as_authorizations(found.items()), tuple(dropped)


def _authorization(item: Any) -> tuple[str, Role]:
    if not isinstance(item, dict):
        raise invalid("it must be an object with user_email and role")
    email = parse_email(item.get("user_email"), "user_email")
    role = known_role(_number(item.get("role")))
    if role is None:
        raise invalid(_NO_ROLE)
    return email, role


def _number(value: Any) -> int | None:
    """Return the whole number that a role is, also as text or as 2.0; None if it is none. `true` is not 1."""
    if isinstance(value, str):
        return as_whole_number(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else None
