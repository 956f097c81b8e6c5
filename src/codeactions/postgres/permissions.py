"""The table `user_permissions`."""

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any
from uuid import UUID

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.page import PAGE_SIZE, Page
from codeactions.domain.permission import Permission, permission_not_found
from codeactions.domain.role import Role
from codeactions.postgres import queries
from codeactions.postgres.database import Statements

_SQL = queries.load("permissions")


class PermissionStore:
    """Permissions in PostgreSQL. Every method raises `Error` (busy) while the database is away."""

    def __init__(self, database: Statements) -> None:
        self._database = database

    async def create(self, permission: Permission) -> None:
        """Store a new permission. Raises `Error` (conflict) when the user has one in the project already."""
        if await self._database.fetch_one(_SQL["create"], _values(permission)) is None:
            raise Error(ErrorCode.CONFLICT, f"{permission.email} has a role in this project already: change that one")

    async def put(self, permission: Permission) -> None:
        """Store a permission in place of any that the user has in the project."""
        await self._database.fetch_one(_SQL["put"], _values(permission))

    async def get(self, permission_id: UUID) -> Permission:
        """Return a permission. Raises `Error` (not_found)."""
        row = await self._database.fetch_one(_SQL["get"], {"id": permission_id})
        if row is None:
            raise permission_not_found(permission_id)
        return _permission(row)

    async def of_user(self, project_uuid: str, email: str) -> list[Permission]:
        """Return a user's permissions in a project: more than one if the address is stored in several spellings."""
        rows = await self._database.fetch(_SQL["of_user"], {"project_uuid": project_uuid, "email": email})
        return [_permission(row) for row in rows]

    async def page(self, project_uuid: str, page: int) -> Page[Permission]:
        """Return a page of the permissions of a project, ordered by address."""
        values = {"project_uuid": project_uuid}
        total = await self._database.fetch_one(_SQL["count"], values)
        bounds = {"limit": PAGE_SIZE, "offset": (page - 1) * PAGE_SIZE}
        rows = await self._database.fetch(_SQL["page"], {**values, **bounds})
        return Page([_permission(row) for row in rows], total["total"] if total else 0, page)

    async def update(self, permission: Permission) -> None:
        """Change the role. Raises `Error` (not_found)."""
        if await self._database.fetch_one(_SQL["update"], _values(permission)) is None:
            raise permission_not_found(permission.id)

    async def delete(self, permission_id: UUID) -> None:
        """Delete a permission. Raises `Error` (not_found)."""
        if await self._database.fetch_one(_SQL["delete"], {"id": permission_id}) is None:
            raise permission_not_found(permission_id)

    async def remove(self, project_uuid: str, email: str) -> bool:
        """Delete a user's permissions in a project, and return whether there were any."""
        values = {"project_uuid": project_uuid, "email": email}
        return await self._database.fetch_one(_SQL["remove"], values) is not None

    async def roles_of(self, email: str) -> Mapping[str, Role]:
        """Return a user's roles by project uuid, however the address is spelled."""
        rows = await self._database.fetch(_SQL["roles_of"], {"email": email})
        return MappingProxyType({row["project_uuid"]: Role(row["role"]) for row in rows})


def _values(permission: Permission) -> dict[str, Any]:
    return {**asdict(permission), "role": None if permission.role is None else int(permission.role)}


def _permission(row: Mapping[str, Any]) -> Permission:
    return Permission(**row)
