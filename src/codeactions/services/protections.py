"""Protections of endpoints: read and set them, as the caller's role allows."""

import asyncio
from dataclasses import replace
from uuid import UUID

from codeactions.domain.access import Action, require
from codeactions.domain.audit import AuditAction, AuditThing
from codeactions.domain.caller import Caller
from codeactions.domain.code import Code, code_not_found
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.protection import Protection, ProtectionKind, hash_password, protection_not_found
from codeactions.domain.protection_draft import HmacProtectionDraft, ProtectionDraft, new_protection
from codeactions.identity.cipher import Cipher
from codeactions.postgres.codes import CodeStore, CodesWithProtection
from codeactions.postgres.protections import ProtectionStore
from codeactions.services.audited import AuditedDatabase


class ProtectionService:
    """Every method raises `Error` (not_found, forbidden) as the caller's role in the code's project demands."""

    def __init__(self, audited: AuditedDatabase, cached: CodesWithProtection, cipher: Cipher) -> None:
        self._audited = audited
        self._cached = cached
        self._cipher = cipher

    async def get(self, caller: Caller, code_id: UUID) -> Protection:
        """Return a code's protection. Raises `Error` (not_found), also when it is public."""
        await self._code(caller, Action.READ, code_id)
        found = await ProtectionStore(self._audited.database).get(code_id)
        if found is None:
            raise protection_not_found(code_id)
        return found

    async def put(self, caller: Caller, code_id: UUID, draft: ProtectionDraft) -> tuple[Protection, str | None]:
        """Protect an endpoint, in place of its protection before. Return the shared secret too, if it was made here.

        Raises `Error` (conflict) for a flow, which has no public URL.
        """
        code = await self._code(caller, Action.MANAGE, code_id)
        if code.type != "endpoint":
            raise Error(ErrorCode.CONFLICT, "a flow has no public URL, so there is nothing to protect")
        bare, secret = new_protection(draft, code_id=code_id, now=self._audited.now())
        stored = None
        if bare.kind is ProtectionKind.BASIC and secret is not None:
            stored = await asyncio.to_thread(hash_password, secret)
        elif secret is not None:
            stored = self._cipher.encrypt(secret)
        protection = replace(bare, secret=stored)
        try:
            async with self._audited.transaction(caller) as transaction:
                await ProtectionStore(transaction).put(protection)
                details = {"kind": bare.kind, "username": bare.username, "header": bare.header}
                await transaction.note(AuditAction.UPDATE, AuditThing.PROTECTION, code_id, code.project_uuid, **details)
        finally:
            self._cached.forget(code_id)
        made_here = isinstance(draft, HmacProtectionDraft) and draft.secret is None
        return protection, secret if made_here else None

    async def delete(self, caller: Caller, code_id: UUID) -> None:
        """Make an endpoint public again."""
        code = await self._code(caller, Action.MANAGE, code_id)
        try:
            async with self._audited.transaction(caller) as transaction:
                if not await ProtectionStore(transaction).delete(code_id):
                    raise protection_not_found(code_id)
                await transaction.note(AuditAction.DELETE, AuditThing.PROTECTION, code_id, code.project_uuid)
        finally:
            self._cached.forget(code_id)

    async def _code(self, caller: Caller, action: Action, code_id: UUID) -> Code:
        code = await CodeStore(self._audited.database).get(code_id)
        require(caller, action, code.project_uuid, code_not_found(code_id))
        return code
