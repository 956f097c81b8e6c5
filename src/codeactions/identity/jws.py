"""Signed JSON web tokens (JWS): which are accepted, and which of an issuer's keys can check a signature."""

import json
from typing import Any

from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import JWKRegistry, Key
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact, validate_compact

from codeactions.domain.errors import Error, ErrorCode

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_TYPES = ("JWT", "AT+JWT", "APPLICATION/JWT", "APPLICATION/AT+JWT")
_MIN_RSA_CHARACTERS = 342  # of the modulus in base64: 2048 bits


class _Registry(JWSRegistry):
    # The library's own bound is too low for headers with certificates. Header fields that are not known do no harm.
    max_header_length = 16 * 1024

    def get_alg(self, name: str) -> Any:  # without the library's warning that EdDSA has a newer name
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


_REGISTRY = _Registry(strict_check_header=False)


class SignedToken:
    """A JSON web token whose header was accepted and whose signature is not checked yet."""

    def __init__(self, token: str) -> None:
        """Read the token. Raises `Error` (unauthorized) if it is none, or if its header is not accepted here."""
        self._signed = _parse(token)
        header = self._signed.headers()
        self.algorithm: str = header["alg"]
        self.key_id: str | None = header.get("kid")

    def matching(self, keys: tuple[Key, ...]) -> list[Key]:
        """Return the keys that may have signed the token: those with its key id, or the only one for its algorithm."""
        found = [key for key in keys if self.key_id in (None, key.kid) and _fits(key, self.algorithm)]
        return found if self.key_id is not None or len(found) == 1 else []

    def is_signed_by(self, key: Key) -> bool:
        """Return whether the signature is by this key."""
        return validate_compact(self._signed, key, registry=_REGISTRY)

    def claims(self) -> dict[str, Any]:
        """Return the claims. Raises `Error` (unauthorized) if the payload is not a JSON object."""
        try:
            claims = json.loads(self._signed.payload)
        except (ValueError, RecursionError):
            claims = None
        if not isinstance(claims, dict):
            raise refused("the token holds no claims")
        return claims


def refused(message: str) -> Error:
    """Return the error for a token that is not accepted; `message` must not hold any part of it."""
    return Error(ErrorCode.UNAUTHORIZED, message)


def verification_key(entry: Any) -> Key | None:
    """Return the key that an entry of a key set describes; None if it cannot check signatures or cannot be read."""
    try:
        if entry["kty"] not in ("RSA", "EC", "OKP"):
            return None
        if entry["kty"] == "RSA" and len(entry["n"]) < _MIN_RSA_CHARACTERS:
            return None
        key = JWKRegistry.import_key(entry)
        key.check_use("sig")
        key.check_key_op("verify")
    except Exception:  # a broken key must not take the other keys of the set with it, whatever the error
        return None
    return None if entry.get("crv") in ("X25519", "X448") else key


def _fits(key: Key, algorithm: str) -> bool:
    try:
        _REGISTRY.get_alg(algorithm).check_key(key)
    except JoseError:
        return False
    return True


def _parse(token: str) -> CompactSignature:
    try:
        signed = extract_compact(token.encode(), registry=_REGISTRY)
        header = signed.headers()
        _REGISTRY.check_header(header)
        is_allowed = header["alg"] in ALGORITHMS
        is_known_type = header.get("typ", "JWT").upper() in _TYPES
    except (JoseError, ValueError, TypeError, RecursionError):
        raise refused("the token is not a signed JSON web token") from None
    if not is_allowed:
        raise refused(f"the token's alg is not one of {', '.join(ALGORITHMS)}")
    if not is_known_type:
        raise refused("the token's typ is neither JWT nor at+jwt: send an access token")
    if "crit" in header or "b64" in header:
        raise refused("the token's header has crit or b64, which are not supported here")
    return signed
