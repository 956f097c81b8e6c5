"""Endpoints: who may call which, checked before a slot is taken."""

import asyncio
import collections
import hashlib
import hmac
import os
import time
from collections.abc import Callable, Mapping
from uuid import UUID

from codeactions.domain.access import Action, require
from codeactions.domain.code import Code
from codeactions.domain.errors import Error, ErrorCode, not_found
from codeactions.domain.protection import Protection, ProtectionKind, basic_credentials, is_password, is_signed
from codeactions.domain.run import Call, FinishedRun
from codeactions.execution.recorded_runs import RecordedRuns
from codeactions.identity.cipher import Cipher
from codeactions.identity.identities import Identities
from codeactions.postgres.codes import CodesWithProtection, CodeWithProtection

_MOST_PASSWORDS = 1000  # remembered
_HASHER_SECONDS = 5.0  # that a caller waits for one of them
_LONGEST = 16 * 1024  # characters of a header: the longest name and password, in base64, have less than half of it
_HASHERS = 2  # passwords hashed at a time: each takes 100 ms of a core, and anybody may ask for it


class EndpointService:
    """What the public part of the server does."""

    def __init__(
        self,
        recorded: RecordedRuns,
        guarded: CodesWithProtection,
        identities: Identities,
        vault: Cipher,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._recorded = recorded
        self._guarded = guarded
        self._identities = identities
        self._vault = vault
        self._clock = clock
        self._key = os.urandom(32)
        self._known: collections.OrderedDict[bytes, None] = collections.OrderedDict()
        self._hashers = asyncio.Semaphore(_HASHERS)

    async def find(self, code_id: UUID) -> CodeWithProtection:
        """The endpoint. Raises `Error` (not_found), also for a flow."""
        try:
            found = await self._guarded.get(code_id)
        except Error as error:
            raise not_found(_missing(code_id)) if error.code is ErrorCode.NOT_FOUND else error from None
        if found.code.type != "endpoint":
            raise not_found(_missing(code_id))
        return found

    async def admit(self, found: CodeWithProtection, headers: Mapping[str, str], address: str) -> None:
        """Check what can be checked before the body is read.

        Raises `Error`: unauthorized, forbidden, not_found to a caller with a token for something else, and busy.
        """
        protection, code = found.protection, found.code
        authorization = headers.get("authorization", "")
        if protection is None:
            return
        if protection.kind is ProtectionKind.HMAC:
            self._signature(protection, headers)
            return
        if protection.kind is ProtectionKind.TOKEN:
            caller = await self._identities.identify(authorization, address)
            require(caller, Action.RUN, code.project_uuid, _missing(code.id))
        elif not await self._has_password(protection, authorization):
            raise Error(ErrorCode.UNAUTHORIZED, "this endpoint needs its user name and password", scheme="Basic")

    def check_signature(self, found: CodeWithProtection, headers: Mapping[str, str], body: bytes) -> None:
        """Check that the body is signed, where it has to be. Raises `Error` (unauthorized)."""
        protection = found.protection
        if protection is None or protection.kind is not ProtectionKind.HMAC:
            return
        assert protection.secret is not None
        presented = self._signature(protection, headers)
        if not is_signed(presented, self._vault.decrypt(protection.secret), body, self._clock()):
            raise Error(ErrorCode.UNAUTHORIZED, f"the signature in {protection.header} is not that of this body")

    @staticmethod
    def _signature(protection: Protection, headers: Mapping[str, str]) -> str:
        presented = headers.get(protection.header or "", "")
        if not presented:
            raise Error(ErrorCode.UNAUTHORIZED, f"the signature in {protection.header} is missing")
        return presented

    async def run(self, code: Code, call: Call) -> FinishedRun:
        """Run it. Raises `Error` as `RecordedRuns.run` does."""
        return await self._recorded.run(code, call)

    async def _has_password(self, protection: Protection, authorization: str) -> bool:
        credentials = basic_credentials(authorization)
        assert protection.secret is not None
        if credentials is None or len(authorization) > _LONGEST:
            return False
        name, password = credentials
        known = hmac.new(self._key, b"\0".join((protection.secret, name.encode(), password.encode())), hashlib.sha256)
        if known.digest() in self._known:  # which only those of the stored hash are
            return True
        right_name = hmac.compare_digest(name.encode(), (protection.username or "").encode())
        try:
            async with asyncio.timeout(_HASHER_SECONDS):
                await self._hashers.acquire()
        except TimeoutError:
            raise Error(ErrorCode.BUSY, "too many passwords are being checked; try again") from None
        try:
            right = await asyncio.to_thread(is_password, password, protection.secret) and right_name
        finally:
            self._hashers.release()
        if right:
            self._known[known.digest()] = None
            if len(self._known) > _MOST_PASSWORDS:
                self._known.popitem(last=False)
        return right


def _missing(code_id: UUID) -> str:
    """The same of a flow, of nothing, and of an endpoint that the caller may not know of."""
    return f"there is no endpoint {code_id}"
