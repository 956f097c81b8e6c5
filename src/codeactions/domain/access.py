"""Permissions: every rule of access is here, and is called by the services."""

from enum import StrEnum

from codeactions.domain.caller import Caller, CallerKind
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.role import Role


class Action(StrEnum):
    """An action of a caller in a project."""

    READ = "read"
    """Its codes, runs, logs, its name and its users."""
    CHANGE = "change"
    """Make and change its codes."""
    RUN = "run"
    DELETE = "delete"
    """Its codes, with their history."""
    MANAGE = "manage"
    """The project, its permissions, its tokens, the protection of its endpoints; read its audit log."""


LEAST_ROLE = {
    Action.READ: Role.VIEWER,
    Action.CHANGE: Role.CONTRIBUTOR,
    Action.RUN: Role.CONTRIBUTOR,
    Action.DELETE: Role.MODERATOR,
    Action.MANAGE: Role.MODERATOR,
}


def require(caller: Caller, action: Action, project_uuid: str, not_there: Error) -> None:
    """Check that a caller may do something in a project.

    Raises `not_there`, the error for a thing that does not exist, if the caller has no role in the project: it may not
    learn that the thing exists. Raises `Error` (forbidden) if its role is too low.
    """
    role = caller.role_in(project_uuid)
    if role is None:
        raise not_there
    needed = LEAST_ROLE[action]
    if role < needed:
        raise forbidden(f"to {action} here you must be {needed.title} of the project; you are its {role.title}")


def require_everywhere(caller: Caller, what: str) -> None:
    """Check that a caller may do something that belongs to no project. Raises `Error` (forbidden)."""
    if not caller.everywhere:
        raise forbidden(f"only the administrator or an internal service may {what}")


def require_token_maker(caller: Caller, email: str | None) -> None:
    """Check that a caller may make, see or revoke API tokens: of `email`, or if that is None, of a project.

    API tokens may not: one that leaked could make itself another that outlives it. Raises `Error` (forbidden).
    """
    if caller.kind in (CallerKind.USER_TOKEN, CallerKind.PROJECT_TOKEN):
        raise forbidden("API tokens cannot manage API tokens: sign in, or use the administrator's token")
    if email is not None and not caller.everywhere and (caller.email or "").lower() != email.lower():
        raise forbidden("only the administrator can make tokens that stand for another user")


def forbidden(message: str) -> Error:
    """Return the error for a known caller that may know of the thing, but not do this with it."""
    return Error(ErrorCode.FORBIDDEN, message)
