"""Permissions: every rule on what a caller may do. The services call these functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from codeactions.domain.caller import Caller, CallerKind
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.role import Role


class Action(StrEnum):
    """The actions on a project, and on what belongs to it, that need a role."""

    READ = "read"
    """Read its codes, runs, logs, name and members."""
    CHANGE = "change"
    """Create and change its codes."""
    RUN = "run"
    """Run its codes."""
    DELETE = "delete"
    """Delete its codes, together with their history."""
    MANAGE = "manage"
    """Manage the project, its permissions, its tokens and the protection of its endpoints; read its audit log."""


LEAST_ROLE = {
    Action.READ: Role.VIEWER,
    Action.CHANGE: Role.CONTRIBUTOR,
    Action.RUN: Role.CONTRIBUTOR,
    Action.DELETE: Role.MODERATOR,
    Action.MANAGE: Role.MODERATOR,
}


@dataclass(frozen=True, slots=True)
class RoleRules:
    """The role that each action needs at least."""

    least: Mapping[Action, Role]

    def require(self, caller: Caller, action: Action, project_uuid: str | None, not_there: Error) -> None:
        """Check that a caller may do something in a project.

        Raises `not_there`, the error for a thing that does not exist, if the caller has no role in the project: it may
        not learn that the thing exists. Raises `Error` (forbidden) if its role is too low.
        """
        role = caller.role_in(project_uuid)
        if role is None:
            raise not_there
        needed = self.least[action]
        if role < needed:
            said = f"to {action} here you need the role {needed.title} in the project"
            raise forbidden(f"{said}; your role is {role.title}")


USUAL_RULES = RoleRules(LEAST_ROLE)
FLOWS_RULES = RoleRules({**LEAST_ROLE, Action.CHANGE: Role.MODERATOR})
"""As in the Go service, where only moderators write."""
require = USUAL_RULES.require


def require_everywhere(caller: Caller, what: str) -> None:
    """Check that a caller may do something that concerns no single project. Raises `Error` (forbidden).

    what: completes the sentence "only the administrator or an internal service may …".
    """
    if not caller.everywhere:
        raise forbidden(f"only the administrator or an internal service may {what}")


def require_token_maker(caller: Caller, email: str | None) -> None:
    """Check that a caller may create, list or revoke API tokens. Raises `Error` (forbidden).

    email: the user that the tokens act for; None for tokens of a project.

    API tokens may not manage API tokens: a leaked token could create another one that outlives it. The
    administrator can make an exception for the tokens of projects, never for those of users: it would make exceptions.
    """
    if caller.kind in (CallerKind.USER_TOKEN, CallerKind.PROJECT_TOKEN):
        if not caller.manages_tokens:
            raise forbidden(
                "this API token cannot manage API tokens: sign in, or use the administrator's token, or one that was "
                "made with manage_tokens"
            )
        if email is not None:
            raise forbidden("API tokens cannot manage API tokens of users")
    if email is not None and not caller.everywhere and (caller.email or "").lower() != email.lower():
        raise forbidden("only the administrator or an internal service may manage another user's API tokens")


def forbidden(message: str) -> Error:
    """Return the error for a known caller that may know of the thing, but not do this with it."""
    return Error(ErrorCode.FORBIDDEN, message)
