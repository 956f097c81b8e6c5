"""Codes: made, read, changed and deleted by those who may."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from codeactions.domain.access import Action, require
from codeactions.domain.audit import Deed, Thing, changes
from codeactions.domain.caller import Caller
from codeactions.domain.code import Code, changed_code, new_code
from codeactions.execution.builds import Builds
from codeactions.postgres.codes import CodeStore, CodesWithProtection, ListedCode, missing
from codeactions.postgres.permissions import PermissionStore
from codeactions.postgres.projects import ProjectStore
from codeactions.postgres.projects import missing as missing_project
from codeactions.runtimes import registry
from codeactions.services.audited import AuditedDatabase, AuditedTransaction

_SHOWN = ("name", "type", "language", "url", "project_uuid", "timeout")


class CodeService:
    """Every method raises `Error` (not_found, forbidden) as the caller's role in the code's project demands."""

    def __init__(self, desk: AuditedDatabase, guarded: CodesWithProtection, builds: Builds) -> None:
        self._desk = desk
        self._store = CodeStore(desk.database)
        self._guarded = guarded
        self._builds = builds

    async def create(self, caller: Caller, fields: Mapping[str, Any], *, check: bool = True) -> Code:
        """Make a code of what the caller sent; with `check`, only if its language takes the source.

        Raises `Error`: invalid (with `error_type`, `line`, `column` for a source), too_large, busy.
        """
        code = new_code(fields, languages=registry.names(), id=self._desk.new_id(), now=self._desk.now())
        require(caller, Action.CHANGE, code.project_uuid, missing_project(code.project_uuid))
        if check:
            await self._builds.check(code.language, code.source)
        async with self._desk.change(caller) as change:
            await self._still(change, caller, code.project_uuid)
            await CodeStore(change).create(code)
            shown = {name: getattr(code, name) for name in _SHOWN}
            await change.note(Deed.CREATE, Thing.CODE, code.id, code.project_uuid, **shown)
        return code

    async def list(
        self, caller: Caller, project_uuid: str, kind: str | None, page: int
    ) -> tuple[list[ListedCode], int]:
        """A page of a project's codes, oldest first, and how many there are.

        Of a project that the caller may not know of as of one that is not there.
        """
        if caller.role_in(project_uuid) is None:
            return [], 0
        return await self._store.list(project_uuid, kind, page)

    async def get(self, caller: Caller, code_id: UUID) -> Code:
        """Read a code."""
        return await self._get(caller, Action.READ, code_id)

    async def update(self, caller: Caller, code_id: UUID, fields: Mapping[str, Any], *, check: bool = True) -> Code:
        """Change what is given, and only that. Raises `Error` as `create` does, and conflict.

        Moving a code, with its history, takes it away from where it was: that needs the right to delete it there.
        """
        read = await self._get(caller, Action.CHANGE, code_id)
        code = changed_code(read, fields, languages=registry.names(), now=self._desk.now())
        if code.project_uuid != read.project_uuid:
            require(caller, Action.DELETE, read.project_uuid, missing(code_id))
            require(caller, Action.CHANGE, code.project_uuid, missing_project(code.project_uuid))
        if check and (code.language, code.source) != (read.language, read.source):
            await self._builds.check(code.language, code.source)
        before, after = asdict(read), asdict(code)
        del after["updated_at"]
        try:
            async with self._desk.change(caller) as change:
                await self._still(change, caller, code.project_uuid)
                await CodeStore(change).update(code, read)
                told = changes(before, after, _SHOWN)
                await change.note(Deed.UPDATE, Thing.CODE, code_id, code.project_uuid, **told)
                if read.project_uuid != code.project_uuid:  # the project that loses it has a line, too
                    await change.note(Deed.UPDATE, Thing.CODE, code_id, read.project_uuid, **told)
        finally:
            self._guarded.forget(code_id)  # whatever came of it: the answer of the database may have been lost
        return code

    async def delete(self, caller: Caller, code_id: UUID) -> None:
        """Delete a code, with its runs and their logs."""
        code = await self._get(caller, Action.DELETE, code_id)
        try:
            async with self._desk.change(caller) as change:
                await CodeStore(change).delete(code_id)
                await change.note(Deed.DELETE, Thing.CODE, code_id, code.project_uuid, name=code.name)
        finally:
            self._guarded.forget(code_id)

    @staticmethod
    async def _still(change: AuditedTransaction, caller: Caller, project_uuid: str) -> None:
        """A build takes its time: the project may be gone by now, or the caller out of it."""
        there = await ProjectStore(change).hold(project_uuid)
        if caller.everywhere:
            return
        if caller.email is not None:
            caller = replace(caller, roles=await PermissionStore(change).roles_of(caller.email))
        elif not there:
            caller = replace(caller, roles={})
        require(caller, Action.CHANGE, project_uuid, missing_project(project_uuid))

    async def _get(self, caller: Caller, action: Action, code_id: UUID) -> Code:
        code = await self._store.get(code_id)
        require(caller, action, code.project_uuid, missing(code_id))
        return code
