"""Protections of endpoints: how callers are authenticated where an endpoint is not public."""

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from codeactions.domain.errors import Error, not_found

# scrypt as OWASP's Password Storage Cheat Sheet has it, the variant with 16 MB: 2^14, 8, 5.
_SCRYPT = {"n": 2**14, "r": 8, "p": 5, "maxmem": 64 * 1024 * 1024}
_SALT_BYTES = 16
SIGNED_SECONDS = 300.0  # how far the time in a signature may be off
DEFAULT_HEADER = "X-Signature-256"


class ProtectionKind(StrEnum):
    """How a protected endpoint authenticates its callers."""

    TOKEN = "token"  # noqa: S105 - a kind, no secret
    """A caller whose token lets it run the code."""
    BASIC = "basic"
    """A user name and a password (RFC 7617)."""
    HMAC = "hmac"
    """A signature of the body with a shared secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """A protection as it is stored. secret: the password's hash, or the shared secret encrypted; None for tokens."""

    code_id: UUID
    kind: ProtectionKind
    username: str | None = None
    secret: bytes | None = None
    header: str | None = None
    created_at: datetime
    updated_at: datetime


def protection_not_found(code_id: UUID) -> Error:
    """Return the error for a code that has no protection."""
    return not_found(f"code {code_id} has no protection")


def hash_password(password: str) -> bytes:
    """What is stored of a password: a salt and its scrypt hash. Takes some 100 ms."""
    salt = os.urandom(_SALT_BYTES)
    return salt + hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT)


def is_password(password: str, stored: bytes) -> bool:
    """Whether a password is the one that was hashed. Takes as long as hashing it."""
    salt, expected = stored[:_SALT_BYTES], stored[_SALT_BYTES:]
    found = hashlib.scrypt(password.encode("utf-8", "replace"), salt=salt, **_SCRYPT)
    return hmac.compare_digest(found, expected)


def basic_credentials(authorization: str) -> tuple[str, str] | None:
    """Return the user name and password of an Authorization header; None if it holds none."""
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except ValueError:  # of base64, of UTF-8, or for letters beyond ASCII
        return None
    return (name, password) if colon else None


def is_signed(presented: str, secret: bytes, body: bytes, now: float) -> bool:
    """Return whether a signature is that of the body, in one of two forms:

    `sha256=HEX`, as GitHub and others send it: HMAC-SHA-256 of the body; and `t=SECONDS,v1=HEX`, as Stripe does: of the
    seconds since 1970, a dot and the body, which cannot be sent again after five minutes. A body that begins like that
    is therefore refused in the first form.
    """
    if presented.startswith("sha256="):
        seconds, dot, _ = body[:13].partition(b".")
        if dot and seconds.isdigit():  # what is signed in the other form, and would count for ever in this one
            return False
        return _matches(secret, body, [presented.removeprefix("sha256=")])
    parts = [part.strip().partition("=") for part in presented.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or len(times[0]) > 12:
        return False
    if abs(now - int(times[0])) > SIGNED_SECONDS:
        return False
    return _matches(secret, f"{times[0]}.".encode() + body, signatures[:8])


def _matches(secret: bytes, content: bytes, signatures: list[str]) -> bool:
    expected = hmac.new(secret, content, hashlib.sha256).hexdigest().encode()
    presented = [signature.strip().lower().encode("utf-8", "replace") for signature in signatures]
    return any([hmac.compare_digest(one, expected) for one in presented])  # noqa: C419 - each takes its time
