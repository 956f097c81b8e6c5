"""Codes: make, read, change and delete them, as the caller's role allows."""

from dataclasses import asdict, replace
from typing import Any, TypeVar

from codeactions.domain.access import USUAL_RULES, Action, RoleRules
from codeactions.domain.audit import AuditAction, AuditThing, changed_values
from codeactions.domain.caller import Caller
from codeactions.domain.code import Code, CodeChange, CodeDraft, changed_code, code_not_found, new_code
from codeactions.domain.draft import UNSET
from codeactions.domain.errors import not_found
from codeactions.domain.ids import AnyId
from codeactions.domain.project import project_not_found
from codeactions.domain.trial import TrialDraft
from codeactions.domain.version import RollbackDraft
from codeactions.postgres.codes import CodeStore, CodesWithProtection, ListedCode
from codeactions.postgres.codeversions import VersionStore
from codeactions.runtimes import registry, timezones
from codeactions.services.audited import AuditedDatabase, AuditedTransaction
from codeactions.services.collaborators import Ids, SourceCheck
from codeactions.services.current_role import with_current_role

_Given = TypeVar("_Given", CodeDraft, CodeChange, TrialDraft)
VERSIONS_KEPT = 100
_SHOWN = (
    *("name", "type", "language", "url", "project_uuid", "timeout", "timezone"),
    *("description", "mask_result", "version"),
)


def as_known(draft: _Given) -> _Given:
    """Return it with the names of language and time zone as the runtimes know them. Raises `Error` (invalid)."""
    known: dict[str, Any] = {}
    if isinstance(draft.language, str):
        known["language"] = registry.language_rule().check(registry.name_of(draft.language), "language")
    if isinstance(draft.timezone, str):
        known["timezone"] = timezones.checked(draft.timezone, "timezone")
    return replace(draft, **known)


