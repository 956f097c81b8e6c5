"""Secrets and variables: make, list, change and delete them, as the caller's role allows. No value is in the log."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from codeactions.domain.access import Action, require
from codeactions.domain.audit import AuditAction, AuditThing
from codeactions.domain.caller import Caller
from codeactions.domain.draft import UNSET, Unset
from codeactions.domain.errors import Error
from codeactions.domain.page import Page
from codeactions.domain.project import project_not_found
from codeactions.domain.project_value import (
    ProjectValue,
    ValueChange,
    ValueDraft,
    ValueKind,
    require_change,
    require_codes,
    require_room,
    value_not_found,
)
from codeactions.identity.cipher import Cipher
from codeactions.postgres.project_values import ProjectValueStore, secret_identity
from codeactions.services.audited import AuditedDatabase, AuditedTransaction
from codeactions.services.current_role import with_current_role


class ProjectValueService:
    """Secrets, or variables. Every method raises `Error` (not_found, forbidden) as the caller's role demands.

    cipher: encrypts secrets; None where none is made or changed. forget: drops the values of a project from memory.
    """

    def __init__(
        self,
        kind: ValueKind,
        audited: AuditedDatabase,
        cipher: Cipher | None,
        forget: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._kind = kind
        self._audited = audited
        self._cipher = cipher
        self._forget = forget
        self._store = ProjectValueStore(audited.database)

    async def create(self, caller: Caller, draft: ValueDraft) -> ProjectValue:
        """Make a value. Raises `Error`: invalid for a code of another project; conflict for a name that is taken."""
        require(caller, Action.MANAGE, draft.project_uuid, project_not_found(draft.project_uuid))
        async with self._changing(draft.project_uuid), self._audited.transaction(caller) as transaction:
            await self._begin(transaction, caller, draft.project_uuid, project_not_found(draft.project_uuid))
            return await self._create(transaction, draft)

    async def put(self, caller: Caller, draft: ValueDraft, *, narrow: bool) -> tuple[ProjectValue, bool]:
        """Make a value, or replace that of the same name; with `narrow` also the codes that get it.

        Returns the value, and whether it is new. Raises as `create` does.
        """
        project = draft.project_uuid
        require(caller, Action.MANAGE, project, project_not_found(project))
        async with self._changing(project), self._audited.transaction(caller) as transaction:
            await self._begin(transaction, caller, project, project_not_found(project))
            there = await ProjectValueStore(transaction).find(project, draft.name)
            if there is None or there.kind is not self._kind:
                return await self._create(transaction, draft), True
            change = ValueChange(value=draft.value, code_ids=draft.code_ids if narrow else UNSET)
            return await self._change(transaction, there, change), False

    async def page(self, caller: Caller, project_uuid: str, page: int) -> Page[ProjectValue]:
        """Return a project's values, ordered by name; none if the caller may not know of the project."""
        if caller.role_in(project_uuid) is None:
            return Page([], 0, page)
        return await self._store.page(self._kind, project_uuid, page)

    async def get(self, caller: Caller, value_id: UUID) -> ProjectValue:
        """Read a value; of a secret everything but the value itself."""
        return await self._get(caller, Action.READ, value_id)

    async def find(self, caller: Caller, project_uuid: str, name: str) -> ProjectValue:
        """Read a value by its name."""
        require(caller, Action.READ, project_uuid, project_not_found(project_uuid))
        found = await self._store.find(project_uuid, name)
        if found is None or found.kind is not self._kind:
            raise value_not_found(self._kind, f"{name!r} in project {project_uuid}")
        return found

    async def update(self, caller: Caller, value_id: UUID, change: ValueChange) -> ProjectValue:
        """Change what is given. Runs that begin from now on get it. Raises as `create` does."""
        read = await self._get(caller, Action.MANAGE, value_id)
        require_change(change)
        project = read.project_uuid
        async with self._changing(project), self._audited.transaction(caller) as transaction:
            await self._begin(transaction, caller, project, value_not_found(self._kind, value_id))
            there = await ProjectValueStore(transaction).get(self._kind, value_id)
            return await self._change(transaction, there, change)

    async def delete(self, caller: Caller, value_id: UUID) -> None:
        """Delete a value. Runs that begin from now on do not get it."""
        read = await self._get(caller, Action.MANAGE, value_id)
        async with self._changing(read.project_uuid), self._audited.transaction(caller) as transaction:
            await ProjectValueStore(transaction).delete(self._kind, value_id)
            await self._note(transaction, AuditAction.DELETE, read)

    def _changing(self, project_uuid: str) -> "_Forgetting":
        return _Forgetting(lambda: self._forget(project_uuid))

    @staticmethod
    async def _begin(transaction: AuditedTransaction, caller: Caller, project_uuid: str, not_there: Error) -> None:
        """Be the one writer of a project's values, and check the caller's role again."""
        now = await with_current_role(transaction, caller, project_uuid)
        require(now, Action.MANAGE, project_uuid, not_there)
        await ProjectValueStore(transaction).lock(project_uuid)

    async def _create(self, transaction: AuditedTransaction, draft: ValueDraft) -> ProjectValue:
        store, now = ProjectValueStore(transaction), self._audited.now()
        value = ProjectValue(
            id=self._audited.new_id(),
            project_uuid=draft.project_uuid,
            name=draft.name,
            kind=self._kind,
            size=len(draft.value.encode()),
            plain=draft.value if self._kind is ValueKind.VARIABLE else None,
            code_ids=draft.code_ids,
            created_at=now,
            updated_at=now,
        )
        await self._check_codes(store, value.project_uuid, draft.code_ids)
        await store.create(value, self._encrypted(value, draft.value))
        require_room(await store.use(value.project_uuid), value.project_uuid)
        await self._note(transaction, AuditAction.CREATE, value)
        return value

    async def _change(self, transaction: AuditedTransaction, read: ProjectValue, change: ValueChange) -> ProjectValue:
        store, now, details = ProjectValueStore(transaction), self._audited.now(), dict[str, Any]()
        if not isinstance(change.code_ids, Unset):
            await self._check_codes(store, read.project_uuid, change.code_ids)
            await store.change_codes(read.id, now, change.code_ids)
            if change.code_ids != read.code_ids:
                details["code_ids"] = [_shown(read.code_ids), _shown(change.code_ids)]
        if not isinstance(change.value, Unset):
            encrypted = self._encrypted(read, change.value)
            await store.change_value(
                read.id, now, encrypted=encrypted, plain=change.value if encrypted is None else None
            )
            require_room(await store.use(read.project_uuid), read.project_uuid)
            details["changed"] = ["value"]
        await self._note(transaction, AuditAction.UPDATE, read, **details)
        return await store.get(self._kind, read.id)

    def _encrypted(self, value: ProjectValue, text: str) -> bytes | None:
        if value.kind is ValueKind.VARIABLE:
            return None
        assert self._cipher is not None
        return self._cipher.encrypt(text, secret_identity(value.project_uuid, value.name, value.id))

    @staticmethod
    async def _check_codes(store: ProjectValueStore, project_uuid: str, code_ids: Sequence[UUID] | None) -> None:
        if code_ids is not None:
            require_codes(code_ids, await store.codes_of(project_uuid, code_ids), project_uuid)

    async def _note(
        self, transaction: AuditedTransaction, action: AuditAction, value: ProjectValue, **details: Any
    ) -> None:
        shown = details if action is AuditAction.UPDATE else {"code_ids": _shown(value.code_ids)}
        await transaction.note(action, AuditThing(value.kind), value.id, value.project_uuid, name=value.name, **shown)

    async def _get(self, caller: Caller, action: Action, value_id: UUID) -> ProjectValue:
        value = await self._store.get(self._kind, value_id)
        require(caller, action, value.project_uuid, value_not_found(self._kind, value_id))
        return value


class _Forgetting:
    """Drops what is in memory at the end of a block, also on an error: the change may be committed all the same."""

    def __init__(self, forget: Callable[[], None]) -> None:
        self._forget = forget

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *_: object) -> None:
        self._forget()


def _shown(code_ids: Sequence[UUID] | None) -> list[str] | None:
    return None if code_ids is None else [str(one) for one in code_ids]
