"""Projects: make, read, change and delete them, as the caller's role allows."""

from collections.abc import Callable, Iterable
from typing import Any

from codeactions.domain.access import Action, require, require_everywhere
from codeactions.domain.audit import AuditAction, AuditThing
from codeactions.domain.caller import Caller
from codeactions.domain.page import Page
from codeactions.domain.project import (
    Project,
    ProjectChange,
    ProjectDraft,
    changed_project,
    new_project,
    project_differences,
    project_not_found,
    roles_by_email,
)
from codeactions.postgres.project_values import ProjectValueStore
from codeactions.postgres.projects import ProjectStore
from codeactions.postgres.tokens import TokenStore
from codeactions.services.audited import AuditedDatabase

_Forget = Callable[[str], None]


class ProjectService:
    """Every method raises `Error` (not_found, forbidden) as the caller's role in the project demands.

    forget: drops a user's roles from memory, by address in small letters.
    """

    def __init__(self, audited: AuditedDatabase, forget: _Forget = lambda email: None) -> None:
        self._audited = audited
        self._store = ProjectStore(audited.database)
        self._forget = forget

    async def create(self, caller: Caller, draft: ProjectDraft) -> Project:
        """Make a project, with its users. Raises `Error` (invalid, conflict).

        Only for callers with every right: codes may name a project that has no row yet, and its maker would own them.
        """
        require_everywhere(caller, "make projects")
        project = new_project(draft, id=self._audited.new_id(), now=self._audited.now())
        async with self._audited.transaction(caller) as transaction:
            store = ProjectStore(transaction)
            await store.lock()
            await store.create(project)
            made = await store.get(project.uuid)  # with the users whose permission was there before it
            await transaction.note(AuditAction.CREATE, AuditThing.PROJECT, project.uuid, project.uuid, **_shown(made))
        self._forget_all(_emails(made))
        return made

    async def page(self, caller: Caller, page: int) -> Page[Project]:
        """Return the projects that the caller has a role in, oldest first."""
        return await self._store.page(caller.projects, page)

    async def get(self, caller: Caller, uuid: str) -> Project:
        """Read a project."""
        require(caller, Action.READ, uuid, project_not_found(uuid))
        return await self._store.get(uuid)

    async def update(self, caller: Caller, uuid: str, change: ProjectChange) -> Project:
        """Change the name, the users with their roles, or both. Raises `Error` (invalid)."""
        require(caller, Action.MANAGE, uuid, project_not_found(uuid))
        async with self._audited.transaction(caller) as transaction:
            store = ProjectStore(transaction)
            await store.lock()
            read = await store.get(uuid)
            await store.update(changed_project(read, change, now=self._audited.now()), read)
            project = await store.get(uuid)
            details = project_differences(read, project)
            await transaction.note(AuditAction.UPDATE, AuditThing.PROJECT, uuid, uuid, **details)
        self._forget_all({*_emails(read), *_emails(project)})
        return project

    async def delete(self, caller: Caller, uuid: str) -> None:
        """Delete a project, its permissions, tokens and values. Raises `Error` (conflict) while it has codes."""
        require(caller, Action.MANAGE, uuid, project_not_found(uuid))
        async with self._audited.transaction(caller) as transaction:
            store = ProjectStore(transaction)
            await store.lock()
            read = await store.get(uuid)
            for token in await TokenStore(transaction).live_of(uuid):
                await transaction.note(
                    AuditAction.REVOKE, AuditThing.TOKEN, token.id, uuid, name=token.name, role=token.role
                )
            for value_id, name, kind in await ProjectValueStore(transaction).names(uuid):
                await transaction.note(AuditAction.DELETE, AuditThing(kind), value_id, uuid, name=name)
            await store.delete(uuid)
            await transaction.note(AuditAction.DELETE, AuditThing.PROJECT, uuid, uuid, **_shown(read))
        self._forget_all(_emails(read))

    def _forget_all(self, emails: Iterable[str]) -> None:
        for email in emails:
            self._forget(email)


def _emails(project: Project) -> list[str]:
    return [one.email.lower() for one in project.authorizations]


def _shown(project: Project) -> dict[str, Any]:
    return {"name": project.name, "authorizations": roles_by_email(project)}
