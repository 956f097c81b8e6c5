"""Projects and permissions follow the messages of the identity system.

A message may come twice, and of the two queues, each in order, either may be ahead. So:

- A permission of a project that does not exist waits for it (`pending`). As a row it would count at once, since codes
  can be in a project that has no row.
- The list of a project's users comes again with each delivery and each new name. A repeated list says nothing new, but
  permission messages may have come since: only a list that differs from the last one applied (`snapshot`) counts.
- A list that differs is complete, and is applied exactly, whatever was changed here before. Messages carry no time, so
  that it also undoes a younger permission message that overtook it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from codeactions.domain.audit import AuditAction, AuditThing
from codeactions.domain.caller import Caller, CallerKind
from codeactions.domain.event import Event, PermissionEvent, ProjectEvent, fingerprint
from codeactions.domain.ids import new_id
from codeactions.domain.permission import Permission
from codeactions.domain.project import Authorization, Project, as_authorizations, project_differences, roles_by_email
from codeactions.domain.role import Role
from codeactions.postgres.database import Database
from codeactions.postgres.identityevents import IdentityEventStore, Remembered
from codeactions.postgres.permissions import PermissionStore
from codeactions.postgres.projects import ProjectStore
from codeactions.services.audited import AuditedDatabase, AuditedTransaction

_CALLER = Caller(kind=CallerKind.EVENT, name="identity events", everywhere=True)


class MembershipSync:
    """Applies the messages, each in one transaction with its line in the audit log."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_id: Callable[[], UUID] = new_id,
    ) -> None:
        self._audited = AuditedDatabase(database, now=now, new_id=new_id)

    async def apply(self, event: Event) -> bool:
        """Apply a message. Return whether a project or a permission changed.

        Raises `Error` (busy) while the database is away. A message may always be applied again.
        """
        async with self._audited.transaction(_CALLER) as transaction:
            await ProjectStore(transaction).lock()
            if isinstance(event, ProjectEvent):
                return await self._apply_project(transaction, event)
            return await self._apply_permission(transaction, event)

    async def _apply_project(self, transaction: AuditedTransaction, event: ProjectEvent) -> bool:
        projects, events = ProjectStore(transaction), IdentityEventStore(transaction)
        known = await projects.find(event.project_uuid)
        remembered = await events.get(event.project_uuid)
        before = known or await self._make(projects, event)
        last = remembered.snapshot if known else None  # the snapshot of a deleted project means nothing any more
        snapshot = last if event.authorizations is None else fingerprint(event.authorizations)
        listed = before.authorizations if event.authorizations is None or snapshot == last else event.authorizations
        authorizations = _overlaid(listed, remembered.pending)
        after = replace(before, name=event.name, authorizations=authorizations)
        if after != before:
            await projects.update(replace(after, updated_at=self._audited.now()), before)
        if remembered != Remembered(snapshot=snapshot):
            await events.put(event.project_uuid, Remembered(snapshot=snapshot), self._audited.now())
        if known is None:
            shown = {"name": after.name, "authorizations": roles_by_email(after)}
            await transaction.note(AuditAction.CREATE, AuditThing.PROJECT, after.uuid, after.uuid, **shown)
        elif after != before:
            details = project_differences(before, after)
            await transaction.note(AuditAction.UPDATE, AuditThing.PROJECT, after.uuid, after.uuid, **details)
        return known is None or after != before

    async def _make(self, projects: ProjectStore, event: ProjectEvent) -> Project:
        """Make a project. Its users are still those whose permission was there before it."""
        uuid, now = event.project_uuid, self._audited.now()
        made = Project(
            id=self._audited.new_id(), uuid=uuid, name=event.name, authorizations=(), created_at=now, updated_at=now
        )
        await projects.create(made)
        return await projects.get(uuid)

    async def _apply_permission(self, transaction: AuditedTransaction, event: PermissionEvent) -> bool:
        uuid, email, now = event.project_uuid, event.email, self._audited.now()
        project = await ProjectStore(transaction).find(uuid)
        events = IdentityEventStore(transaction)
        remembered = await events.get(uuid)
        if project is None:
            pending = {**remembered.pending, email: event.role}
            await events.put(uuid, replace(remembered, pending=pending), now)
            return False
        if email in remembered.pending:  # the project was made by another writer: this message is the younger one
            pending = {other: role for other, role in remembered.pending.items() if other != email}
            await events.put(uuid, replace(remembered, pending=pending), now)
        held = [one for one in project.authorizations if one.email.lower() == email]
        if held == ([] if event.role is None else [Authorization(email, event.role)]):
            return False
        permissions = PermissionStore(transaction)
        if event.role is None or any(one.email != email for one in held):  # of two spellings the higher role counts
            await permissions.remove(uuid, email)
        if event.role is not None:
            dates = {"created_at": now, "updated_at": now}
            made = Permission(id=self._audited.new_id(), project_uuid=uuid, email=email, role=event.role, **dates)
            await permissions.put(made)
        await self._note_permission(transaction, event, max((one.role for one in held), default=None))
        return True

    async def _note_permission(
        self, transaction: AuditedTransaction, event: PermissionEvent, before: Role | None
    ) -> None:
        if event.role is None:
            action, role = AuditAction.DELETE, before
        else:
            action, role = (AuditAction.UPDATE if before else AuditAction.CREATE), event.role
        details = {"email": event.email, "role": [before, role] if action is AuditAction.UPDATE else role}
        await transaction.note(action, AuditThing.PERMISSION, event.email, event.project_uuid, **details)


def _overlaid(
    authorizations: tuple[Authorization, ...], pending: Mapping[str, Role | None]
) -> tuple[Authorization, ...]:
    kept = [(one.email, one.role) for one in authorizations if one.email.lower() not in pending]
    return as_authorizations([*kept, *((email, role) for email, role in pending.items() if role is not None)])
