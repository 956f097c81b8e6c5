"""Identity tokens of an OIDC issuer: whether they are accepted, and whose they are."""

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from cachetools import TLRUCache

from codeactions.domain.errors import Error, ErrorCode, invalid
from codeactions.domain.text import require_text
from codeactions.identity.issuer import Issuer, unreachable, url_problem
from codeactions.identity.jws import refused
from codeactions.identity.userinfo import UserInfo, email_of, is_service

_MAX_LENGTH = 16 * 1024  # characters of a token
_BEARER = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750
_MAX_REMEMBERED = 10_000  # tokens
_KNOWN_SECONDS, _REFUSED_SECONDS = 60.0, 5.0
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcConfig:
    """The issuer whose tokens are accepted, and the meaning of their claims. Raises `Error` (invalid) for bad values.

    issuer: exactly as in `iss`; https, or http on loopback. audience: the value that `aud` must be or contain; None
    accepts any. jwks_url: the address of the key set; None to find it by discovery. email_claim: the claim with the
    address that permissions are for. service_claim: the bearer is an internal service if this claim is true, or, for
    "name=value", if the claim is the value, or a list or a text of words that contains the value. leeway: seconds by
    which clocks may differ. userinfo: whether to look opaque tokens up at the issuer, whose answer is kept for
    userinfo_seconds; `audience` has no effect on them, since nothing tells for which client such a token was issued.
    """

    issuer: str
    audience: str | None = None
    jwks_url: str | None = None
    email_claim: str = "email"
    service_claim: str | None = None
    leeway: float = 30.0
    userinfo: bool = False
    userinfo_seconds: float = 60.0

    def __post_init__(self) -> None:
        for name, url in (("issuer", self.issuer), ("jwks_url", self.jwks_url)):
            problem = url_problem(url) if url is not None else None
            if problem is not None:
                raise invalid(f"the OIDC {name} {problem}")
        name, equals, value = (self.service_claim or "").partition("=")
        if self.service_claim is not None and (not name or (equals and not value)):
            raise invalid("the OIDC service claim must be a name, or name=value")
        for name, seconds in (("leeway", self.leeway), ("userinfo_seconds", self.userinfo_seconds)):
            if not 0 <= seconds <= 3600:
                raise invalid(f"the OIDC {name} must be from 0 to 3600 seconds")


@dataclass(frozen=True, slots=True)
class Identity:
    """The bearer of a token. email: in lower case; None without one that the issuer has verified."""

    subject: str
    email: str | None
    is_service: bool


class OidcVerifier:
    """A check of tokens, with a memory of those checked a short while ago. clock: returns seconds since 1970."""

    def __init__(
        self,
        config: OidcConfig,
        *,
        clock: Callable[[], float] = time.time,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._issuer = Issuer(
            config.issuer, jwks_url=config.jwks_url, userinfo=config.userinfo, clock=clock, transport=transport
        )
        self._userinfo = UserInfo(self._issuer)
        self._known: TLRUCache[bytes, tuple[Identity, float]] = _remembered(clock)
        self._refused: TLRUCache[bytes, tuple[str, float]] = _remembered(clock)

    def __repr__(self) -> str:
        return f"<OidcVerifier of {self._config.issuer}>"

    async def identify(self, token: str) -> Identity:
        """Return the token's identity.

        Raises `Error`: unauthorized; busy when the issuer is needed and cannot be reached.
        """
        if len(token) > _MAX_LENGTH:
            raise refused(f"the token is too long: at most {_MAX_LENGTH} characters")
        digest = _digest(token)
        if (known := self._known.get(digest)) is not None:
            return known[0]
        if not _BEARER.fullmatch(token):
            raise refused("the token has characters that no bearer token has")
        if token.count(".") == 2:
            claims = await self._issuer.verified_claims(token)
            now = self._clock()
            until = min(_check(claims, self._config, now), now + _KNOWN_SECONDS)
            identity = _identity(claims, self._config)
        elif self._config.userinfo:
            until = self._clock() + self._config.userinfo_seconds
            identity = await self._look_up(digest, token)
        else:
            raise refused("the token is not a JSON web token, and opaque tokens are not accepted here")
        self._known[digest] = identity, until
        return identity

    def is_of_issuer(self, token: str) -> bool:
        """Return whether a token may be one of the issuer's: it says so itself, or was accepted a short while ago."""
        if _digest(token) in self._known:
            return True
        parts = token.split(".")
        if len(parts) != 3:
            return False
        try:
            claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        except (ValueError, RecursionError):
            return False
        return isinstance(claims, dict) and claims.get("iss") == self._config.issuer

    async def check(self) -> dict[str, Any]:
        """Return the issuer, the number of its keys and their age in seconds, for `/health`.

        Raises `Error` (busy) with the reason when there are no keys.
        """
        published = await self._issuer.published()
        if not published.keys:
            raise unreachable("the issuer publishes no key that could check a signature")
        age = round(self._clock() - published.fetched_at, 1)
        return {"issuer": self._config.issuer, "keys": len(published.keys), "age_seconds": age}

    async def close(self) -> None:
        """Close the connections to the issuer."""
        await self._userinfo.close()
        await self._issuer.close()

    async def _look_up(self, digest: bytes, token: str) -> Identity:
        if (known := self._refused.get(digest)) is not None:
            raise refused(known[0])
        try:
            return _identity(await self._userinfo.claims(digest, token), self._config)
        except Error as error:
            if error.code is ErrorCode.UNAUTHORIZED:
                self._refused[digest] = error.message, self._clock() + _REFUSED_SECONDS
            raise


def _remembered(clock: Callable[[], float]) -> "TLRUCache[bytes, tuple[_Value, float]]":
    """Return an empty memory, by the digest of a token: each value with the time until which it is kept."""
    return TLRUCache(_MAX_REMEMBERED, ttu=lambda _key, value, _now: value[1], timer=clock)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _check(claims: dict[str, Any], config: OidcConfig, now: float) -> float:
    """Return when the token expires. Raises `Error` (unauthorized) if it is not valid now, or not for this server."""
    if claims.get("iss") != config.issuer:
        raise refused("the token's iss is not the issuer that is trusted here")
    if "exp" not in claims:
        raise refused("the token has no exp")
    expires = _moment(claims, "exp")
    if expires + config.leeway <= now:
        raise refused("the token has expired")
    if "nbf" in claims and _moment(claims, "nbf") > now + config.leeway:
        raise refused("the token's nbf is in the future: it is not valid yet")
    if "iat" in claims and _moment(claims, "iat") > now + config.leeway:
        raise refused("the token's iat is in the future: the clocks of this server and the issuer differ")
    if config.audience is not None:
        audience = claims.get("aud")
        if audience != config.audience and not (isinstance(audience, list) and config.audience in audience):
            raise refused("the token's aud does not name this server")
    return expires


def _moment(claims: dict[str, Any], name: str) -> float:
    value = claims[name]
    # This refuses NaN, too, which is neither in the future nor in the past.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1 << 53:
        raise refused(f"the token's {name} is not a time in seconds")
    return float(value)


def _identity(claims: dict[str, Any], config: OidcConfig) -> Identity:
    try:
        subject = require_text(claims.get("sub"), "sub", 255)
    except Error as error:
        raise refused(f"the token's {error.message}") from None
    return Identity(subject, email_of(claims, config.email_claim), is_service(claims, config.service_claim))
