"""Encryption of the secrets that the server stores and must be able to read again."""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from typing import Any

from codeactions.domain.errors import Error, ErrorCode

# The form of what is stored: this byte, the key's id, a nonce, and the ciphertext with its tag.
_FORMAT = b"\x01"
_ID_BYTES, _NONCE_BYTES = 8, 12
_HEAD = len(_FORMAT) + _ID_BYTES
_FERNET = b"gAAAA"  # how the stored form of earlier versions begins
_UNREADABLE = "a stored secret cannot be read: its key is not in CODEACTIONS_SECRET_KEY or, without that, in secret.key"

Identity = tuple[str, ...]
"""The row that a secret belongs to: what is stored can be read in this row alone."""
Keys = Callable[[], Sequence[str]]
"""Returns the server's keys as they are now, newest first. Raises `Error`."""


class _Key:
    """One key. text: any text that cannot be guessed."""

    def __init__(self, text: str) -> None:
        # Never change these texts: others make other keys, and stored secrets unreadable.
        self.aes = hashlib.sha256(b"codeactions aes-256-gcm\0" + text.encode()).digest()
        self.fernet = base64.urlsafe_b64encode(hashlib.sha256(b"codeactions vault\0" + text.encode()).digest())
        self.id = hashlib.sha256(b"codeactions key id\0" + self.aes).digest()[:_ID_BYTES]


class Cipher:
    """Encryption with the server's keys (AES-256-GCM): the newest encrypts, every one decrypts.

    All servers of a database need the same keys. What earlier versions stored (Fernet) stays readable.
    """

    def __init__(self, keys: Keys) -> None:
        """keys: is asked before each encryption, and for a secret whose key is not known. Raises what `keys` raises."""
        self._read_keys = keys
        self._texts: tuple[str, ...] = ()
        self._keys: list[_Key] = []
        self._unreadable = 0
        self._refresh()

    def __repr__(self) -> str:
        return f"<Cipher of {len(self._keys)} keys>"

    @property
    def number(self) -> int:
        """The number of keys."""
        self._refresh()
        return len(self._keys)

    @property
    def newest(self) -> bytes:
        """The beginning of all that is encrypted with the newest key."""
        self._refresh()
        return _FORMAT + self._keys[0].id

    def encrypt(self, secret: str, identity: Identity) -> bytes:
        """Return a secret encrypted, as it is stored in its row."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 6 MB, which only servers with secrets need

        self._refresh()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._keys[0].aes).encrypt(nonce, secret.encode(), _bound_to(identity))
        return _FORMAT + self._keys[0].id + nonce + sealed

    def decrypt(self, stored: bytes, identity: Identity) -> bytes:
        """Return a stored secret in clear.

        Raises `Error` (internal) when its key is not known, it was changed, or it is of another row.
        """
        found = self._decrypted(stored, identity)
        if found is None and self._refresh():
            found = self._decrypted(stored, identity)
        if found is None:
            self._unreadable += 1
            raise Error(ErrorCode.INTERNAL, _UNREADABLE)
        return found

    async def check(self) -> dict[str, Any]:
        """Return how often a secret could not be read since the start, for `/health`, and why.

        No error: all but the codes with such a secret works.
        """
        return {"unreadable": self._unreadable, **({"reason": _UNREADABLE} if self._unreadable else {})}

    def _refresh(self) -> bool:
        """Take the keys as they are now, and return whether there are others than before."""
        texts = tuple(self._read_keys())
        if texts == self._texts:
            return False
        self._texts, self._keys = texts, [_Key(text) for text in texts]
        return True

    def _decrypted(self, stored: bytes, identity: Identity) -> bytes | None:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if stored.startswith(_FERNET):
            return self._from_fernet(stored)
        for key in self._keys:
            if stored.startswith(_FORMAT + key.id):
                nonce, sealed = stored[_HEAD : _HEAD + _NONCE_BYTES], stored[_HEAD + _NONCE_BYTES :]
                try:
                    return AESGCM(key.aes).decrypt(nonce, sealed, _bound_to(identity))
                except (InvalidTag, ValueError):  # a value error: what is stored was cut
                    return None
        return None

    def _from_fernet(self, stored: bytes) -> bytes | None:
        from cryptography.fernet import Fernet, InvalidToken, MultiFernet

        try:
            return MultiFernet([Fernet(key.fernet) for key in self._keys]).decrypt(stored)
        except InvalidToken:
            return None


def _bound_to(identity: Identity) -> bytes:
    """Return an identity as associated data: as JSON, so that no two are the same."""
    return json.dumps(identity).encode()
