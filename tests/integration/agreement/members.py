"""Members of projects, written and read by SQL: as rows of user_permissions, and as a project's authorizations."""

import json
from typing import Any

from migrations import Connection


def put(db: Connection, project: str, **roles: int) -> None:
    for name, role in roles.items():
        db.execute(
            "INSERT INTO user_permissions (project_uuid, email, role) VALUES (%s, %s, %s)", (project, name, role)
        )


def listed(*pairs: tuple[str, object]) -> str:
    return json.dumps([{"email": email, "role": role} for email, role in pairs])


def make(db: Connection, project: str, *pairs: tuple[str, object]) -> None:
    db.execute("INSERT INTO projects (uuid, name, authorizations) VALUES (%s, 'x', %s)", (project, listed(*pairs)))


def write(db: Connection, project: str, *pairs: tuple[str, object]) -> None:
    db.execute("UPDATE projects SET authorizations = %s WHERE uuid = %s", (listed(*pairs), project))


def rows(db: Connection, project: str) -> dict[str, int]:
    found = db.execute("SELECT email, role FROM user_permissions WHERE project_uuid = %s", (project,)).fetchall()
    assert len(found) == len(dict(found))
    return dict(found)


def both(db: Connection, project: str = "p") -> dict[str, int]:
    """Who is in a project, which both say, the authorizations in the order of the addresses' characters."""
    (authorizations,) = db.execute("SELECT authorizations FROM projects WHERE uuid = %s", (project,)).fetchone() or ()
    assert authorizations == [{"email": email, "role": role} for email, role in sorted(rows(db, project).items())]
    return rows(db, project)


def since(db: Connection, project: str = "p") -> Any:
    return (db.execute("SELECT updated_at FROM projects WHERE uuid = %s", (project,)).fetchone() or ())[0]
