"""The protection of an endpoint: how its callers authenticate. An endpoint without one is public."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from codeactions.domain.errors import Error, not_found
from codeactions.domain.ids import AnyId

# Argon2id as OWASP's Password Storage Cheat Sheet has it, the variant with 19 MiB. A check takes that memory and some
# 20 ms of a core; scrypt with 16 MiB, which that page counts as equal, takes 190 ms.
_PASSES, _KIBIBYTES, _LANES = 2, 19 * 1024, 1
_MAX_PASSES, _MAX_KIBIBYTES, _MAX_LANES = 10, 64 * 1024, 4  # of a stored hash
# The form without algorithm and cost that earlier versions stored: a salt and its scrypt hash.
_SCRYPT = {"n": 2**14, "r": 8, "p": 5, "maxmem": 64 * 1024 * 1024}
_SCRYPT_SALT_BYTES, _SCRYPT_BYTES = 16, 80
SIGNED_SECONDS = 300.0  # the greatest difference between the time in a signature and the server's
DEFAULT_HEADER = "X-Signature-256"


class ProtectionKind(StrEnum):
    """How a protected endpoint authenticates callers."""

    TOKEN = "token"  # noqa: S105 - a kind, no secret
    """By a token of a caller that may run the code."""
    BASIC = "basic"
    """By a user name and a password (RFC 7617)."""
    HMAC = "hmac"
    """By a signature of the body, made with a shared secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """A protection as it is stored.

    secret: the hash of the password, or the encrypted shared secret; None for the kind `token`.
    header: the name of the header that carries the signature; None for other kinds than `hmac`.
    """

    code_id: UUID
    kind: ProtectionKind
    username: str | None = None
    secret: bytes | None = None
    header: str | None = None
    created_at: datetime
    updated_at: datetime


def secret_identity(code_id: UUID) -> tuple[str, ...]:
    """Return what a shared secret is bound to when it is encrypted: it can be decrypted for this code alone."""
    return ("protection", str(code_id))


def protection_not_found(code_id: AnyId) -> Error:
    """Return the error for a code that has no protection."""
    return not_found(f"code {code_id} has no protection")


def hash_password(password: str) -> bytes:
    """Return the form in which a password is stored: a PHC string with algorithm, cost, salt and hash.

    Takes some 20 ms and 19 MiB.
    """
    from argon2 import PasswordHasher  # takes 2 MB, which only servers with passwords need

    return PasswordHasher(time_cost=_PASSES, memory_cost=_KIBIBYTES, parallelism=_LANES).hash(password).encode()


def is_password(password: str, stored: bytes) -> bool:
    """Return whether a password is the one that was stored; False for a stored value that cannot be read.

    Takes some 20 ms and 19 MiB. For a hash that an earlier version stored it takes 190 ms and 16 MiB.
    """
    presented = password.encode("utf-8", "replace")
    if stored.startswith(b"$argon2id$"):
        return _is_argon2_password(presented, stored)
    if len(stored) == _SCRYPT_BYTES:
        salt, expected = stored[:_SCRYPT_SALT_BYTES], stored[_SCRYPT_SALT_BYTES:]
        return hmac.compare_digest(hashlib.scrypt(presented, salt=salt, **_SCRYPT), expected)
    return False


def _is_argon2_password(presented: bytes, stored: bytes) -> bool:
    from argon2 import PasswordHasher, extract_parameters
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        parameters = extract_parameters(stored.decode("ascii"))
        # No stored value may take the memory of the server or a core for long.
        if parameters.time_cost > _MAX_PASSES or parameters.memory_cost > _MAX_KIBIBYTES:
            return False
        if parameters.parallelism > _MAX_LANES:
            return False
        return PasswordHasher().verify(stored, presented)
    except (Argon2Error, InvalidHashError, UnicodeDecodeError):
        return False


def basic_credentials(authorization: str) -> tuple[str, str] | None:
    """Return the user name and password of an Authorization header; None if it holds none."""
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except ValueError:  # not base64, not UTF-8, or letters outside ASCII
        return None
    return (name, password) if colon else None


def is_signed(presented: str, secret: bytes, body: bytes, now: float) -> bool:
    """Return whether a signature is valid for a body. `now` is in seconds since 1970.

    Two forms are accepted. `sha256=HEX`, as GitHub and others send it, is the HMAC-SHA-256 of the body.
    `t=SECONDS,v1=HEX`, as Stripe sends it, is the HMAC-SHA-256 of the seconds since 1970, a dot and the body. It cannot
    be replayed after five minutes. A body that itself begins with digits and a dot is refused in the first form:
    its signature could come from the second form, and would then stay valid for ever.
    """
    if presented.startswith("sha256="):
        seconds, dot, _ = body[:13].partition(b".")
        if dot and seconds.isdigit():  # could be the signed content of the other form
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
    return any([hmac.compare_digest(one, expected) for one in presented])  # noqa: C419 - compare all: constant time
