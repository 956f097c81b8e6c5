"""The identity system's messages, and looks at what they have done to the tables."""

import itertools
from datetime import UTC, datetime
from typing import Any

from migrations import Connection

from codeactions.domain.event import PermissionEvent, ProjectEvent
from codeactions.domain.project import as_authorizations
from codeactions.domain.role import Role

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ANA, BEN, EVA = "ana@example.com", "ben@example.com", "eva@example.com"
numbers = itertools.count(1)


def project(uuid: str, roles: dict[str, int] | None, name: str = "P") -> ProjectEvent:
    listed = None if roles is None else as_authorizations((email, Role(role)) for email, role in roles.items())
    return ProjectEvent(project_uuid=uuid, name=name, authorizations=listed)


def permission(uuid: str, email: str, role: int | None) -> PermissionEvent:
    return PermissionEvent(project_uuid=uuid, email=email, role=None if role is None else Role(role))


def roles(tables: Connection, uuid: str) -> dict[str, int]:
    """By the rows, which permissions are checked by; the project must say the same."""
    found = tables.execute("SELECT email, role FROM user_permissions WHERE project_uuid = %s", (uuid,)).fetchall()
    listed = tables.execute("SELECT authorizations FROM projects WHERE uuid = %s", (uuid,)).fetchone()
    if listed:
        assert {one["email"]: one["role"] for one in listed[0]} == dict(found)
    return dict(found)


def name(tables: Connection, uuid: str) -> str | None:
    row = tables.execute("SELECT name FROM projects WHERE uuid = %s", (uuid,)).fetchone()
    return row and row[0]


def pending(tables: Connection, uuid: str) -> dict[str, Any]:
    row = tables.execute("SELECT pending FROM identity_events WHERE project_uuid = %s", (uuid,)).fetchone()
    return row[0] if row else {}


def audit(tables: Connection, uuid: str) -> list[tuple[Any, ...]]:
    return tables.execute(
        "SELECT action, thing, thing_id, details FROM audit_log WHERE project_uuid = %s ORDER BY id", (uuid,)
    ).fetchall()
