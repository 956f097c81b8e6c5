"""Secrets that the server must be able to read again, encrypted before they are stored."""

import base64
import hashlib

from codeactions.domain.errors import Error, ErrorCode


class Cipher:
    """Encrypts with the server's key (Fernet: AES-128 and HMAC-SHA-256). All servers of a database need the same."""

    def __init__(self, key: str) -> None:
        """key: any text that nobody can guess."""
        derived = hashlib.sha256(b"codeactions vault\0" + key.encode()).digest()
        self._key = base64.urlsafe_b64encode(derived)

    def seal(self, secret: str) -> bytes:
        """Encrypt a secret."""
        from cryptography.fernet import Fernet  # 6 MB, for those who have such secrets

        return Fernet(self._key).encrypt(secret.encode())

    def open(self, sealed: bytes) -> bytes:
        """Decrypt a secret. Raises `Error` (internal) when it was encrypted with another key."""
        from cryptography.fernet import Fernet, InvalidToken

        try:
            return Fernet(self._key).decrypt(sealed)
        except InvalidToken:
            message = "a stored secret cannot be read: CODEACTIONS_SECRET_KEY is not the one it was stored with"
            raise Error(ErrorCode.INTERNAL, message) from None
