"""Projects, which group codes, and the roles of their users."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from codeactions.domain.draft import UNSET, Draft, Unset
from codeactions.domain.errors import Error, invalid, not_found
from codeactions.domain.moment import StoredTime
from codeactions.domain.role import Role, RoleRule, known_role, parse_role, role_title
from codeactions.domain.rules import Text, TextRule
from codeactions.domain.text import SHORT_TEXT, require_text

MOST_AUTHORIZATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Authorization:
    """A user's role in a project."""

    email: str
    role: Role


@dataclass(frozen=True, slots=True)
class Email(TextRule):
    """A user's address, kept in small letters."""

    description: str = ""

    def check(self, value: Any, name: str) -> str:
        """Return the address in small letters. Raises `Error` (invalid)."""
        return parse_email(value, name)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        return Text(SHORT_TEXT, self.description).json_schema()


@dataclass(frozen=True, slots=True)
class _Authorizations(TextRule):
    """The users of a project with their roles."""

    def check(self, value: Any, name: str) -> tuple[Authorization, ...]:
        if isinstance(value, tuple):
            value = [{"email": one.email, "role": one.role} for one in value]
        return parse_authorizations(value)

    def json_schema(self) -> dict[str, Any]:
        item = {
            "type": "object",
            "required": ["email", "role"],
            "properties": {"email": {"type": "string"}, "role": RoleRule().json_schema()},
        }
        description = "All users who are to have a role, in place of those who had"
        return {"type": "array", "description": description, "items": item}


_Uuid = Annotated[str, Text(SHORT_TEXT, "How codes name the project; made when absent")]
_Name = Annotated[str, Text(SHORT_TEXT)]
_AuthorizationList = Annotated[tuple[Authorization, ...], _Authorizations()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project as it is stored. Other tables refer to it by `uuid`; `id` is the key of its row.

    authorizations: those that give a role. stored: all of them, as the table has them: another program may have written
    anything there.
    """

    id: UUID
    uuid: str
    name: str
    authorizations: tuple[Authorization, ...]
    created_at: StoredTime
    updated_at: StoredTime
    stored: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDraft(Draft):
    """A project to be made; without `uuid` it gets one."""

    noun: ClassVar[str] = "a project"
    uuid: _Uuid | None = None
    name: _Name
    authorizations: _AuthorizationList | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectChange(Draft):
    """A change of a project."""

    noun: ClassVar[str] = "a change of a project"
    name: _Name | Unset = UNSET
    authorizations: _AuthorizationList | Unset = UNSET


def new_project(draft: ProjectDraft, *, id: UUID, now: datetime) -> Project:  # noqa: A002
    """Make a project of a draft."""
    return Project(
        id=id,
        uuid=draft.uuid or str(id),
        name=draft.name,
        authorizations=draft.authorizations or (),
        created_at=now,
        updated_at=now,
    )


def changed_project(project: Project, change: ProjectChange, *, now: datetime) -> Project:
    """Return the project with only the given fields changed. Raises `Error` (invalid) when none is given."""
    values = change.given()
    if not values:
        raise invalid("nothing to change: give name, authorizations, or both")
    if "authorizations" in values:  # nothing else stays, also of what gives no role
        values["stored"] = as_stored(values["authorizations"])
    return replace(project, updated_at=now, **values)


def roles_by_email(project: Project) -> dict[str, int]:
    """Return the roles of a project's users, by address."""
    return {one.email: int(one.role) for one in project.authorizations}


def project_differences(before: Project, after: Project) -> dict[str, Any]:
    """Return what differs, as [before, after]: "name", and of "authorizations" the roles that differ, by address."""
    found: dict[str, Any] = {"name": [before.name, after.name]} if before.name != after.name else {}
    old, new = roles_by_email(before), roles_by_email(after)
    differing = sorted(email for email in {*old, *new} if old.get(email) != new.get(email))
    if differing:
        found["authorizations"] = {email: [old.get(email), new.get(email)] for email in differing}
    return found


def project_not_found(uuid: str) -> Error:
    """Return the error for a project that does not exist, or that the caller may not know of."""
    return not_found(f"there is no project {uuid}")


def parse_email(value: Any, name: str = "email") -> str:
    """Return an address in small letters, so that two spellings are not two users. Raises `Error` (invalid)."""
    text = require_text(value, name, SHORT_TEXT).strip().lower()
    before, at, after = text.rpartition("@")
    # The lower case of some letters outside ASCII is in ASCII. They would turn one user's address into another's.
    disguised = any(not letter.isascii() and any(map(str.isascii, letter.lower())) for letter in value.strip())
    if not (before and at and after) or any(character.isspace() for character in text) or disguised:
        raise invalid(f"{name} must be an address such as ana@example.com")
    return text


def parse_authorizations(value: Any, email: str = "email") -> tuple[Authorization, ...]:
    """Read a list of `{email, role}`, sorted by address; `email` is the address's name there.

    Raises `Error` (invalid) that names the wrong item.
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


def as_stored(authorizations: Iterable[Authorization]) -> list[dict[str, Any]]:
    """Return authorizations as the table has them."""
    return [{"email": one.email, "role": int(one.role)} for one in authorizations]


def stored_authorizations(value: Any) -> tuple[Authorization, ...]:
    """Return the authorizations in a stored value that give a role; what else it holds gives none."""
    items = value if isinstance(value, list) else []
    found = [(item.get("email"), known_role(item.get("role"))) for item in items if isinstance(item, Mapping)]
    return as_authorizations((email, role) for email, role in found if isinstance(email, str) and role is not None)


def stored_members(project: Project) -> list[tuple[str, str]]:
    """Return the users of a project with their roles for people, those that are unknown and give no right, too."""
    items = project.stored if isinstance(project.stored, list) else []
    found = [(item.get("email"), item.get("role")) for item in items if isinstance(item, Mapping)]
    return [(email, role_title(role)) for email, role in found if isinstance(email, str)]


def as_authorizations(pairs: Iterable[tuple[str, Role]]) -> tuple[Authorization, ...]:
    """Return authorizations sorted by address, as the table keeps them."""
    return tuple(Authorization(email, role) for email, role in sorted(pairs))
