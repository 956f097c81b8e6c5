"""An issuer of identity tokens in this process, its keys, and the tokens that it and others make."""

import asyncio
import base64
import collections
import hashlib
import hmac
import json
import warnings
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from codeactions.domain.errors import Error, ErrorCode
from codeactions.identity.oidc import Identity, OidcConfig, OidcVerifier

ISSUER = "https://issuer.example/realm"
NOW = 1_800_000_000.0
ANA = Identity("ana", "ana@example.com", False)


class Clock:
    """Seconds since 1970, which stand still until they are moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Site:
    """The issuer's web site: what it serves, and how often each path was asked for."""

    def __init__(self) -> None:
        self.keys: list[Any] = [public(EC)]
        self.headers: dict[str, str] = {}
        self.discovery: dict[str, Any] = {
            "issuer": ISSUER,
            "jwks_uri": f"{ISSUER}/keys",
            "userinfo_endpoint": f"{ISSUER}/userinfo",
        }
        self.users: dict[str, Any] = {}  # by token
        self.away = False
        self.answers: dict[str, httpx.Response] = {}  # instead, by path
        self.calls: collections.Counter[str] = collections.Counter()
        self.requests: list[httpx.Request] = []
        self.asked = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()
        self.clock = Clock()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/realm")
        self.calls[path] += 1
        self.requests.append(request)
        self.asked.set()
        await self.open.wait()
        if self.away:
            raise httpx.ConnectError("nobody there")
        if path in self.answers:
            return self.answers[path]
        if path == "/keys":
            return httpx.Response(200, json={"keys": self.keys}, headers=self.headers)
        if path == "/userinfo":
            user = self.users.get(request.headers["authorization"].removeprefix("Bearer "))
            return httpx.Response(401) if user is None else httpx.Response(200, json=user, headers=self.headers)
        assert path == "/.well-known/openid-configuration"
        return httpx.Response(200, json=self.discovery)

    def verifier(self, **config: Any) -> OidcVerifier:
        """A server that trusts it."""
        transport = httpx.MockTransport(self)
        return OidcVerifier(OidcConfig(**({"issuer": ISSUER} | config)), clock=self.clock, transport=transport)


def public(key: Key) -> dict[str, Any]:
    """How an issuer publishes it."""
    return key.as_dict(private=False)


def claims(**changed: Any) -> dict[str, Any]:
    """Ana's; None leaves one out."""
    every = {"iss": ISSUER, "sub": "ana", "email": "Ana@Example.com", "exp": NOW + 300, "iat": NOW} | changed
    return {name: value for name, value in every.items() if value is not None}


def signed(of: dict[str, Any], key: Key | None = None, **header: Any) -> str:
    """A token; `header` may say anything."""
    key = key or EC
    every = {"alg": "ES256", "kid": key.kid} | header
    every = {name: value for name, value in every.items() if value is not None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return jwt.encode(every, of, key, algorithms=[every["alg"]], default_type=None)


def by_hand(header: Any, of: Any, secret: bytes | None = None) -> str:
    """A token that the library would not make: unsigned, or with HMAC."""
    text = ".".join(part(json.dumps(one).encode()) for one in (header, of))
    return f"{text}.{'' if secret is None else part(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def sealed(payload: bytes, **header: Any) -> str:
    """A token that the library would not make, with a good signature."""
    text = f"{part(json.dumps({'alg': 'ES256', 'kid': 'ec'} | header).encode())}.{part(payload)}"
    return f"{text}.{part(JWSRegistry.algorithms['ES256'].sign(text.encode(), EC))}"


def part(content: bytes) -> str:
    """Base64 as in tokens."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


EC = ECKey.generate_key("P-256", {"kid": "ec"})
OTHER = ECKey.generate_key("P-256", {"kid": "other"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
KEYS: dict[str, Key] = {
    **{f"{kind}{size}": RSA for kind in ("RS", "PS") for size in (256, 384, 512)},
    "ES256": EC,
    "ES384": ECKey.generate_key("P-384", {"kid": "ec384"}),
    "ES512": ECKey.generate_key("P-521", {"kid": "ec521"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}


async def refusal(verifier: OidcVerifier, token: str, code: ErrorCode = ErrorCode.UNAUTHORIZED) -> str:
    """Why a token does not count."""
    with pytest.raises(Error) as error:
        await verifier.identify(token)
    assert error.value.code is code, error.value.message
    for piece in token.split("."):
        assert len(piece) < 8 or piece not in error.value.message
    return error.value.message
