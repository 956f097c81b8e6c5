"""Who may call an endpoint: set by those who manage its project."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from codeactions.domain.access import Action, require
from codeactions.domain.audit import Deed, Thing
from codeactions.domain.caller import Caller
from codeactions.domain.code import Code
from codeactions.domain.errors import Error, ErrorCode, not_found
from codeactions.domain.protection import Protection, ProtectionKind, hash_password, new_protection
from codeactions.identity.cipher import Cipher
from codeactions.postgres.codes import CodeStore, CodesWithProtection, missing
from codeactions.postgres.protections import ProtectionStore
from codeactions.services.audited import AuditedDatabase


class ProtectionService:
    """Every method raises `Error` (not_found, forbidden) as the caller's role in the code's project demands."""

    def __init__(self, desk: AuditedDatabase, guarded: CodesWithProtection, vault: Cipher) -> None:
        self._desk = desk
        self._guarded = guarded
        self._vault = vault

    async def get(self, caller: Caller, code_id: UUID) -> Protection:
        """How a code is protected. Raises `Error` (not_found), also when it is public."""
        await self._code(caller, Action.READ, code_id)
        found = await ProtectionStore(self._desk.database).get(code_id)
        if found is None:
            raise not_found(_public(code_id))
        return found

    async def put(self, caller: Caller, code_id: UUID, fields: Mapping[str, Any]) -> tuple[Protection, str | None]:
        """Protect an endpoint, in place of what protected it; with the shared secret, if it was made here.

        Raises `Error`: invalid; conflict for a flow, which has no public URL.
        """
        code = await self._code(caller, Action.MANAGE, code_id)
        if code.type != "endpoint":
            raise Error(ErrorCode.CONFLICT, "a flow has no public URL, so there is nothing to protect")
        bare, secret = new_protection(fields, code_id=code_id, now=self._desk.now())
        stored = None
        if bare.kind is ProtectionKind.BASIC and secret is not None:
            stored = await asyncio.to_thread(hash_password, secret)
        elif secret is not None:
            stored = self._vault.encrypt(secret)
        protection = Protection(
            code_id=code_id,
            kind=bare.kind,
            username=bare.username,
            header=bare.header,
            secret=stored,
            created_at=bare.created_at,
            updated_at=bare.updated_at,
        )
        try:
            async with self._desk.change(caller) as change:
                await ProtectionStore(change).put(protection)
                told = {"kind": bare.kind, "username": bare.username, "header": bare.header}
                await change.note(Deed.UPDATE, Thing.PROTECTION, code_id, code.project_uuid, **told)
        finally:
            self._guarded.forget(code_id)
        made = bare.kind is ProtectionKind.HMAC and fields.get("secret") is None
        return protection, secret if made else None

    async def delete(self, caller: Caller, code_id: UUID) -> None:
        """Make an endpoint public again."""
        code = await self._code(caller, Action.MANAGE, code_id)
        try:
            async with self._desk.change(caller) as change:
                if not await ProtectionStore(change).delete(code_id):
                    raise not_found(_public(code_id))
                await change.note(Deed.DELETE, Thing.PROTECTION, code_id, code.project_uuid)
        finally:
            self._guarded.forget(code_id)

    async def _code(self, caller: Caller, action: Action, code_id: UUID) -> Code:
        code = await CodeStore(self._desk.database).get(code_id)
        require(caller, action, code.project_uuid, missing(code_id))
        return code


def _public(code_id: UUID) -> str:
    return f"code {code_id} has no protection"
