"""Protections of endpoints: read and set them, as the caller's role allows."""

import asyncio
from dataclasses import replace

from codeactions.domain.access import Action, require
from codeactions.domain.audit import AuditAction, AuditThing
from codeactions.domain.caller import Caller
from codeactions.domain.code import Code, code_not_found
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.ids import AnyId
from codeactions.domain.protection import (
    Protection,
    ProtectionKind,
    hash_password,
    protection_not_found,
    secret_identity,
)
from codeactions.domain.protection_draft import HmacProtectionDraft, ProtectionDraft, new_protection
from codeactions.identity.cipher import Cipher
from codeactions.postgres.codes import CodeStore, CodesWithProtection
from codeactions.postgres.protections import ProtectionStore
from codeactions.services.audited import AuditedDatabase
from codeactions.services.collaborators import Ids


class ProtectionService:
    """Every method raises `Error` (not_found, forbidden) as the caller's role in the code's project demands."""

    def __init__(self, audited: AuditedDatabase, cached: CodesWithProtection, cipher: Cipher, ids: Ids) -> None:
        self._ids = ids
        self._audited = audited
        self._cached = cached
        self._cipher = cipher

    async def get(self, caller: Caller, code_id: AnyId) -> Protection:
        """Return a code's protection. Raises `Error` (not_found), also when it is public."""
        code = await self._code(caller, Action.READ, code_id)
        found = await ProtectionStore(self._audited.database).get(code.id)
        if found is None:
            raise protection_not_found(code_id)
        return found

    async def put(self, caller: Caller, code_id: AnyId, draft: ProtectionDraft) -> tuple[Protection, str | None]:
        """Protect an endpoint, in place of its protection before. Return the shared secret too, if it was made here.

        Raises `Error` (conflict) for a flow, which has no public URL.
        """
        code = await self._code(caller, Action.MANAGE, code_id)
        if code.type != "endpoint":
            raise Error(ErrorCode.CONFLICT, "a flow has no public URL, so there is nothing to protect")
        bare, secret = new_protection(draft, code_id=code.id, now=self._audited.now())
        stored = None
        if bare.kind is ProtectionKind.BASIC and secret is not None:
            stored = await asyncio.to_thread(hash_password, secret)
        elif secret is not None:
            stored = self._cipher.encrypt(secret, secret_identity(code.id))
        protection = replace(bare, secret=stored)
        try:
            async with self._audited.transaction(caller) as transaction:
                await ProtectionStore(transaction).put(protection)
                details = {"kind": bare.kind, "username": bare.username, "header": bare.header}
                await transaction.note(AuditAction.UPDATE, AuditThing.PROTECTION, code.id, code.project_uuid, **details)
        finally:
            self._cached.forget(code.id)
        made_here = isinstance(draft, HmacProtectionDraft) and draft.secret is None
        return protection, secret if made_here else None

    async def delete(self, caller: Caller, code_id: AnyId) -> None:
        """Make an endpoint public again."""
        code = await self._code(caller, Action.MANAGE, code_id)
        try:
            async with self._audited.transaction(caller) as transaction:
                if not await ProtectionStore(transaction).delete(code.id):
                    raise protection_not_found(code_id)
                await transaction.note(AuditAction.DELETE, AuditThing.PROTECTION, code.id, code.project_uuid)
        finally:
            self._cached.forget(code.id)

    async def _code(self, caller: Caller, action: Action, code_id: AnyId) -> Code:
        found = await self._ids.code(code_id)
        if found is None:
            raise code_not_found(code_id)
        code = await CodeStore(self._audited.database).get(found)
        require(caller, action, code.project_uuid, code_not_found(code_id))
        return code
