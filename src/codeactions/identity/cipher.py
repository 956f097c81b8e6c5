"""Encryption of the secrets that the server stores and must be able to read again."""

import base64
import hashlib
from typing import Any

from codeactions.domain.errors import Error, ErrorCode

_UNREADABLE = "a stored secret cannot be read: CODEACTIONS_SECRET_KEY is not the key it was encrypted with"


class Cipher:
    """Encryption with the server's key (Fernet: AES-128 and HMAC-SHA-256).

    All servers of a database need the same key. key: any text that cannot be guessed.
    """

    def __init__(self, key: str) -> None:
        # Never change this text: another one makes another key, and stored secrets unreadable.
        derived = hashlib.sha256(b"codeactions vault\0" + key.encode()).digest()
        self._key = base64.urlsafe_b64encode(derived)
        self._unreadable = 0

    def encrypt(self, secret: str) -> bytes:
        """Return a secret encrypted, as it is stored."""
        from cryptography.fernet import Fernet  # takes 6 MB, which only servers with such secrets need

        return Fernet(self._key).encrypt(secret.encode())

    def decrypt(self, stored: bytes) -> bytes:
        """Return a stored secret in clear. Raises `Error` (internal) when it was encrypted with another key."""
        from cryptography.fernet import Fernet, InvalidToken

        try:
            return Fernet(self._key).decrypt(stored)
        except InvalidToken:
            self._unreadable += 1
            raise Error(ErrorCode.INTERNAL, _UNREADABLE) from None

    async def check(self) -> dict[str, Any]:
        """Return how often a secret could not be read since the start, for `/health`, and why.

        No error: all but the endpoints with such a secret works.
        """
        return {"unreadable": self._unreadable, **({"reason": _UNREADABLE} if self._unreadable else {})}
