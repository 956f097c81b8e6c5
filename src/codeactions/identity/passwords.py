"""Passwords of protected endpoints: checked few at a time, and right ones remembered."""

import asyncio
import hashlib
import hmac
import os

from cachetools import LRUCache

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.protection import Protection, basic_credentials, is_password

_MOST_REMEMBERED = 1000
_HASHERS = 2  # passwords hashed at a time: each takes some 20 ms of a core, an earlier version's hash 190 ms
_HASHER_SECONDS = 5.0  # that a caller waits for one of them
_LONGEST = 16 * 1024  # characters of a header: the longest name and password, in base64, have less than half of it


class PasswordCheck:
    """Checks the user name and password of callers against protections.

    Hashing a password is slow on purpose. So those that were right are remembered, as keyed hashes that mean nothing
    outside this process.

    hashers: passwords hashed at a time. patience: seconds that a caller waits for a hasher.
    """

    def __init__(
        self, *, hashers: int = _HASHERS, patience: float = _HASHER_SECONDS, most_remembered: int = _MOST_REMEMBERED
    ) -> None:
        self._hashers = asyncio.Semaphore(hashers)
        self._patience = patience
        self._key = os.urandom(32)
        self._remembered: LRUCache[bytes, bool] = LRUCache(most_remembered)

    def __repr__(self) -> str:
        return f"<PasswordCheck with {len(self._remembered)} remembered>"

    async def is_right(self, protection: Protection, authorization: str) -> bool:
        """Return whether an Authorization header holds the protection's user name and password.

        Raises `Error` (busy) when too many passwords are being checked.
        """
        credentials = basic_credentials(authorization)
        assert protection.secret is not None
        if credentials is None or len(authorization) > _LONGEST:
            return False
        name, password = credentials
        content = b"\0".join((protection.secret, name.encode(), password.encode()))
        fingerprint = hmac.new(self._key, content, hashlib.sha256).digest()
        if self._remembered.get(fingerprint):  # only what matched the stored hash is there
            return True
        right_name = hmac.compare_digest(name.encode(), (protection.username or "").encode())
        right = await self._matches(password, protection.secret) and right_name
        if right:
            self._remembered[fingerprint] = True
        return right

    async def _matches(self, password: str, stored: bytes) -> bool:
        try:
            async with asyncio.timeout(self._patience):
                await self._hashers.acquire()
        except TimeoutError:
            raise Error(ErrorCode.BUSY, "too many passwords are being checked; try again") from None
        try:
            return await asyncio.to_thread(is_password, password, stored)
        finally:
            self._hashers.release()
