"""What an OIDC issuer publishes, its keys above all: fetched when it is needed, kept, and used to check signatures."""

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
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import JWKRegistry, Key
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact, validate_compact

from codeactions.domain.errors import Error, ErrorCode

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_TYPES = ("JWT", "AT+JWT", "APPLICATION/JWT", "APPLICATION/AT+JWT")
_FRESH, _LEAST_FRESH, _OLDEST = 3600.0, 60.0, 86400.0  # seconds since keys were fetched
_PAUSE, _PAUSE_WITHOUT_KEYS = 10.0, 1.0  # seconds between two attempts to fetch
_PATIENCE = 5.0  # seconds for an answer
_MOST_BYTES = 1024 * 1024
_MAX_AGE = re.compile(r"(?<![\w-])max-age\s*=\s*\"?(\d{1,9})")
_log = structlog.get_logger()


class _Registry(JWSRegistry):
    # The library's own bound is too low for headers with certificates; what is not a known header does no harm.
    max_header_length = 16 * 1024

    def get_alg(self, name: str) -> Any:  # without its warning that EdDSA has a newer name
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


_REGISTRY = _Registry(strict_check_header=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Published:
    """keys: those that check signatures. fetched_at, fresh_until: seconds since 1970."""

    keys: tuple[Key, ...]
    userinfo_url: str | None
    fetched_at: float
    fresh_until: float


class Issuer:
    """Asks an issuer, and remembers what it publishes.

    jwks_url: None to learn it by discovery. userinfo: whether its userinfo endpoint is needed. `clock` gives seconds
    since 1970.
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
        # No cookies: with those of one user's answer, the next look-up might be answered for that user.
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx.AsyncClient(transport=transport, timeout=_PATIENCE, cookies=cookies)
        self._published: Published | None = None
        self._flight: asyncio.Task[None] | None = None
        self._tried_at = float("-inf")
        self._reason: str | None = None  # why the last attempt failed

    def __repr__(self) -> str:
        return f"<Issuer {self._issuer}>"

    async def close(self) -> None:
        """Stop asking."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait((self._flight,))
        await self._client.aclose()

    async def verified(self, token: str) -> dict[str, Any]:
        """The claims of a JSON web token, of which only the signature is checked. Raises `Error`: unauthorized; busy
        when the key cannot be fetched."""
        signed = _parse(token)
        algorithm, kid = signed.headers()["alg"], signed.headers().get("kid")
        for newer in (False, True):
            published = await self.published(newer=newer)
            keys = _fitting(published.keys, algorithm, kid)
            if any(validate_compact(signed, key, registry=_REGISTRY) for key in keys):
                return _claims(signed)
            if keys and kid is not None:  # without kid a wrong signature may just as well mean that the key is new
                break
        if keys:
            raise refused("the token's signature is wrong")
        if self._reason is not None:
            raise unreachable(self._reason)
        raise refused("the token is signed with a key that the issuer does not publish, or not for its algorithm")

    async def published(self, *, newer: bool = False) -> Published:
        """What the issuer publishes; `newer`: fetched now, unless that was done seconds ago.

        While the issuer is away, what it published goes on being used for a day. Raises `Error` (busy) without that.
        """
        now = self._clock()
        kept = self._kept(now)
        if kept is not None and now < kept.fresh_until and not newer:
            return kept
        if self._flight is None and now - self._tried_at >= (_PAUSE if kept else _PAUSE_WITHOUT_KEYS):
            self._flight = asyncio.create_task(self._fetch(), name="keys of the issuer")
        # Once the issuer is known to be away, nobody waits for it who can be served with the old keys.
        if self._flight is not None and (newer or kept is None or self._reason is None):
            await asyncio.wait((self._flight,))
        kept = self._kept(self._clock())
        if kept is None:
            raise unreachable(self._reason or "the issuer's keys were not fetched; try again")
        return kept

    async def read(self, url: str, what: str, *, token: str | None = None) -> tuple[dict[str, Any], httpx.Headers]:
        """Fetch a JSON object, as the bearer of `token`. Raises `Error`: busy; unauthorized for a refused token."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        body = bytearray()
        try:
            async with asyncio.timeout(_PATIENCE), self._client.stream("GET", url, headers=headers) as response:
                if token is not None and response.status_code in (400, 401, 403):
                    raise refused("the issuer does not recognise the token")
                if response.status_code != 200:
                    hint = ", and redirects are not followed" if response.is_redirect else ""
                    raise unreachable(f"{what} cannot be fetched: the status is {response.status_code}{hint}")
                if response.headers.get("content-encoding", "identity") != "identity":  # little may become a lot
                    raise unreachable(f"{what} is compressed, although that was not asked for")
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        raise unreachable(f"{what} has more than {_MOST_BYTES} bytes")
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
        return kept if kept is not None and now - kept.fetched_at < _OLDEST else None

    async def _fetch(self) -> None:
        try:
            self._published = await self._read_all()
            self._reason = None
        except Error as error:
            self._reason = error.message
            _log.warning("issuer_unreachable", reason=error.message)
        finally:
            self._flight, self._tried_at = None, self._clock()

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
        keys = tuple(key for entry in found["keys"] if (key := _usable(entry)) is not None)
        return Published(keys, userinfo_url, now, now + _freshness(headers))


def refused(message: str) -> Error:
    """The token does not count; `message` never holds any of it."""
    return Error(ErrorCode.UNAUTHORIZED, message)


def unreachable(message: str) -> Error:
    """Whether the token counts cannot be found out now."""
    return Error(ErrorCode.BUSY, message)


def url_problem(url: object) -> str | None:
    """Why an address of an issuer cannot be trusted; None if it can."""
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
    found = _MAX_AGE.search(headers.get("cache-control", "").lower())
    return min(max(float(found[1]), _LEAST_FRESH), _FRESH) if found else _FRESH


def _usable(entry: Any) -> Key | None:
    """A key that checks signatures. A set may hold others, too, and ones that nobody here understands."""
    try:
        if entry["kty"] not in ("RSA", "EC", "OKP"):
            return None
        if entry["kty"] == "RSA" and len(entry["n"]) < 342:  # below 2048 bits
            return None
        key = JWKRegistry.import_key(entry)
        key.check_use("sig")
        key.check_key_op("verify")
    except Exception:  # whatever is wrong with one key, the others of the set are to count
        return None
    return None if entry.get("crv") in ("X25519", "X448") else key


def _fitting(keys: tuple[Key, ...], algorithm: str, kid: str | None) -> list[Key]:
    found = [key for key in keys if (kid is None or key.kid == kid) and _fits(key, algorithm)]
    return found if kid is not None or len(found) == 1 else []


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
        allowed = header["alg"] in ALGORITHMS
        known_type = header.get("typ", "JWT").upper() in _TYPES
    except (JoseError, ValueError, TypeError, RecursionError):
        raise refused("the token is not a signed JSON web token") from None
    if not allowed:
        raise refused(f"the token's alg is not one of {', '.join(ALGORITHMS)}")
    if not known_type:
        raise refused("the token's typ is neither JWT nor at+jwt: send an access token")
    if "crit" in header or "b64" in header:
        raise refused("the token's header has crit or b64, which are not known here")
    return signed


def _claims(signed: CompactSignature) -> dict[str, Any]:
    try:
        claims = json.loads(signed.payload)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise refused("the token holds no claims")
    return claims
