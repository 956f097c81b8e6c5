"""What the identity system's messages say, taken over into projects and permissions.

A message may come twice, and of the two queues, each in order, either may be ahead. So:

- A permission of a project that is not there waits for it (`pending`). As a row it would count at once, since codes can
  be in a project that has no row.
- The list of who is in a project comes again with each delivery and each new name. Then it says nothing new, but
  permission messages may have since: only one that differs from the last one taken over (`snapshot`) counts.
- A list that differs is the whole truth and is taken over exactly, whatever was told or done here before. Messages
  carry no time, so that it also undoes a younger permission message that overtook it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from codeactions.domain.audit import Deed, Thing
from codeactions.domain.caller import Caller, CallerKind
from codeactions.domain.event import Event, PermissionEvent, ProjectEvent, fingerprint
from codeactions.domain.ids import new_id
from codeactions.domain.project import Authorization, Permission, Project, as_authorizations
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
        self._desk = AuditedDatabase(database, now=now, new_id=new_id)

    async def apply(self, event: Event) -> bool:
        """Do what a message says; whether a project or a permission is another one now.

        Raises `Error` (busy) while the database is away; doing it again is always right.
        """
        async with self._desk.change(_CALLER) as change:
            await ProjectStore(change).lock()
            if isinstance(event, ProjectEvent):
                return await self._take_project(change, event)
            return await self._take_permission(change, event)

    async def _take_project(self, change: AuditedTransaction, event: ProjectEvent) -> bool:
        projects, events = ProjectStore(change), IdentityEventStore(change)
        known = await projects.find(event.project_uuid)
        remembered = await events.get(event.project_uuid)
        before = known or await self._make(projects, event)
        last = remembered.snapshot if known else None  # what was taken over into a project of before is gone with it
        told = last if event.authorizations is None else fingerprint(event.authorizations)
        listed = before.authorizations if event.authorizations is None or told == last else event.authorizations
        authorizations = _overlaid(listed, remembered.pending)
        after = replace(before, name=event.name, authorizations=authorizations)
        if after != before:
            await projects.update(replace(after, updated_at=self._desk.now()))
        if remembered != Remembered(snapshot=told):
            await events.put(event.project_uuid, Remembered(snapshot=told), self._desk.now())
        if known is None:
            shown = {"name": after.name, "authorizations": _roles(after)}
            await change.note(Deed.CREATE, Thing.PROJECT, after.uuid, after.uuid, **shown)
        elif after != before:
            await change.note(Deed.UPDATE, Thing.PROJECT, after.uuid, after.uuid, **_difference(before, after))
        return known is None or after != before

    async def _make(self, projects: ProjectStore, event: ProjectEvent) -> Project:
        """A new project, still with just those whose permission was there before it."""
        uuid, now = event.project_uuid, self._desk.now()
        made = Project(
            id=self._desk.new_id(), uuid=uuid, name=event.name, authorizations=(), created_at=now, updated_at=now
        )
        await projects.create(made)
        return await projects.get(uuid)

    async def _take_permission(self, change: AuditedTransaction, event: PermissionEvent) -> bool:
        uuid, email, now = event.project_uuid, event.email, self._desk.now()
        project = await ProjectStore(change).find(uuid)
        events = IdentityEventStore(change)
        remembered = await events.get(uuid)
        if project is None:
            pending = {**remembered.pending, email: event.role}
            await events.put(uuid, replace(remembered, pending=pending), now)
            return False
        if email in remembered.pending:  # the project was made by somebody else: this message is the younger one
            pending = {other: role for other, role in remembered.pending.items() if other != email}
            await events.put(uuid, replace(remembered, pending=pending), now)
        held = [one for one in project.authorizations if one.email.lower() == email]
        if held == ([] if event.role is None else [Authorization(email, event.role)]):
            return False
        permissions = PermissionStore(change)
        if event.role is None or any(one.email != email for one in held):  # of two spellings the higher role counts
            await permissions.remove(uuid, email)
        if event.role is not None:
            dates = {"created_at": now, "updated_at": now}
            made = Permission(id=self._desk.new_id(), project_uuid=uuid, email=email, role=event.role, **dates)
            await permissions.put(made)
        await self._note_permission(change, event, max((one.role for one in held), default=None))
        return True

    async def _note_permission(self, change: AuditedTransaction, event: PermissionEvent, before: Role | None) -> None:
        if event.role is None:
            deed, role = Deed.DELETE, before
        else:
            deed, role = (Deed.UPDATE if before else Deed.CREATE), event.role
        told: dict[str, Any] = {"role": [before, role] if deed is Deed.UPDATE else role}
        await change.note(deed, Thing.PERMISSION, event.email, event.project_uuid, email=event.email, **told)


def _overlaid(
    authorizations: tuple[Authorization, ...], pending: Mapping[str, Role | None]
) -> tuple[Authorization, ...]:
    kept = [(one.email, one.role) for one in authorizations if one.email.lower() not in pending]
    return as_authorizations([*kept, *((email, role) for email, role in pending.items() if role is not None)])


def _roles(project: Project) -> dict[str, int]:
    return {one.email: int(one.role) for one in project.authorizations}


def _difference(before: Project, after: Project) -> dict[str, Any]:
    """What differs, as [before, after]; of the roles by address."""
    found: dict[str, Any] = {"name": [before.name, after.name]} if before.name != after.name else {}
    old, new = _roles(before), _roles(after)
    differing = sorted(email for email in {*old, *new} if old.get(email) != new.get(email))
    if differing:
        found["authorizations"] = {email: [old.get(email), new.get(email)] for email in differing}
    return found
