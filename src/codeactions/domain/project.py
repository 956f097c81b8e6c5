"""Projects, which group codes, and the roles of their users."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from codeactions.domain.errors import invalid
from codeactions.domain.role import Role, parse_role
from codeactions.domain.text import require_text

MOST_AUTHORIZATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Authorization:
    """A user's role in a project."""

    email: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project as it is stored. Other tables refer to it by `uuid`; `id` is the key of its row."""

    id: UUID
    uuid: str
    name: str
    authorizations: tuple[Authorization, ...]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """A row of `user_permissions`: the one role that a user has in a project."""

    id: UUID
    project_uuid: str
    email: str
    role: Role
    created_at: datetime
    updated_at: datetime


def new_project(fields: Mapping[str, Any], *, id: UUID, now: datetime) -> Project:  # noqa: A002
    """Make a project from the fields of a request. Raises `Error` (invalid).

    Without a `uuid`, the project gets its id as one.
    """
    _refuse_unknown(fields, ("uuid", "name", "authorizations"), "the fields of a project")
    given = fields.get("authorizations")
    return Project(
        id=id,
        uuid=require_text(fields.get("uuid") or str(id), "uuid", 255),
        name=require_text(fields.get("name"), "name", 255),
        authorizations=() if given is None else parse_authorizations(given),
        created_at=now,
        updated_at=now,
    )


def changed_project(project: Project, fields: Mapping[str, Any], *, now: datetime) -> Project:
    """Return the project with only the given fields changed. Raises `Error` (invalid), also if no field is given."""
    _refuse_unknown(fields, ("name", "authorizations"), "the fields of a project that can be changed")
    if not fields:
        raise invalid("nothing to change: give name, authorizations, or both")
    values: dict[str, Any] = {}
    if "name" in fields:
        values["name"] = require_text(fields["name"], "name", 255)
    if "authorizations" in fields:
        values["authorizations"] = parse_authorizations(fields["authorizations"])
    return replace(project, updated_at=now, **values)


def new_permission(fields: Mapping[str, Any], *, id: UUID, now: datetime) -> Permission:  # noqa: A002
    """Make a permission from the fields of a request. Raises `Error` (invalid)."""
    _refuse_unknown(fields, ("project_uuid", "email", "role"), "the fields of a permission")
    return Permission(
        id=id,
        project_uuid=require_text(fields.get("project_uuid"), "project_uuid", 255),
        email=parse_email(fields.get("email")),
        role=parse_role(fields.get("role")),
        created_at=now,
        updated_at=now,
    )


def changed_permission(permission: Permission, fields: Mapping[str, Any], *, now: datetime) -> Permission:
    """Return the permission with another role. Raises `Error` (invalid)."""
    _refuse_unknown(fields, ("role",), "the fields of a permission that can be changed")
    return replace(permission, role=parse_role(fields.get("role")), updated_at=now)


def parse_email(value: Any, name: str = "email") -> str:
    """Return an email address in lower case. Raises `Error` (invalid).

    Lower case, because two spellings of one address must not become two users.
    """
    text = require_text(value, name, 255).strip().lower()
    before, at, after = text.rpartition("@")
    # The lower case of some letters outside ASCII is in ASCII. They would turn one user's address into another's.
    disguised = any(not letter.isascii() and any(map(str.isascii, letter.lower())) for letter in value.strip())
    if not (before and at and after) or any(character.isspace() for character in text) or disguised:
        raise invalid(f"{name} must be an address such as ana@example.com")
    return text


def parse_authorizations(value: Any, email: str = "email") -> tuple[Authorization, ...]:
    """Parse a list of `{email, role}` and return it sorted by address. Raises `Error` (invalid).

    email: the name of the field that holds the address.
    """
    if not isinstance(value, list):
        raise invalid("authorizations must be a list of objects with email and role")
    if len(value) > MOST_AUTHORIZATIONS:
        raise invalid(f"a project may have at most {MOST_AUTHORIZATIONS} authorizations, not {len(value)}")
    found: dict[str, Role] = {}
    for number, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise invalid(f"authorizations[{number}] must be an object with {email} and role")
        address = parse_email(item.get(email), f"authorizations[{number}].{email}")
        if address in found:
            raise invalid(f"authorizations names {address} twice")
        found[address] = parse_role(item.get("role"))
    return as_authorizations(found.items())


def as_authorizations(pairs: Iterable[tuple[str, Role]]) -> tuple[Authorization, ...]:
    """Make authorizations, in the order in which the table keeps them."""
    return tuple(Authorization(email, role) for email, role in sorted(pairs))


def _refuse_unknown(fields: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    for name in fields:
        if name not in known:
            raise invalid(f"unknown field {name[:64]!r}; {what}: {', '.join(known)}")
