"""Identity tokens of an OIDC issuer: whether they count, and who their bearer is."""

import base64
import collections
import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx

from codeactions.domain.errors import Error, ErrorCode, invalid
from codeactions.domain.text import require_text
from codeactions.identity.issuer import Issuer, refused, unreachable, url_problem
from codeactions.identity.userinfo import UserInfo, email_of, is_service

_LONGEST = 16 * 1024  # characters of a token
_BEARER = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750
_MOST_KNOWN = 10_000  # tokens
_KNOWN_SECONDS, _REFUSED_SECONDS = 60.0, 5.0
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcConfig:
    """Whose tokens count, and what their claims mean. Raises `Error` (invalid) for what cannot be.

    issuer: exactly as in `iss`; https, or http on loopback. audience: what `aud` must be or contain; None: anything.
    jwks_url: None to learn it by discovery. service_claim: the bearer is an internal service if this claim is true,
    or, as "name=value", if it is the value, or a list or a text of words in which the value is. leeway: seconds that
    clocks may differ. userinfo: look opaque tokens up at the issuer, and keep its answer for userinfo_seconds; nothing
    tells whom such a token was issued for, so `audience` does not count for it.
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
    """Who bears a token. email: in small letters; None if there is none, or none that the issuer has verified."""

    subject: str
    email: str | None
    is_service: bool


class OidcVerifier:
    """From a token to an identity, mostly from memory. `clock` gives seconds since 1970."""

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
        self._known: _Remembered[Identity] = _Remembered()
        self._refused: _Remembered[str] = _Remembered()

    def __repr__(self) -> str:
        return f"<OidcVerifier of {self._config.issuer}>"

    async def identify(self, token: str) -> Identity:
        """Whose a token is. Raises `Error`: unauthorized; busy when the issuer is needed and cannot be reached."""
        if len(token) > _LONGEST:
            raise refused(f"the token is too long: at most {_LONGEST} characters")
        digest = _digest(token)
        identity = self._known.get(digest, self._clock())
        if identity is not None:
            return identity
        if not _BEARER.fullmatch(token):
            raise refused("the token has characters that no bearer token has")
        if token.count(".") == 2:
            claims = await self._issuer.verified(token)
            now = self._clock()
            until = min(_check(claims, self._config, now), now + _KNOWN_SECONDS)
            identity = _identity(claims, self._config)
        elif self._config.userinfo:
            until = self._clock() + self._config.userinfo_seconds
            identity = await self._look_up(digest, token)
        else:
            raise refused("the token is not a JSON web token, and opaque tokens are not taken here")
        self._known.put(digest, identity, until)
        return identity

    def is_of_issuer(self, token: str) -> bool:
        """Whether a token may be one of the issuer's: it says so itself, or was taken for one just now."""
        if self._known.get(_digest(token), self._clock()) is not None:
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
        """How many keys there are and how old they are, in seconds. Raises `Error` (busy) with why there are none."""
        published = await self._issuer.published()
        if not published.keys:
            raise unreachable("the issuer publishes no key that could check a signature")
        age = round(self._clock() - published.fetched_at, 1)
        return {"issuer": self._config.issuer, "keys": len(published.keys), "age_seconds": age}

    async def close(self) -> None:
        """Stop asking the issuer."""
        await self._userinfo.close()
        await self._issuer.close()

    async def _look_up(self, digest: bytes, token: str) -> Identity:
        reason = self._refused.get(digest, self._clock())
        if reason is not None:
            raise refused(reason)
        try:
            return _identity(await self._userinfo.claims(digest, token), self._config)
        except Error as error:
            if error.code is ErrorCode.UNAUTHORIZED:
                self._refused.put(digest, error.message, self._clock() + _REFUSED_SECONDS)
            raise


class _Remembered(Generic[_Value]):
    """By the digest of a token, each until its time; those used longest ago make room."""

    def __init__(self) -> None:
        self._kept: collections.OrderedDict[bytes, tuple[_Value, float]] = collections.OrderedDict()

    def get(self, digest: bytes, now: float) -> _Value | None:
        kept = self._kept.get(digest)
        if kept is None or kept[1] <= now:
            return None
        self._kept.move_to_end(digest)
        return kept[0]

    def put(self, digest: bytes, value: _Value, until: float) -> None:
        self._kept[digest] = (value, until)
        self._kept.move_to_end(digest)
        if len(self._kept) > _MOST_KNOWN:
            self._kept.popitem(last=False)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _check(claims: dict[str, Any], config: OidcConfig, now: float) -> float:
    """When the token expires. Raises `Error` (unauthorized) if it does not count now, here."""
    if claims.get("iss") != config.issuer:
        raise refused("the token's iss is not the issuer that is trusted here")
    if "exp" not in claims:
        raise refused("the token has no exp")
    expires = _moment(claims, "exp")
    if expires + config.leeway <= now:
        raise refused("the token has expired")
    if "nbf" in claims and _moment(claims, "nbf") > now + config.leeway:
        raise refused("the token's nbf is in the future: it does not count yet")
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
