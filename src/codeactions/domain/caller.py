"""The caller of the API: its kind, its identity and its roles."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from codeactions.domain.role import Role

_NOWHERE: Mapping[str, Role] = MappingProxyType({})


class CallerKind(StrEnum):
    """How a caller identified itself."""

    ADMINISTRATOR = "administrator"
    """By the server's own token, or on the server's command line."""
    SERVICE = "service"
    """By an identity token with a claim that marks an internal service of the company."""
    USER = "user"
    """By the identity token of a person."""
    USER_TOKEN = "user_token"  # noqa: S105 - a kind, no secret
    """By an API token of a user; it acts for that user."""
    PROJECT_TOKEN = "project_token"  # noqa: S105 - a kind, no secret
    """By an API token of a project; it acts for no user."""
    EVENT = "event"
    """By a message of the company's identity system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A recognised caller and its rights.

    name: its name in the audit log; never a secret. everywhere: whether it has every right in every project.
    roles: its role by project uuid, as stored in `user_permissions`. ceiling: the highest role that counts; higher ones
    are lowered to it. manages_tokens: whether an API token may manage the tokens of the projects that its user
    moderates. expires_at: the end of the credential; None if it is not known here, or never comes. address: the network
    address that the call comes from.
    """

    kind: CallerKind
    name: str
    email: str | None = None
    everywhere: bool = False
    ceiling: Role = Role.MODERATOR
    roles: Mapping[str, Role] = field(default_factory=lambda: _NOWHERE)
    manages_tokens: bool = False
    expires_at: datetime | None = None
    address: str = ""

    def role_in(self, project_uuid: str | None) -> Role | None:
        """Return the caller's role in a project, or None if it has none.

        A caller without a role may not learn that the project exists.
        """
        if self.everywhere:
            return Role.MODERATOR
        role = None if project_uuid is None else self.roles.get(project_uuid)
        return None if role is None else min(role, self.ceiling)

    @property
    def counted_as(self) -> str:
        """The name under which rate limits count the caller's calls. All tokens of one owner share it."""
        if self.kind is CallerKind.PROJECT_TOKEN:
            return f"project {next(iter(self.roles))}"
        return self.email or self.name

    @property
    def projects(self) -> list[str] | None:
        """The uuids of the projects that the caller may see, sorted; None means all."""
        return None if self.everywhere else sorted(self.roles)
