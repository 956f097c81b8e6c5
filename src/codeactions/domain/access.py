"""Who may do what: every rule of permissions is here, and is called by the services."""

from enum import StrEnum

from codeactions.domain.caller import Caller, CallerKind
from codeactions.domain.errors import Error, ErrorCode, not_found
from codeactions.domain.role import Role


class Action(StrEnum):
    """What somebody may want to do with what belongs to a project."""

    READ = "read"
    """Its codes, runs, logs, its name and who is in it."""
    CHANGE = "change"
    """Make and change its codes."""
    RUN = "run"
    DELETE = "delete"
    """Its codes, with their history."""
    MANAGE = "manage"
    """The project, its permissions, its tokens, who may call its endpoints; read its audit log."""


LEAST_ROLE = {
    Action.READ: Role.VIEWER,
    Action.CHANGE: Role.CONTRIBUTOR,
    Action.RUN: Role.CONTRIBUTOR,
    Action.DELETE: Role.MODERATOR,
    Action.MANAGE: Role.MODERATOR,
}


def require(caller: Caller, action: Action, project_uuid: str, missing: str) -> None:
    """Check that a caller may do something in a project.

    Raises `Error`: not_found with the message `missing`, which must be that of a thing that does not exist, to who has
    no role there; forbidden to who has one that is too low.
    """
    role = caller.role_in(project_uuid)
    if role is None:
        raise not_found(missing)
    needed = LEAST_ROLE[action]
    if role < needed:
        raise forbidden(f"to {action} here you must be {needed.title} of the project; you are its {role.title}")


def require_everywhere(caller: Caller, what: str) -> None:
    """For what belongs to no project. Raises `Error` (forbidden)."""
    if not caller.everywhere:
        raise forbidden(f"only the administrator or an internal service may {what}")


def require_token_maker(caller: Caller, email: str | None) -> None:
    """Check that a caller may make, see or revoke API tokens: of `email`, or if that is None, of a project.

    API tokens may not: one that leaked could make itself another that outlives it. Raises `Error` (forbidden).
    """
    if caller.kind in (CallerKind.USER_TOKEN, CallerKind.PROJECT_TOKEN):
        raise forbidden("API tokens cannot manage API tokens: sign in, or use the administrator's token")
    if email is not None and not caller.everywhere and (caller.email or "").lower() != email.lower():
        raise forbidden("tokens that stand for somebody else are for the administrator to make")


def forbidden(message: str) -> Error:
    """The caller is known and may know of the thing, but not do this with it."""
    return Error(ErrorCode.FORBIDDEN, message)
