"""An OIDC issuer's published documents: fetched when they are needed, kept, and used to check signatures."""

import asyncio
import dataclasses
import ipaddress
import json
import re
import time
from collections.abc import Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
import structlog
from joserfc.jwk import Key

from codeactions.domain.errors import Error, ErrorCode
from codeactions.identity.jws import SignedToken, refused, verification_key

_FRESH, _MIN_FRESH, _MAX_AGE = 3600.0, 60.0, 86400.0  # seconds since the keys were fetched
_RETRY, _RETRY_WITHOUT_KEYS = 10.0, 1.0  # seconds between two attempts to fetch
_TIMEOUT = 5.0  # seconds for an answer
_MAX_BYTES = 1024 * 1024
_MAX_AGE_HEADER = re.compile(r"(?<![\w-])max-age\s*=\s*\"?(\d{1,9})")
_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, slots=True)
class Published:
    """An issuer's documents at one time.

    keys: those that check signatures. fetched_at, fresh_until: seconds since 1970.
    """

    keys: tuple[Key, ...]
    userinfo_url: str | None
    fetched_at: float
    fresh_until: float


class Issuer:
    """A client of an issuer, with a memory of what the issuer publishes.

    jwks_url: the address of its key set; None to find it by discovery. userinfo: whether its userinfo endpoint is
    needed. clock: returns seconds since 1970.
    """

    def __init__(
        self,
        issuer: str,
        *,
        jwks_url: str | None = None,
        userinfo: bool = False,
        clock: Callable[[], float] = time.time,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._userinfo = userinfo
        self._clock = clock
        # No cookies: with a cookie from one user's answer, the next look-up might be answered for that user.
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx.AsyncClient(transport=transport, timeout=_TIMEOUT, cookies=cookies)
        self._published: Published | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._tried_at = float("-inf")
        self._reason: str | None = None  # why the last attempt failed

    def __repr__(self) -> str:
        return f"<Issuer {self._issuer}>"

    async def close(self) -> None:
        """Cancel a fetch that is under way and close the connections."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait((self._fetching,))
        await self._client.aclose()

    async def verified_claims(self, token: str) -> dict[str, Any]:
        """Return the claims of a JSON web token whose signature is right. Nothing but the signature is checked.

        Raises `Error`: unauthorized for a wrong token; busy when its key cannot be fetched.
        """
        signed = SignedToken(token)
        for newer in (False, True):
            published = await self.published(newer=newer)
            keys = signed.matching(published.keys)
            if any(signed.is_signed_by(key) for key in keys):
                return signed.claims()
            if keys and signed.key_id is not None:  # without a key id, a wrong signature may also mean a new key
                break
        if keys:
            raise refused("the token's signature is wrong")
        if self._reason is not None:
            raise unreachable(self._reason)
        raise refused("the token is signed with a key that the issuer does not publish, or not for its algorithm")

    async def published(self, *, newer: bool = False) -> Published:
        """Return what the issuer publishes, from memory while that is fresh.

        newer: fetch it now, unless that was done seconds ago. While the issuer is away, documents up to a day old
        stay in use. Raises `Error` (busy) when there are none.
        """
        now = self._clock()
        kept = self._kept(now)
        if kept is not None and now < kept.fresh_until and not newer:
            return kept
        if self._fetching is None and now - self._tried_at >= (_RETRY if kept else _RETRY_WITHOUT_KEYS):
            self._fetching = asyncio.create_task(self._fetch(), name="keys of the issuer")
        # Once the issuer is known to be away, a caller that the old keys can serve does not wait for it.
        if self._fetching is not None and (newer or kept is None or self._reason is None):
            await asyncio.wait((self._fetching,))
        kept = self._kept(self._clock())
        if kept is None:
            raise unreachable(self._reason or "the issuer's keys were not fetched; try again")
        return kept

    async def read(self, url: str, what: str, *, token: str | None = None) -> tuple[dict[str, Any], httpx.Headers]:
        """Fetch a JSON object and return it with the answer's headers.

        what: names the document in messages. token: sent as the bearer token. Raises `Error`: busy when the document
        cannot be had; unauthorized when the issuer refuses the token.
        """
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        body = bytearray()
        try:
            async with asyncio.timeout(_TIMEOUT), self._client.stream("GET", url, headers=headers) as response:
                if token is not None and response.status_code in (400, 401, 403):
                    raise refused("the issuer does not recognise the token")
                if response.status_code != 200:
                    hint = ", and redirects are not followed" if response.is_redirect else ""
                    raise unreachable(f"{what} cannot be fetched: the status is {response.status_code}{hint}")
                if response.headers.get("content-encoding", "identity") != "identity":  # a few bytes may become many
                    raise unreachable(f"{what} is compressed, although that was not asked for")
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MAX_BYTES:
                        raise unreachable(f"{what} has more than {_MAX_BYTES} bytes")
            document = json.loads(body)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # The messages of other errors may hold a header, and so the token.
            reason = str(error) if isinstance(error, httpx.ConnectError) else type(error).__name__
            raise unreachable(f"{what} cannot be fetched: {reason}") from None
        except (ValueError, RecursionError):
            raise unreachable(f"{what} is not JSON") from None
        if not isinstance(document, dict):
            raise unreachable(f"{what} is not a JSON object")
        return document, response.headers

    def _kept(self, now: float) -> Published | None:
        kept = self._published
        return kept if kept is not None and now - kept.fetched_at < _MAX_AGE else None

    async def _fetch(self) -> None:
        try:
            self._published = await self._read_all()
            self._reason = None
        except Error as error:
            self._reason = error.message
            _log.warning("issuer_unreachable", reason=error.message)
        finally:
            self._fetching, self._tried_at = None, self._clock()

    async def _read_all(self) -> Published:
        now = self._clock()
        jwks_url, userinfo_url = self._jwks_url, None
        if jwks_url is None or self._userinfo:
            what = "the issuer's discovery document"
            found, _ = await self.read(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration", what)
            if found.get("issuer") != self._issuer:
                raise unreachable(f"{what} names another issuer; configure the issuer exactly as it names itself")
            jwks_url = jwks_url or _endpoint(found, "jwks_uri")
            userinfo_url = _endpoint(found, "userinfo_endpoint") if self._userinfo else None
        found, headers = await self.read(jwks_url, "the issuer's key set")
        if not isinstance(found.get("keys"), list):
            raise unreachable("the issuer's key set has no list of keys")
        keys = tuple(key for entry in found["keys"] if (key := verification_key(entry)) is not None)
        return Published(keys, userinfo_url, now, now + _freshness(headers))


def unreachable(message: str) -> Error:
    """Return the error for a token that cannot be judged now, because the issuer does not help."""
    return Error(ErrorCode.BUSY, message, public="identity tokens cannot be checked now; try again shortly")


def url_problem(url: object) -> str | None:
    """Return why an address of an issuer cannot be trusted, to follow its name; None if it can."""
    try:
        parsed = httpx.URL(url) if isinstance(url, str) else httpx.URL("")
    except httpx.InvalidURL:
        return "must be an address"
    if not parsed.host or parsed.userinfo or parsed.fragment:
        return "must be an address with a host, without a password and without a fragment"
    if parsed.scheme == "https" or (parsed.scheme == "http" and _is_loopback(parsed.host)):
        return None
    return "must begin with https:// (or, on this machine only, http://)"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _endpoint(document: dict[str, Any], name: str) -> str:
    url = document.get(name)
    problem = url_problem(url)
    if problem is not None:
        raise unreachable(f"{name} in the issuer's discovery document {problem}")
    return str(url)


def _freshness(headers: httpx.Headers) -> float:
    """Return for how many seconds an answer counts as fresh."""
    found = _MAX_AGE_HEADER.search(headers.get("cache-control", "").lower())
    return min(max(float(found[1]), _MIN_FRESH), _FRESH) if found else _FRESH
