"""Projects: made, read, changed and deleted by those who may."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from codeactions.domain.access import Action, require, require_everywhere
from codeactions.domain.audit import Deed, Thing
from codeactions.domain.caller import Caller
from codeactions.domain.page import Page
from codeactions.domain.project import (
    Project,
    changed_project,
    new_project,
)
from codeactions.postgres.projects import ProjectStore, missing
from codeactions.postgres.tokens import TokenStore
from codeactions.services.audited import AuditedDatabase

_Forget = Callable[[str], None]


class ProjectService:
    """Every method raises `Error` (not_found, forbidden) as the caller's role in the project demands.

    forget: lets go of what is kept in memory of a user's roles.
    """

    def __init__(self, desk: AuditedDatabase, forget: _Forget = lambda email: None) -> None:
        self._desk = desk
        self._store = ProjectStore(desk.database)
        self._forget = forget

    async def create(self, caller: Caller, fields: Mapping[str, Any]) -> Project:
        """Make a project, with who is in it. Raises `Error` (invalid, conflict).

        Not for everybody: codes may name a project that has no row yet, and who could make it would own them.
        """
        require_everywhere(caller, "make projects")
        project = new_project(fields, id=self._desk.new_id(), now=self._desk.now())
        async with self._desk.change(caller) as change:
            store = ProjectStore(change)
            await store.lock()
            await store.create(project)
            made = await store.get(project.uuid)  # with those whose permission was there before it
            await change.note(Deed.CREATE, Thing.PROJECT, project.uuid, project.uuid, **_shown(made))
        self._forget_all(_emails(made))
        return made

    async def page(self, caller: Caller, page: int) -> Page[Project]:
        """The projects that the caller has a role in, oldest first."""
        return await self._store.page(caller.projects, page)

    async def get(self, caller: Caller, uuid: str) -> Project:
        """Read a project."""
        require(caller, Action.READ, uuid, missing(uuid))
        return await self._store.get(uuid)

    async def update(self, caller: Caller, uuid: str, fields: Mapping[str, Any]) -> Project:
        """Change the name, who is in it, or both. Raises `Error` (invalid)."""
        require(caller, Action.MANAGE, uuid, missing(uuid))
        async with self._desk.change(caller) as change:
            store = ProjectStore(change)
            await store.lock()
            read = await store.get(uuid)
            await store.update(changed_project(read, fields, now=self._desk.now()))
            project = await store.get(uuid)
            told = {"name": [read.name, project.name]} if read.name != project.name else {}
            await change.note(Deed.UPDATE, Thing.PROJECT, uuid, uuid, **told, **_difference(read, project))
        self._forget_all({*_emails(read), *_emails(project)})
        return project

    async def delete(self, caller: Caller, uuid: str) -> None:
        """Delete a project, its permissions and tokens. Raises `Error` (conflict) while it has codes."""
        require(caller, Action.MANAGE, uuid, missing(uuid))
        async with self._desk.change(caller) as change:
            store = ProjectStore(change)
            await store.lock()
            read = await store.get(uuid)
            for token in await TokenStore(change).live_of(uuid):
                await change.note(Deed.REVOKE, Thing.TOKEN, token.id, uuid, name=token.name, role=token.role)
            await store.delete(uuid)
            await change.note(Deed.DELETE, Thing.PROJECT, uuid, uuid, **_shown(read))
        self._forget_all(_emails(read))

    def _forget_all(self, emails: Iterable[str]) -> None:
        for email in emails:
            self._forget(email)


def _emails(project: Project) -> list[str]:
    return [one.email.lower() for one in project.authorizations]


def _shown(project: Project) -> dict[str, Any]:
    return {"name": project.name, "authorizations": {one.email: one.role for one in project.authorizations}}


def _difference(before: Project, after: Project) -> dict[str, Any]:
    """By address, the role before and after, of those whose role is another one."""
    old = {one.email: int(one.role) for one in before.authorizations}
    new = {one.email: int(one.role) for one in after.authorizations}
    differing = sorted(email for email in {*old, *new} if old.get(email) != new.get(email))
    return {"authorizations": {email: [old.get(email), new.get(email)] for email in differing}} if differing else {}
