"""Permissions: the role of one user in a project, as the caller's role allows.

Roles are in two places: the rows of `user_permissions`, which this service writes, and `projects.authorizations`. Half
of the work is SQL: the triggers of migration 9 write each change of one into the other, so that both always agree,
whichever was written. The services take `ProjectStore.lock` before they write either.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from uuid import UUID

from codeactions.domain.access import Action, require
from codeactions.domain.audit import AuditAction, AuditThing
from codeactions.domain.caller import Caller
from codeactions.domain.errors import not_found
from codeactions.domain.page import Page
from codeactions.domain.permission import (
    Permission,
    PermissionChange,
    PermissionDraft,
    changed_permission,
    new_permission,
    permission_not_found,
)
from codeactions.domain.project import parse_email, project_not_found
from codeactions.domain.role import Role
from codeactions.postgres.permissions import PermissionStore
from codeactions.postgres.projects import ProjectStore
from codeactions.services.audited import AuditedDatabase, AuditedTransaction


class PermissionService:
    """Every method raises `Error` (not_found, forbidden) as the caller's role in the project demands.

    forget: drops a user's roles from memory, by address in small letters.
    """

    def __init__(self, audited: AuditedDatabase, forget: Callable[[str], None] = lambda email: None) -> None:
        self._audited = audited
        self._store = PermissionStore(audited.database)
        self._forget = forget

    async def create(self, caller: Caller, draft: PermissionDraft) -> Permission:
        """Give a user a role in a project. Raises `Error` (not_found, conflict)."""
        made = new_permission(draft, id=self._audited.new_id(), now=self._audited.now())
        require(caller, Action.MANAGE, draft.project_uuid, project_not_found(draft.project_uuid))
        async with self._audited.transaction(caller) as transaction:
            projects = ProjectStore(transaction)
            await projects.lock()
            await projects.get(draft.project_uuid)
            await PermissionStore(transaction).create(made)
            details = {"email": made.email, "role": made.role}
            await transaction.note(AuditAction.CREATE, AuditThing.PERMISSION, made.id, made.project_uuid, **details)
        self._forget(draft.email)
        return made

    async def page(self, caller: Caller, project_uuid: str, page: int) -> Page[Permission]:
        """Return the permissions of a project; none if the caller may not know of it."""
        if caller.role_in(project_uuid) is None:
            return Page([], 0, page)
        return await self._store.page(project_uuid, page)

    async def put(self, caller: Caller, project_uuid: str, email: str, role: Role) -> None:
        """Give a user a role in a project, in place of what it had there. Raises `Error` (invalid)."""
        draft = PermissionDraft(project_uuid=project_uuid, email=email, role=role)
        made = new_permission(draft, id=self._audited.new_id(), now=self._audited.now())
        require(caller, Action.MANAGE, project_uuid, project_not_found(project_uuid))
        async with self._audited.transaction(caller) as transaction:
            await ProjectStore(transaction).lock()
            await ProjectStore(transaction).get(project_uuid)
            store = PermissionStore(transaction)
            had = await store.of_user(project_uuid, draft.email)
            kept = next((one for one in had if one.email == made.email), None)
            await self._take_away(transaction, [one for one in had if one is not kept])
            if kept is None:
                await store.create(made)
                details = {"email": made.email, "role": made.role}
                await transaction.note(AuditAction.CREATE, AuditThing.PERMISSION, made.id, project_uuid, **details)
            else:
                await store.update(replace(kept, role=role, updated_at=made.updated_at))
                changed = {"email": kept.email, "role": [kept.role, role]}
                await transaction.note(AuditAction.UPDATE, AuditThing.PERMISSION, kept.id, project_uuid, **changed)
        self._forget(draft.email)

    async def remove(self, caller: Caller, project_uuid: str, email: str) -> None:
        """Take away what a user has in a project, under all spellings of the address. Raises `Error` (invalid)."""
        address = parse_email(email)
        require(caller, Action.MANAGE, project_uuid, project_not_found(project_uuid))
        async with self._audited.transaction(caller) as transaction:
            await ProjectStore(transaction).lock()
            had = await PermissionStore(transaction).of_user(project_uuid, address)
            if not had:
                raise not_found(f"{address} has no role in project {project_uuid}")
            await self._take_away(transaction, had)
        self._forget(address)

    async def get(self, caller: Caller, permission_id: UUID) -> Permission:
        """Read a permission."""
        return await self._get(caller, Action.READ, permission_id)

    async def update(self, caller: Caller, permission_id: UUID, change: PermissionChange) -> Permission:
        """Change the role."""
        await self._get(caller, Action.MANAGE, permission_id)  # before the lock: others do not get to it
        async with self._audited.transaction(caller) as transaction:
            await ProjectStore(transaction).lock()
            read = await self._get(caller, Action.MANAGE, permission_id, PermissionStore(transaction))
            permission = changed_permission(read, change, now=self._audited.now())
            await PermissionStore(transaction).update(permission)
            details = {"email": read.email, "role": [read.role, permission.role]}
            await transaction.note(AuditAction.UPDATE, AuditThing.PERMISSION, read.id, read.project_uuid, **details)
        self._forget((read.email or "").lower())
        return permission

    async def delete(self, caller: Caller, permission_id: UUID) -> None:
        """Take a user's role away."""
        await self._get(caller, Action.MANAGE, permission_id)  # before the lock: others do not get to it
        async with self._audited.transaction(caller) as transaction:
            await ProjectStore(transaction).lock()
            read = await self._get(caller, Action.MANAGE, permission_id, PermissionStore(transaction))
            await self._take_away(transaction, [read])
        self._forget((read.email or "").lower())

    async def _take_away(self, transaction: AuditedTransaction, permissions: Iterable[Permission]) -> None:
        for one in permissions:
            await PermissionStore(transaction).delete(one.id)
            details = {"email": one.email, "role": one.role}
            await transaction.note(AuditAction.DELETE, AuditThing.PERMISSION, one.id, one.project_uuid, **details)

    async def _get(
        self, caller: Caller, action: Action, permission_id: UUID, store: PermissionStore | None = None
    ) -> Permission:
        permission = await (store or self._store).get(permission_id)
        require(caller, action, permission.project_uuid, permission_not_found(permission_id))
        return permission
