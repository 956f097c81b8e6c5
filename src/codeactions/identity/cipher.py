"""Encryption of the secrets that the server stores and must be able to read again."""

import base64
import hashlib

from codeactions.domain.errors import Error, ErrorCode


class Cipher:
    """Encryption with the server's key (Fernet: AES-128 and HMAC-SHA-256).

    All servers of a database need the same key. key: any text that cannot be guessed.
    """

    def __init__(self, key: str) -> None:
        # Never change this text: another one makes another key, and stored secrets unreadable.
        derived = hashlib.sha256(b"codeactions vault\0" + key.encode()).digest()
        self._key = base64.urlsafe_b64encode(derived)

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
            message = "a stored secret cannot be read: CODEACTIONS_SECRET_KEY is not the key it was encrypted with"
            raise Error(ErrorCode.INTERNAL, message) from None
