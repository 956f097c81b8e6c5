"""Who is in a project, one user at a time."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from codeactions.domain.access import Action, require
from codeactions.domain.audit import Deed, Thing
from codeactions.domain.caller import Caller
from codeactions.domain.errors import not_found
from codeactions.domain.page import Page
from codeactions.domain.project import Permission, changed_permission, new_permission, parse_email
from codeactions.domain.role import Role
from codeactions.postgres.permissions import PermissionStore
from codeactions.postgres.permissions import missing as missing_permission
from codeactions.postgres.projects import ProjectStore, missing
from codeactions.services.audited import AuditedDatabase, AuditedTransaction


class PermissionService:
    """Every method raises `Error` (not_found, forbidden) as the caller's role in the project demands.

    forget: lets go of what is kept in memory of a user's roles.
    """

    def __init__(self, desk: AuditedDatabase, forget: Callable[[str], None] = lambda email: None) -> None:
        self._desk = desk
        self._store = PermissionStore(desk.database)
        self._forget = forget

    async def create(self, caller: Caller, fields: Mapping[str, Any]) -> Permission:
        """Give a user a role in a project. Raises `Error` (invalid, not_found, conflict)."""
        made = new_permission(fields, id=self._desk.new_id(), now=self._desk.now())
        require(caller, Action.MANAGE, made.project_uuid, missing(made.project_uuid))
        async with self._desk.change(caller) as change:
            projects = ProjectStore(change)
            await projects.lock()
            await projects.get(made.project_uuid)
            await PermissionStore(change).create(made)
            told = {"email": made.email, "role": made.role}
            await change.note(Deed.CREATE, Thing.PERMISSION, made.id, made.project_uuid, **told)
        self._forget(made.email)
        return made

    async def page(self, caller: Caller, project_uuid: str, page: int) -> Page[Permission]:
        """The permissions of a project; none where the caller may not know of it."""
        if caller.role_in(project_uuid) is None:
            return Page([], 0, page)
        return await self._store.page(project_uuid, page)

    async def put(self, caller: Caller, project_uuid: str, email: str, role: Role) -> None:
        """Give a user a role in a project, in place of what it had there. Raises `Error` (invalid)."""
        fields = {"project_uuid": project_uuid, "email": email, "role": int(role)}
        made = new_permission(fields, id=self._desk.new_id(), now=self._desk.now())
        require(caller, Action.MANAGE, project_uuid, missing(project_uuid))
        async with self._desk.change(caller) as change:
            await ProjectStore(change).lock()
            await ProjectStore(change).get(project_uuid)
            store = PermissionStore(change)
            had = await store.of_user(project_uuid, made.email)
            kept = next((one for one in had if one.email == made.email), None)
            await self._take_away(change, [one for one in had if one is not kept])
            if kept is None:
                await store.create(made)
                told = {"email": made.email, "role": made.role}
                await change.note(Deed.CREATE, Thing.PERMISSION, made.id, project_uuid, **told)
            else:
                await store.update(replace(kept, role=role, updated_at=made.updated_at))
                told = {"email": kept.email, "role": [kept.role, role]}
                await change.note(Deed.UPDATE, Thing.PERMISSION, kept.id, project_uuid, **told)
        self._forget(made.email)

    async def remove(self, caller: Caller, project_uuid: str, email: str) -> None:
        """Take away what a user has in a project, under all spellings of the address. Raises `Error` (invalid)."""
        address = parse_email(email)
        require(caller, Action.MANAGE, project_uuid, missing(project_uuid))
        async with self._desk.change(caller) as change:
            await ProjectStore(change).lock()
            had = await PermissionStore(change).of_user(project_uuid, address)
            if not had:
                raise not_found(f"{address} has no role in project {project_uuid}")
            await self._take_away(change, had)
        self._forget(address)

    async def get(self, caller: Caller, permission_id: UUID) -> Permission:
        """Read a permission."""
        return await self._get(caller, Action.READ, permission_id)

    async def update(self, caller: Caller, permission_id: UUID, fields: Mapping[str, Any]) -> Permission:
        """Change the role. Raises `Error` (invalid)."""
        await self._get(caller, Action.MANAGE, permission_id)  # nobody else gets to the lock
        async with self._desk.change(caller) as change:
            await ProjectStore(change).lock()
            read = await self._get(caller, Action.MANAGE, permission_id, PermissionStore(change))
            permission = changed_permission(read, fields, now=self._desk.now())
            await PermissionStore(change).update(permission)
            told = {"email": read.email, "role": [read.role, permission.role]}
            await change.note(Deed.UPDATE, Thing.PERMISSION, read.id, read.project_uuid, **told)
        self._forget(read.email.lower())
        return permission

    async def delete(self, caller: Caller, permission_id: UUID) -> None:
        """Take a user's role away."""
        await self._get(caller, Action.MANAGE, permission_id)  # nobody else gets to the lock
        async with self._desk.change(caller) as change:
            await ProjectStore(change).lock()
            read = await self._get(caller, Action.MANAGE, permission_id, PermissionStore(change))
            await self._take_away(change, [read])
        self._forget(read.email.lower())

    async def _take_away(self, change: AuditedTransaction, permissions: Iterable[Permission]) -> None:
        for one in permissions:
            await PermissionStore(change).delete(one.id)
            told = {"email": one.email, "role": one.role}
            await change.note(Deed.DELETE, Thing.PERMISSION, one.id, one.project_uuid, **told)

    async def _get(
        self, caller: Caller, action: Action, permission_id: UUID, store: PermissionStore | None = None
    ) -> Permission:
        permission = await (store or self._store).get(permission_id)
        require(caller, action, permission.project_uuid, missing_permission(permission_id))
        return permission
