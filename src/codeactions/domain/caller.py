"""Who is calling, and as what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from codeactions.domain.role import Role

_NOWHERE: Mapping[str, Role] = MappingProxyType({})


class CallerKind(StrEnum):
    """How a caller showed who it is."""

    ADMINISTRATOR = "administrator"
    """The one token of the server, or somebody at its command line."""
    SERVICE = "service"
    """An internal service of the company, as a claim of its identity token says."""
    USER = "user"
    """A person with an identity token."""
    USER_TOKEN = "user_token"  # noqa: S105 - a kind, no secret
    """An API token that stands for a person."""
    PROJECT_TOKEN = "project_token"  # noqa: S105 - a kind, no secret
    """An API token of a project, which stands for nobody."""
    EVENT = "event"
    """The company's identity system, by a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who was recognised.

    name: for the record, never a secret. everywhere: it has every right in every project. roles: by project uuid, as
    they stand in `user_permissions`; `ceiling` is the most that counts of them. address: where the call comes from.
    """

    kind: CallerKind
    name: str
    email: str | None = None
    everywhere: bool = False
    ceiling: Role = Role.MODERATOR
    roles: Mapping[str, Role] = field(default_factory=lambda: _NOWHERE)
    address: str = ""

    def role_in(self, project_uuid: str) -> Role | None:
        """What the caller is in a project; None: nothing, and it may not learn that the project exists."""
        if self.everywhere:
            return Role.MODERATOR
        role = self.roles.get(project_uuid)
        return None if role is None else min(role, self.ceiling)

    @property
    def counted_as(self) -> str:
        """Whose calls the caller's are, when they are limited: all tokens of one owner are one."""
        if self.kind is CallerKind.PROJECT_TOKEN:
            return f"project {next(iter(self.roles))}"
        return self.email or self.name

    @property
    def projects(self) -> list[str] | None:
        """The projects that the caller may know of; None: all."""
        return None if self.everywhere else sorted(self.roles)
