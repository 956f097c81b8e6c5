"""Codes: make, read, change and delete them, as the caller's role allows."""

from dataclasses import asdict, replace
from uuid import UUID

from codeactions.domain.access import Action, require
from codeactions.domain.audit import AuditAction, AuditThing, changed_values
from codeactions.domain.caller import Caller
from codeactions.domain.code import Code, CodeChange, CodeDraft, changed_code, code_not_found, new_code
from codeactions.domain.project import project_not_found
from codeactions.postgres.codes import CodeStore, CodesWithProtection, ListedCode
from codeactions.postgres.permissions import PermissionStore
from codeactions.postgres.projects import ProjectStore
from codeactions.runtimes import registry, timezones
from codeactions.services.audited import AuditedDatabase, AuditedTransaction
from codeactions.services.collaborators import SourceCheck

_SHOWN = ("name", "type", "language", "url", "project_uuid", "timeout", "timezone")


def _as_known(code: Code) -> Code:
    """Return a code with the names of its language and its time zone as the runtimes know them. Raises `Error`."""
    language = registry.language_rule().check(registry.name_of(code.language), "language")
    timezone = None if code.timezone is None else timezones.checked(code.timezone, "timezone")
    return replace(code, language=language, timezone=timezone)


class CodeService:
    """Every method raises `Error` (not_found, forbidden) as the caller's role in the code's project demands."""

    def __init__(self, audited: AuditedDatabase, cached: CodesWithProtection, builds: SourceCheck) -> None:
        """builds: checks sources (execution/builds.py). cached: forgets a code that has changed."""
        self._audited = audited
        self._store = CodeStore(audited.database)
        self._cached = cached
        self._builds = builds

    async def create(self, caller: Caller, draft: CodeDraft, *, check: bool = True) -> Code:
        """Make a code; with `check`, only if its language takes the source.

        Raises `Error`: invalid (with `error_type`, `line`, `column` for a source), too_large, busy.
        """
        code = _as_known(new_code(draft, id=self._audited.new_id(), now=self._audited.now()))
        require(caller, Action.CHANGE, code.project_uuid, project_not_found(code.project_uuid))
        if check:
            await self._builds.check(code.language, code.source)
        async with self._audited.transaction(caller) as transaction:
            await self._require_still(transaction, caller, code.project_uuid)
            await CodeStore(transaction).create(code)
            shown = {name: getattr(code, name) for name in _SHOWN}
            await transaction.note(AuditAction.CREATE, AuditThing.CODE, code.id, code.project_uuid, **shown)
        return code

    async def list(
        self, caller: Caller, project_uuid: str, kind: str | None, page: int
    ) -> tuple[list[ListedCode], int]:
        """Return a page of a project's codes, oldest first, and how many there are.

        A project that the caller may not know of has none, as one that does not exist.
        """
        if caller.role_in(project_uuid) is None:
            return [], 0
        return await self._store.list(project_uuid, kind, page)

    async def get(self, caller: Caller, code_id: UUID) -> Code:
        """Read a code."""
        return await self._get(caller, Action.READ, code_id)

    async def update(self, caller: Caller, code_id: UUID, change: CodeChange, *, check: bool = True) -> Code:
        """Change what is given, and only that. Raises `Error` as `create` does, and conflict.

        Moving a code, with its history, takes it away from where it was: that needs the right to delete it there.
        """
        read = await self._get(caller, Action.CHANGE, code_id)
        code = _as_known(changed_code(read, change, now=self._audited.now()))
        if code.project_uuid != read.project_uuid:
            require(caller, Action.DELETE, read.project_uuid, code_not_found(code_id))
            require(caller, Action.CHANGE, code.project_uuid, project_not_found(code.project_uuid))
        if check and (code.language, code.source) != (read.language, read.source):
            await self._builds.check(code.language, code.source)
        before, after = asdict(read), asdict(code)
        del after["updated_at"]
        try:
            async with self._audited.transaction(caller) as transaction:
                await self._require_still(transaction, caller, code.project_uuid)
                await CodeStore(transaction).update(code, read)
                details = changed_values(before, after, _SHOWN)
                await transaction.note(AuditAction.UPDATE, AuditThing.CODE, code_id, code.project_uuid, **details)
                if read.project_uuid != code.project_uuid:  # the project that loses it has a line, too
                    await transaction.note(AuditAction.UPDATE, AuditThing.CODE, code_id, read.project_uuid, **details)
        finally:
            self._cached.forget(code_id)  # also on an error: the change may be committed and only the answer lost
        return code

    async def delete(self, caller: Caller, code_id: UUID) -> None:
        """Delete a code, with its runs and their logs."""
        code = await self._get(caller, Action.DELETE, code_id)
        try:
            async with self._audited.transaction(caller) as transaction:
                await CodeStore(transaction).delete(code_id)
                await transaction.note(AuditAction.DELETE, AuditThing.CODE, code_id, code.project_uuid, name=code.name)
        finally:
            self._cached.forget(code_id)

    @staticmethod
    async def _require_still(transaction: AuditedTransaction, caller: Caller, project_uuid: str) -> None:
        """Check the caller's role again: a build takes its time, so the project or the role may be gone by now."""
        there = await ProjectStore(transaction).hold(project_uuid)
        if caller.everywhere:
            return
        if caller.email is not None:
            caller = replace(caller, roles=await PermissionStore(transaction).roles_of(caller.email))
        elif not there:
            caller = replace(caller, roles={})
        require(caller, Action.CHANGE, project_uuid, project_not_found(project_uuid))

    async def _get(self, caller: Caller, action: Action, code_id: UUID) -> Code:
        code = await self._store.get(code_id)
        require(caller, action, code.project_uuid, code_not_found(code_id))
        return code
