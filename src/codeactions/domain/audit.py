"""The audit log: for each change its caller, action, thing, time and address."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from codeactions.domain.caller import Caller


class AuditAction(StrEnum):
    """The action on a thing; the closed set of `audit_log.action`."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    REVOKE = "revoke"
    ROLLBACK = "rollback"
    TRY = "try"


class AuditThing(StrEnum):
    """The kind of thing that was changed; the closed set of `audit_log.thing`."""

    CODE = "code"
    PROJECT = "project"
    PERMISSION = "permission"
    TOKEN = "token"  # noqa: S105 - a kind, no secret
    PROTECTION = "protection"
    SECRET = "secret"  # noqa: S105 - a kind, no secret
    VARIABLE = "variable"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the audit log.

    details: JSON values that tell the change. They never hold a secret or a source.
    """

    id: UUID
    at: datetime
    actor_kind: str
    actor: str
    address: str
    action: AuditAction
    thing: AuditThing
    thing_id: str
    project_uuid: str | None
    details: Mapping[str, Any] = field(default_factory=dict)


def entry(
    caller: Caller,
    action: AuditAction,
    thing: AuditThing,
    thing_id: object,
    project_uuid: str | None,
    /,
    *,
    id: UUID,  # noqa: A002
    now: datetime,
    **details: Any,
) -> AuditEntry:
    """Return the line for a change that a caller made."""
    return AuditEntry(
        id=id,
        at=now,
        actor_kind=caller.kind,
        actor=caller.name,
        address=caller.address,
        action=action,
        thing=thing,
        thing_id=str(thing_id),
        project_uuid=project_uuid,
        details=details,
    )


def changed_values(before: Mapping[str, Any], after: Mapping[str, Any], named: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields that differ, as `{"name": [old, new]}`.

    Those not in `named` are only listed, under "changed": their values stay out of the log.
    """
    differing = [name for name in after if before.get(name) != after[name]]
    found: dict[str, Any] = {name: [before.get(name), after[name]] for name in differing if name in named}
    others = sorted(name for name in differing if name not in named)
    return {**found, "changed": others} if others else found