class CodeService:
    """Every method raises `Error` (not_found, forbidden) as the caller's role in the code's project demands."""

    def __init__(
        self,
        audited: AuditedDatabase,
        cached: CodesWithProtection,
        builds: SourceCheck,
        ids: Ids,
        rules: RoleRules = USUAL_RULES,
        *,
        keep: int = VERSIONS_KEPT,
    ) -> None:
        """builds: checks sources (execution/builds.py). cached: forgets a code that has changed.

        keep: the number of versions that are kept of each code.
        """
        self._audited = audited
        self._ids = ids
        self._require = rules.require
        self._store = CodeStore(audited.database)
        self._cached = cached
        self._builds = builds
        self._keep = keep

    async def create(self, caller: Caller, draft: CodeDraft, *, check: bool = True) -> Code:
        """Make a code; with `check`, only if its language takes the source.

        Raises `Error`: invalid (with `error_type`, `line`, `column` for a source), too_large, busy.
        """
        draft = as_known(draft)
        code = new_code(draft, id=self._audited.new_id(), now=self._audited.now())
        self._require(caller, Action.CHANGE, draft.project_uuid, project_not_found(draft.project_uuid))
        built = await self._builds.check(draft.language, draft.source) if check else None
        async with self._audited.transaction(caller) as transaction:
            await self._require_still(transaction, caller, draft.project_uuid)
            await CodeStore(transaction).create(code)
            await self._describe(transaction, caller, code, draft.message, built)
            shown = {name: getattr(code, name) for name in _SHOWN} | _told(draft.message)
            await transaction.note(AuditAction.CREATE, AuditThing.CODE, code.id, code.project_uuid, **shown)
        self._cached.forget(code.id)  # of its name there may be two now
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

    async def get(self, caller: Caller, code_id: AnyId) -> Code:
        """Read a code."""
        return await self._get(caller, Action.READ, code_id)

    async def update(self, caller: Caller, code_id: AnyId, change: CodeChange, *, check: bool = True) -> Code:
        """Change what is given, and only that. Raises `Error` as `create` does, and conflict.

        Moving a code, with its history, takes it away from where it was: that needs the right to delete it there.
        """
        read = await self._get(caller, Action.CHANGE, code_id)
        code = changed_code(read, as_known(change), now=self._audited.now())
        if code.project_uuid != read.project_uuid:
            self._require(caller, Action.DELETE, read.project_uuid, code_not_found(code_id))
            self._require(caller, Action.CHANGE, code.project_uuid, project_not_found(code.project_uuid or ""))
        built, message = None, None if change.message is UNSET else change.message
        if (code.language, code.source) != (read.language, read.source):
            language = registry.language_rule().check(code.language, "language")
            if check:
                built = await self._builds.check(language, code.source or "")
        try:
            async with self._audited.transaction(caller) as transaction:
                await self._require_still(transaction, caller, code.project_uuid)
                code = await CodeStore(transaction).update(code, read)
                if code.version != read.version:
                    await self._describe(transaction, caller, code, message, built)
                details = _differences(read, code) | _told(message)
                await transaction.note(AuditAction.UPDATE, AuditThing.CODE, read.id, code.project_uuid, **details)
                if read.project_uuid != code.project_uuid:  # the project that loses it has a line, too
                    await transaction.note(AuditAction.UPDATE, AuditThing.CODE, read.id, read.project_uuid, **details)
        finally:
            self._cached.forget(read.id)  # also on an error: the change may be committed and only the answer lost
        return code

    async def roll_back(self, caller: Caller, code_id: AnyId, draft: RollbackDraft, *, check: bool = True) -> Code:
        """Make an earlier version the current one. Its source is built first, so that the first call need not.

        Raises `Error` as `create` does; not_found for a version that is not kept; conflict if the code was changed
        meanwhile.
        """
        read = await self._get(caller, Action.CHANGE, code_id)
        wanted = await VersionStore(self._audited.database).get(read.id, draft.version)
        if check:
            language = registry.language_rule().check(wanted.language, "language")
            await self._builds.check(language, wanted.source or "")
        if wanted.number == read.version:
            return read
        code = replace(
            read, source=wanted.source, language=wanted.language, version=wanted.number, updated_at=self._audited.now()
        )
        try:
            async with self._audited.transaction(caller) as transaction:
                await self._require_still(transaction, caller, code.project_uuid)
                code = await CodeStore(transaction).roll_back(code, read)
                details = _differences(read, code) | _told(draft.message)
                await transaction.note(AuditAction.ROLLBACK, AuditThing.CODE, code.id, code.project_uuid, **details)
        finally:
            self._cached.forget(read.id)
        return code

    async def delete(self, caller: Caller, code_id: AnyId, project_uuid: str | None = None) -> None:
        """Delete a code, with its runs and their logs; with `project_uuid` only if it is in this project."""
        code = await self._get(caller, Action.DELETE, code_id)
        if project_uuid is not None and project_uuid != code.project_uuid:
            raise not_found(f"there is no code {code_id} in project {project_uuid}")
        try:
            async with self._audited.transaction(caller) as transaction:
                await CodeStore(transaction).delete(code.id)
                await transaction.note(AuditAction.DELETE, AuditThing.CODE, code.id, code.project_uuid, name=code.name)
        finally:
            self._cached.forget(code.id)

    async def _describe(
        self, transaction: AuditedTransaction, caller: Caller, code: Code, message: str | None, built: str | None
    ) -> None:
        """Complete the version that the database has just made, and delete those that are too old."""
        versions = VersionStore(transaction)
        await versions.describe(code, author=caller.name, message=message, artifact=built, at=self._audited.now())
        await versions.prune(code, self._keep)

    async def _require_still(self, transaction: AuditedTransaction, caller: Caller, project_uuid: str | None) -> None:
        """Check the caller's role again: a build takes its time, so the project or the role may be gone by now."""
        caller = await with_current_role(transaction, caller, project_uuid)
        self._require(caller, Action.CHANGE, project_uuid, project_not_found(project_uuid or ""))

    async def _get(self, caller: Caller, action: Action, code_id: AnyId) -> Code:
        found = await self._ids.code(code_id)
        if found is None:
            raise code_not_found(code_id)
        code = await self._store.get(found)
        self._require(caller, action, code.project_uuid, code_not_found(code_id))
        return code


def _differences(before: Code, after: Code) -> dict[str, Any]:
    """Return what changed, for the audit log."""
    values = asdict(after)
    del values["updated_at"]
    return changed_values(asdict(before), values, _SHOWN)


def _told(message: str | None) -> dict[str, Any]:
    return {"message": message} if message else {}
