"""Identity tokens, of an issuer in this process: which ones count, for whom, and how seldom the issuer is asked."""

import asyncio
import base64
import collections
import hashlib
import hmac
import json
import warnings
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from structlog.testing import capture_logs

from codeactions.domain.errors import Error, ErrorCode
from codeactions.identity import issuer, oidc, userinfo
from codeactions.identity.jws import ALGORITHMS
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


@pytest.fixture
def site() -> Site:
    """An issuer with one key."""
    return Site()


@pytest.fixture
async def verifier(site: Site) -> AsyncIterator[OidcVerifier]:
    """A server that trusts it."""
    verifier = site.verifier()
    yield verifier
    await verifier.close()


async def refusal(verifier: OidcVerifier, token: str, code: ErrorCode = ErrorCode.UNAUTHORIZED) -> str:
    """Why a token does not count."""
    with pytest.raises(Error) as error:
        await verifier.identify(token)
    assert error.value.code is code, error.value.message
    for piece in token.split("."):
        assert len(piece) < 8 or piece not in error.value.message
    return error.value.message


async def test_a_good_token_names_its_bearer_and_is_read_once(site: Site, verifier: OidcVerifier) -> None:
    token = signed(claims())
    assert await verifier.identify(token) == ANA
    assert await verifier.identify(token) == ANA
    assert site.calls == {"/.well-known/openid-configuration": 1, "/keys": 1}
    assert all("authorization" not in request.headers for request in site.requests)


def test_every_algorithm_has_a_key_here() -> None:
    assert set(KEYS) == set(ALGORITHMS)


@pytest.mark.parametrize("algorithm", KEYS)
async def test_every_asymmetric_algorithm_counts(site: Site, verifier: OidcVerifier, algorithm: str) -> None:
    site.keys = [public(key) for key in {key.kid: key for key in KEYS.values()}.values()]
    key = KEYS[algorithm]
    assert await verifier.identify(signed(claims(), key, alg=algorithm)) == ANA
    token = signed(claims(), key, alg=algorithm)
    text, _, signature = token.rpartition(".")
    flipped = ("B" if signature[10] == "A" else "A").join((signature[:10], signature[11:]))
    assert await refusal(verifier, f"{text}.{flipped}") == "the token's signature is wrong"


async def test_a_wrong_signature_does_not_count(site: Site, verifier: OidcVerifier) -> None:
    forged = signed(claims(), ECKey.generate_key("P-256", {"kid": "ec"}))
    assert await refusal(verifier, forged) == "the token's signature is wrong"
    header, _, signature = signed(claims()).split(".")
    other = part(json.dumps(claims(sub="eve")).encode())
    assert await refusal(verifier, f"{header}.{other}.{signature}") == "the token's signature is wrong"
    assert await refusal(verifier, f"{header}.{other}.") == "the token's signature is wrong"
    assert site.calls["/keys"] == 1


async def test_no_signature_and_a_public_key_as_secret_do_not_count(site: Site, verifier: OidcVerifier) -> None:
    site.keys = [public(RSA), public(EC)]
    for none in ("none", "None", "NONE", ""):
        assert "alg" in await refusal(verifier, by_hand({"alg": none, "kid": "rsa"}, claims()))
    for secret in (RSA.as_pem(private=False), RSA.as_der(private=False), json.dumps(public(RSA)).encode(), b""):
        assert "alg" in await refusal(verifier, by_hand({"alg": "HS256", "kid": "rsa"}, claims(), secret))
    assert site.calls == {}


async def test_a_symmetric_key_that_the_issuer_publishes_checks_nothing(site: Site, verifier: OidcVerifier) -> None:
    secret = OctKey.generate_key(256, {"kid": "oct"})
    site.keys = [secret.as_dict(private=True), public(EC)]
    assert "alg" in await refusal(verifier, signed(claims(), secret, alg="HS256"))
    assert (await verifier.check())["keys"] == 1


async def test_a_key_is_used_for_its_own_algorithm_only(site: Site, verifier: OidcVerifier) -> None:
    site.keys = [public(RSA) | {"alg": "RS256"}, public(EC) | {"use": "enc"}]
    assert await verifier.identify(signed(claims(), RSA, alg="RS256")) == ANA
    for token in (signed(claims(), RSA, alg="PS256"), signed(claims()), signed(claims(), EC, kid="rsa")):
        assert "a key that the issuer does not publish" in await refusal(verifier, token)
    assert (await verifier.check())["keys"] == 1


async def test_a_short_key_is_none(site: Site, verifier: OidcVerifier) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        short = RSAKey.generate_key(1024, {"kid": "short"})
        site.keys = [public(short), public(EC)]
        token = signed(claims(), short, alg="RS256")
        assert "a key that the issuer does not publish" in await refusal(verifier, token)
    assert (await verifier.check())["keys"] == 1


async def test_keys_that_nobody_understands_spoil_no_others(site: Site, verifier: OidcVerifier) -> None:
    strange: list[Any] = [None, 1, "RSA", [], {}, {"kty": "AKP", "pub": "AAAA"}, {"kty": ["RSA"]}]
    strange += [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}, {"kty": "EC", "crv": "P-0", "x": "AA", "y": "AA"}]
    strange += [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, public(EC) | {"kid": 1}, {"kty": "OKP"}]
    strange += [public(OKPKey.generate_key("X25519", {"kid": "x"})), public(OTHER) | {"key_ops": ["encrypt"]}]
    site.keys = [*strange, public(EC)]
    assert (await verifier.check())["keys"] == 1
    assert await verifier.identify(signed(claims())) == ANA


async def test_without_kid_a_key_is_taken_when_no_other_fits(site: Site, verifier: OidcVerifier) -> None:
    site.keys = [public(RSA), public(EC)]
    assert await verifier.identify(signed(claims(), kid=None)) == ANA
    site.clock.now += 3600
    site.keys.append(public(OTHER))
    token = signed(claims(exp=site.clock.now + 300), kid=None)
    assert "a key that the issuer does not publish" in await refusal(verifier, token)


async def test_without_kid_a_new_key_is_found_by_the_wrong_signature(site: Site, verifier: OidcVerifier) -> None:
    assert await verifier.identify(signed(claims(), kid=None)) == ANA
    site.keys = [public(OTHER)]
    site.clock.now += 10
    assert await verifier.identify(signed(claims(), OTHER, kid=None)) == ANA
    assert await refusal(verifier, signed(claims(sub="eve"), EC, kid=None)) == "the token's signature is wrong"
    assert site.calls["/keys"] == 2


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"exp": NOW - 30}, "expired"),
        ({"exp": NOW - 3600}, "expired"),
        ({"exp": None}, "no exp"),
        ({"exp": "1900000000"}, "exp is not a time"),
        ({"exp": True}, "exp is not a time"),
        ({"exp": float("nan")}, "exp is not a time"),
        ({"exp": float("inf")}, "exp is not a time"),
        ({"exp": 10**400}, "exp is not a time"),
        ({"exp": [NOW + 300]}, "exp is not a time"),
        ({"nbf": NOW + 31}, "nbf is in the future"),
        ({"nbf": "now"}, "nbf is not a time"),
        ({"iat": NOW + 31}, "iat is in the future"),
        ({"iat": {}}, "iat is not a time"),
        ({"iss": f"{ISSUER}/"}, "iss"),
        ({"iss": "https://other.example"}, "iss"),
        ({"iss": [ISSUER]}, "iss"),
        ({"iss": None}, "iss"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 7}, "sub"),
        ({"sub": "a\0b"}, "sub"),
        ({"sub": "a" * 256}, "sub"),
    ],
    ids=str,
)
async def test_a_wrong_claim_is_named(verifier: OidcVerifier, changed: dict[str, Any], reason: str) -> None:
    message = await refusal(verifier, signed(claims(**changed)))
    assert reason in message
    assert not [value for value in changed.values() if isinstance(value, str) and value and value in message]


async def test_clocks_may_differ_a_little(verifier: OidcVerifier) -> None:
    skewed = claims(exp=NOW - 29.5, nbf=NOW + 30, iat=NOW + 30)
    assert await verifier.identify(signed(skewed)) == ANA


async def test_without_leeway_they_may_not(site: Site) -> None:
    verifier = site.verifier(leeway=0)
    assert await verifier.identify(signed(claims(exp=NOW + 1, nbf=NOW, iat=NOW))) == ANA
    for changed in ({"exp": NOW}, {"nbf": NOW + 1}, {"iat": NOW + 1}):
        await refusal(verifier, signed(claims(**changed)))
    await verifier.close()


@pytest.mark.parametrize("audience", ["us", ["us"], ["them", "us"]], ids=str)
async def test_a_token_for_this_server_counts(site: Site, audience: object) -> None:
    verifier = site.verifier(audience="us")
    assert await verifier.identify(signed(claims(aud=audience))) == ANA
    await verifier.close()


@pytest.mark.parametrize("audience", [None, "them", "us2", "", [], ["them"], {"us": 1}, 1, [["us"]]], ids=str)
async def test_a_token_for_others_does_not(site: Site, audience: object) -> None:
    verifier = site.verifier(audience="us")
    assert "aud" in await refusal(verifier, signed(claims(aud=audience)))
    await verifier.close()
    anybody = site.verifier()
    assert await anybody.identify(signed(claims(aud=audience))) == ANA
    await anybody.close()


@pytest.mark.parametrize(
    ("changed", "email"),
    [
        ({"email_verified": True}, "ana@example.com"),
        ({"email_verified": "true"}, "ana@example.com"),
        ({"email_verified": False}, None),
        ({"email_verified": "false"}, None),
        ({"email_verified": 0}, None),
        ({"email": None}, None),
        ({"email": ["ana@example.com"]}, None),
        ({"email": "ana"}, None),
        ({"email": "ana@example.com\0"}, None),
        ({"email": " ANA@example.com "}, "ana@example.com"),
        ({"email": "\u212aim@example.com"}, None),  # the Kelvin sign, whose small letter is k
        ({"email": "JOSÉ@example.com"}, "josé@example.com"),
    ],
    ids=str,
)
async def test_only_a_verified_address_counts(
    verifier: OidcVerifier, changed: dict[str, Any], email: str | None
) -> None:
    assert await verifier.identify(signed(claims(**changed))) == Identity("ana", email, False)


async def test_the_address_may_be_in_another_claim(site: Site) -> None:
    verifier = site.verifier(email_claim="upn")
    assert (await verifier.identify(signed(claims(upn="Boss@Example.com")))).email == "boss@example.com"
    assert (await verifier.identify(signed(claims()))).email is None
    await verifier.close()


@pytest.mark.parametrize(
    ("wanted", "value", "is_service"),
    [
        ("internal", True, True),
        ("internal", False, False),
        ("internal", None, False),
        ("internal", "true", False),
        ("internal", 1, False),
        ("internal", ["x"], False),
        ("internal=bots", "bots", True),
        ("internal=bots", "users bots", True),
        ("internal=bots", ["users", "bots"], True),
        ("internal=bots", "robots", False),
        ("internal=bots", ["robots"], False),
        ("internal=bots", {"bots": True}, False),
        ("internal=bots", [["bots"]], False),
        ("internal=bots", True, False),
        ("internal=bots", None, False),
        ("internal=all bots", "all bots", True),
        ("internal=a=b", "a=b", True),
        (None, True, False),
    ],
    ids=str,
)
async def test_a_service_is_what_a_claim_says(site: Site, wanted: str | None, value: object, is_service: bool) -> None:
    verifier = site.verifier(service_claim=wanted)
    assert (await verifier.identify(signed(claims(internal=value)))).is_service is is_service
    await verifier.close()


@pytest.mark.parametrize("kind", [None, "JWT", "jwt", "at+jwt", "application/at+jwt"])
async def test_access_tokens_count(verifier: OidcVerifier, kind: str | None) -> None:
    assert await verifier.identify(signed(claims(), typ=kind)) == ANA


@pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "secevent+jwt", ""])
async def test_tokens_of_other_kinds_do_not(verifier: OidcVerifier, kind: str) -> None:
    assert "typ" in await refusal(verifier, signed(claims(), typ=kind))


async def test_headers_that_must_be_understood_are_not_passed_over(verifier: OidcVerifier) -> None:
    assert "crit" in await refusal(verifier, signed(claims(), crit=["kid"]))
    assert "b64" in await refusal(verifier, signed(claims(), b64=True))
    await refusal(verifier, by_hand({"alg": "ES256", "crit": ["new"], "new": 1}, claims()))
    # Others are, and certificates are long.
    assert await verifier.identify(signed(claims(), x5c=["A" * 2000])) == ANA
    assert await verifier.identify(sealed(json.dumps(claims()).encode(), **{"pi.atm": "1"})) == ANA


async def test_a_key_inside_the_token_is_not_taken(site: Site, verifier: OidcVerifier) -> None:
    for header in ({"jwk": public(OTHER)}, {"jku": "https://eve.example/keys"}, {"kid": "../../keys"}):
        token = signed(claims(), OTHER, **header)
        assert "a key that the issuer does not publish" in await refusal(verifier, token)
    assert {request.url.host for request in site.requests} == {"issuer.example"}


DEEP = part(b"[" * 5000)
GARBAGE = [
    "",
    ".",
    "..",
    "...",
    "a.b.c",
    "Bearer x.y.z",
    "a.b.c\r\nX-Header: 1",
    "é.é.é",
    "\ud800.a.b",
    "\0",
    f"{DEEP}.{DEEP}.",
    by_hand([], claims()),
    by_hand(["alg", "b64"], claims()),
    by_hand("alg", claims()),
    by_hand(1, claims()),
    by_hand({"alg": ["ES256"]}, claims()),
    by_hand({"alg": {}}, claims()),
    by_hand({"alg": "ES256", "kid": 1}, claims()),
    by_hand({"alg": "ES256", "typ": 1}, claims()),
    by_hand({"alg": "ES256", "crit": 1}, claims()),
    by_hand({"alg": "ES256", "kid": "ec"}, claims()),
    by_hand({"alg": "ES256", "kid": "ec"}, claims(), b"x"),
]


@pytest.mark.parametrize("token", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_is_refused(verifier: OidcVerifier, token: str) -> None:
    await refusal(verifier, token)


async def test_long_tokens_are_not_even_read(site: Site, verifier: OidcVerifier) -> None:
    fitting = signed(claims(more="a" * 11_000))
    assert await verifier.identify(fitting) == ANA
    for token in ("A" * 16385, fitting + "A" * 2000, "\0" * 1_000_000):
        assert await refusal(verifier, token) == "the token is too long: at most 16384 characters"


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"1", b'"sub"', b"{", b"\xff", b"[" * 8000, b'{"exp":' + b"9" * 5000 + b"}"]
)
async def test_what_is_signed_must_be_claims(verifier: OidcVerifier, payload: bytes) -> None:
    assert await refusal(verifier, sealed(payload)) == "the token holds no claims"


async def test_half_a_character_names_nobody(verifier: OidcVerifier) -> None:
    assert "sub" in await refusal(verifier, sealed(json.dumps(claims(sub="a\ud800")).encode()))
    email = sealed(json.dumps(claims(email="a\ud800@example.com")).encode())
    assert await verifier.identify(email) == Identity("ana", None, False)


@given(st.one_of(st.text(), st.from_regex(r"[\w.-]{0,30}\.[\w-]{0,30}\.[\w-]{0,30}", fullmatch=True)))
def test_made_up_tokens_are_refused(token: str) -> None:
    async def look() -> None:
        verifier = Site().verifier()
        await refusal(verifier, token)
        await verifier.close()

    asyncio.run(look())


async def test_a_new_key_is_fetched_once_and_the_old_one_no_longer_counts(site: Site, verifier: OidcVerifier) -> None:
    assert await verifier.identify(signed(claims())) == ANA
    site.keys = [public(OTHER)]
    site.clock.now += 10
    assert await verifier.identify(signed(claims(), OTHER)) == ANA
    assert site.calls["/keys"] == 2
    assert "a key that the issuer does not publish" in await refusal(verifier, signed(claims(jti="2")))
    assert await verifier.identify(signed(claims(jti="3"), OTHER)) == ANA
    assert site.calls["/keys"] == 2


async def test_a_flood_of_unknown_keys_is_not_passed_on(site: Site, verifier: OidcVerifier) -> None:
    await verifier.check()
    for step in range(40):
        site.clock.now = NOW + step
        tokens = [signed(claims(), OTHER, kid=f"{step} {number}") for number in range(5)]
        await asyncio.gather(*(refusal(verifier, token) for token in tokens))
    assert site.calls["/keys"] == 4


async def test_who_comes_at_the_same_time_waits_for_one_fetch(site: Site, verifier: OidcVerifier) -> None:
    site.open.clear()
    callers = [asyncio.create_task(verifier.identify(signed(claims(jti=str(number))))) for number in range(20)]
    await site.asked.wait()
    callers[0].cancel()  # who goes away takes nothing from the others
    site.open.set()
    found = await asyncio.gather(*callers, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [ANA] * 19
    assert site.calls == {"/.well-known/openid-configuration": 1, "/keys": 1}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 3600),
        ("public, max-age=600", 600),
        ("Max-Age=1200, must-revalidate", 1200),
        ("max-age=0", 60),
        ("max-age=999999999", 3600),
        ("s-maxage=600", 3600),
        ("max-age=soon", 3600),
    ],
)
async def test_keys_are_kept_as_long_as_the_issuer_says(
    site: Site, verifier: OidcVerifier, header: str | None, seconds: int
) -> None:
    site.headers = {"cache-control": header} if header else {}
    await verifier.check()
    site.clock.now = NOW + seconds - 1
    assert await verifier.check() == {"issuer": ISSUER, "keys": 1, "age_seconds": seconds - 1}
    assert site.calls["/keys"] == 1
    site.clock.now = NOW + seconds
    assert await verifier.check() == {"issuer": ISSUER, "keys": 1, "age_seconds": 0}
    assert site.calls["/keys"] == 2


async def test_while_the_issuer_is_away_old_keys_serve_for_a_day(site: Site, verifier: OidcVerifier) -> None:
    await verifier.check()
    site.away = True
    forever = claims(exp=NOW + 1e6)
    for seconds in (3600, 40_000, 86_399):
        site.clock.now = NOW + seconds
        assert await verifier.identify(signed(forever)) == ANA
    assert (await verifier.check())["age_seconds"] == 86_399
    site.clock.now = NOW + 86_400
    message = await refusal(verifier, signed(forever), ErrorCode.BUSY)
    assert message == "the issuer's discovery document cannot be fetched: nobody there"
    with pytest.raises(Error, match="nobody there") as error:
        await verifier.check()
    assert error.value.code is ErrorCode.BUSY
    site.away = False
    site.clock.now += 1
    assert await verifier.identify(signed(forever)) == ANA


async def test_nobody_waits_for_an_issuer_that_is_known_to_be_away(site: Site, verifier: OidcVerifier) -> None:
    await verifier.check()
    site.away = True
    site.clock.now += 3600
    token = signed(claims(exp=NOW + 1e6))
    assert await verifier.identify(token) == ANA
    site.clock.now += 3600
    site.away = False
    site.open.clear()
    site.asked.clear()
    assert await verifier.identify(token) == ANA  # although the issuer does not answer
    await site.asked.wait()
    assert site.calls["/.well-known/openid-configuration"] == 3
    site.open.set()
    site.keys = [public(OTHER)]
    # This one needs the new keys, and so waits for them.
    assert await verifier.identify(signed(claims(exp=NOW + 1e6), OTHER)) == ANA
    assert site.calls["/keys"] == 2


async def test_nothing_kept_and_the_issuer_away_is_no_fault_of_the_token(site: Site, verifier: OidcVerifier) -> None:
    site.away = True
    with capture_logs() as logs:
        for _ in range(5):
            await refusal(verifier, signed(claims()), ErrorCode.BUSY)
    assert site.calls == {"/.well-known/openid-configuration": 1}
    reason = "the issuer's discovery document cannot be fetched: nobody there"
    assert logs == [{"event": "issuer_unreachable", "log_level": "warning", "reason": reason}]
    site.away = False
    site.clock.now += 1
    assert await verifier.identify(signed(claims())) == ANA
    assert "a key that the issuer does not publish" in await refusal(verifier, signed(claims(), OTHER))


async def test_a_key_that_cannot_be_asked_for_is_no_fault_of_the_token(site: Site, verifier: OidcVerifier) -> None:
    await verifier.check()
    site.away = True
    site.clock.now += 10
    await refusal(verifier, signed(claims(), OTHER), ErrorCode.BUSY)
    assert await verifier.identify(signed(claims())) == ANA
    assert await refusal(verifier, signed(claims(), ECKey.generate_key("P-256", {"kid": "ec"}))) == (
        "the token's signature is wrong"
    )


@pytest.mark.parametrize(
    ("path", "answer", "reason"),
    [
        ("/keys", httpx.Response(302, headers={"location": f"{ISSUER}/moved"}), "302, and redirects are not followed"),
        ("/keys", httpx.Response(404), "404"),
        ("/keys", httpx.Response(200, content=b" " * (1024 * 1024 + 1)), "more than 1048576 bytes"),
        (
            "/keys",
            httpx.Response(200, content=b"x\xda\x03\x00\x00\x00\x00\x01", headers={"content-encoding": "deflate"}),
            "compressed",
        ),
        ("/keys", httpx.Response(200, content=b"<html>"), "not JSON"),
        ("/keys", httpx.Response(200, content=b"[" * 100_000), "not JSON"),
        ("/keys", httpx.Response(200, json=[]), "not a JSON object"),
        ("/keys", httpx.Response(200, json={"keys": {}}), "no list of keys"),
        ("/keys", httpx.Response(200, json={"keys": []}), "no key that could check"),
        ("/.well-known/openid-configuration", httpx.Response(301), "redirects are not followed"),
        ("/.well-known/openid-configuration", httpx.Response(200, json={"issuer": ISSUER}), "jwks_uri"),
    ],
    ids=str,
)
async def test_answers_that_cannot_be_used(
    site: Site, verifier: OidcVerifier, path: str, answer: httpx.Response, reason: str
) -> None:
    site.answers[path] = answer
    with pytest.raises(Error, match=reason) as error:
        await verifier.check()
    assert error.value.code is ErrorCode.BUSY
    assert "/moved" not in site.calls


async def test_an_issuer_that_is_silent_is_given_up(
    site: Site, verifier: OidcVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer, "_TIMEOUT", 0.01)
    site.open.clear()
    assert "TimeoutError" in await refusal(verifier, signed(claims()), ErrorCode.BUSY)


@pytest.mark.parametrize("foreign", ["https://eve.example", f"{ISSUER}/", None, [ISSUER]], ids=str)
async def test_a_discovery_document_of_another_issuer_is_refused(
    site: Site, verifier: OidcVerifier, foreign: object
) -> None:
    site.discovery["issuer"] = foreign
    message = await refusal(verifier, signed(claims()), ErrorCode.BUSY)
    assert "names another issuer" in message
    assert "eve" not in message
    assert "/keys" not in site.calls


@pytest.mark.parametrize(
    "url", ["http://issuer.example/keys", "ftp://issuer.example/keys", "/keys", "", 1, "http://127.0.0.1.eve.example/"]
)
async def test_discovery_must_lead_to_a_safe_address(site: Site, verifier: OidcVerifier, url: object) -> None:
    site.discovery["jwks_uri"] = url
    assert "jwks_uri" in await refusal(verifier, signed(claims()), ErrorCode.BUSY)
    assert "/keys" not in site.calls


async def test_with_the_address_of_the_keys_there_is_no_discovery(site: Site) -> None:
    verifier = site.verifier(jwks_url="http://[::1]:1/keys")
    assert await verifier.identify(signed(claims())) == ANA
    assert site.calls == {"/keys": 1}
    await verifier.close()


async def test_the_issuer_may_end_with_a_slash(site: Site) -> None:
    site.discovery["issuer"] = f"{ISSUER}/"
    verifier = site.verifier(issuer=f"{ISSUER}/")
    assert await verifier.identify(signed(claims(iss=f"{ISSUER}/"))) == ANA
    await refusal(verifier, signed(claims()))
    await verifier.close()


@pytest.mark.parametrize(
    "config",
    [
        {"issuer": "http://issuer.example"},
        {"issuer": "issuer.example"},
        {"issuer": ""},
        {"issuer": "https://"},
        {"issuer": "https://ana:secret@issuer.example"},
        {"issuer": "http://localhost.eve.example"},
        {"jwks_url": "http://issuer.example/keys"},
        {"service_claim": ""},
        {"service_claim": "=x"},
        {"service_claim": "internal="},
        {"leeway": -1},
        {"leeway": float("nan")},
        {"userinfo_seconds": -1},
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(Error, match="the OIDC") as error:
        OidcConfig(**({"issuer": ISSUER} | config))
    assert error.value.code is ErrorCode.INVALID
    assert "secret" not in error.value.message


@pytest.mark.parametrize("issuer", ["http://localhost:8080/realms/x", "http://127.0.0.2", "http://[::1]:8080", ISSUER])
def test_plain_http_is_taken_on_this_machine(issuer: str) -> None:
    assert OidcConfig(issuer=issuer).issuer == issuer


async def test_a_token_is_read_again_in_time(site: Site, verifier: OidcVerifier) -> None:
    token = signed(claims(exp=NOW + 1000))
    assert await verifier.identify(token) == ANA
    site.keys = [public(OTHER)]
    site.clock.now += 59
    await verifier.identify(signed(claims(), OTHER))  # which makes the server fetch the new keys
    assert await verifier.identify(token) == ANA
    site.clock.now += 1
    assert "a key that the issuer does not publish" in await refusal(verifier, token)


async def test_what_is_remembered_ends_with_the_token(site: Site, verifier: OidcVerifier) -> None:
    token = signed(claims(exp=NOW + 5))
    assert await verifier.identify(token) == ANA
    site.clock.now = NOW + 34.9
    assert await verifier.identify(token) == ANA  # by the leeway, but read again
    site.clock.now = NOW + 35
    assert await refusal(verifier, token) == "the token has expired"


async def test_what_is_remembered_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "_MAX_REMEMBERED", 2)
    verifier = site.verifier()
    first, second, third = (signed(claims(jti=str(number))) for number in range(3))
    for token in (first, second, first, third):
        await verifier.identify(token)
    site.keys = [public(OTHER)]
    site.clock.now += 20
    await refusal(verifier, signed(claims(), OTHER, kid="new"))  # which makes the server fetch the new keys
    await refusal(verifier, second)  # which was used longest ago
    assert await verifier.identify(first) == await verifier.identify(third) == ANA
    await verifier.close()


@pytest.fixture
async def asking(site: Site) -> AsyncIterator[OidcVerifier]:
    """A server that looks opaque tokens up."""
    site.users = {"opaque": {"sub": "ana", "email": "Ana@Example.com"}}
    verifier = site.verifier(userinfo=True)
    yield verifier
    await verifier.close()


async def test_an_opaque_token_is_looked_up_and_the_answer_kept(site: Site, asking: OidcVerifier) -> None:
    for seconds in (0, 59):
        site.clock.now = NOW + seconds
        assert await asking.identify("opaque") == ANA
    assert site.calls["/userinfo"] == 1
    del site.users["opaque"]
    site.clock.now = NOW + 60
    assert await refusal(asking, "opaque") == "the issuer does not recognise the token"
    assert site.calls["/userinfo"] == 2
    assert await asking.identify(signed(claims())) == ANA
    assert site.calls["/userinfo"] == 2


async def test_a_refusal_is_kept_for_seconds(site: Site, asking: OidcVerifier) -> None:
    for seconds in (0, 4.9):
        site.clock.now = NOW + seconds
        assert await refusal(asking, "unknown") == "the issuer does not recognise the token"
    assert site.calls["/userinfo"] == 1
    site.users["unknown"] = {"sub": "ben"}
    site.clock.now = NOW + 5
    assert await asking.identify("unknown") == Identity("ben", None, False)


@pytest.mark.parametrize("user", [{}, {"sub": None}, {"sub": 1}, {"sub": ""}, {"email": "ana@example.com"}], ids=str)
async def test_an_answer_without_sub_names_nobody(site: Site, asking: OidcVerifier, user: dict[str, Any]) -> None:
    site.users["x"] = user
    assert "sub" in await refusal(asking, "x")
    assert "sub" in await refusal(asking, "x")
    assert site.calls["/userinfo"] == 1


async def test_what_userinfo_says_means_the_same_as_in_a_token(site: Site) -> None:
    verifier = site.verifier(userinfo=True, service_claim="groups=bots")
    site.users["a"] = {"sub": "bot", "email": "b@example.com", "email_verified": False, "groups": ["bots"]}
    assert await verifier.identify("a") == Identity("bot", None, True)
    await verifier.close()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx.Response(401), ErrorCode.UNAUTHORIZED),
        (httpx.Response(403), ErrorCode.UNAUTHORIZED),
        (httpx.Response(302, headers={"location": "https://eve.example"}), ErrorCode.BUSY),
        (httpx.Response(429), ErrorCode.BUSY),
        (httpx.Response(500), ErrorCode.BUSY),
        (httpx.Response(200, content=b"jwt.jwt.jwt"), ErrorCode.BUSY),
        (httpx.Response(200, json={"sub": "x" * 1024 * 1024}), ErrorCode.BUSY),
    ],
    ids=str,
)
async def test_only_a_refusal_of_the_issuer_is_one(
    site: Site, asking: OidcVerifier, answer: httpx.Response, code: ErrorCode
) -> None:
    site.answers["/userinfo"] = answer
    await refusal(asking, "opaque", code)
    del site.answers["/userinfo"]
    site.clock.now += 0 if code is ErrorCode.BUSY else 5
    assert await asking.identify("opaque") == ANA
    assert {request.url.host for request in site.requests} == {"issuer.example"}


async def test_userinfo_away_is_no_fault_of_the_token(site: Site, asking: OidcVerifier) -> None:
    assert await asking.identify("opaque") == ANA
    site.away = True
    site.clock.now += 59
    assert await asking.identify("opaque") == ANA
    site.clock.now += 1
    assert "cannot be fetched" in await refusal(asking, "opaque", ErrorCode.BUSY)


async def test_who_looks_up_the_same_token_shares_the_answer(site: Site, asking: OidcVerifier) -> None:
    await asking.check()
    site.asked.clear()
    site.open.clear()
    callers = [asyncio.create_task(asking.identify("opaque")) for _ in range(10)]
    await site.asked.wait()
    callers[0].cancel()
    site.open.set()
    found = await asyncio.gather(*callers, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [ANA] * 9
    assert site.calls["/userinfo"] == 1


async def test_a_flood_of_opaque_tokens_reaches_the_issuer_in_small_numbers(
    site: Site, asking: OidcVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(userinfo, "_QUEUE_SECONDS", 0.0)
    await asking.check()
    site.open.clear()
    callers = [asyncio.create_task(refusal(asking, f"made-up-{number}", ErrorCode.BUSY)) for number in range(16, 40)]
    first = [asyncio.create_task(refusal(asking, f"made-up-{number}")) for number in range(16)]
    done, _ = await asyncio.wait(callers + first, return_when=asyncio.FIRST_COMPLETED)
    assert done
    site.open.set()
    found = await asyncio.gather(*callers, *first, return_exceptions=True)
    assert site.calls["/userinfo"] == 16
    assert len([one for one in found if not isinstance(one, str)]) == 32  # whoever came first was looked up


async def test_one_users_cookie_is_not_sent_for_the_next(site: Site, asking: OidcVerifier) -> None:
    site.headers = {"set-cookie": "session=ana; Path=/"}
    site.users["other"] = {"sub": "ben"}
    await asking.identify("opaque")
    await asking.identify("other")
    assert all("cookie" not in request.headers for request in site.requests)


async def test_without_userinfo_opaque_tokens_are_refused(site: Site, verifier: OidcVerifier) -> None:
    site.users["opaque"] = {"sub": "ana"}
    assert "opaque" in await refusal(verifier, "five.parts.of.some.token")
    assert site.calls == {}


async def test_closing_ends_what_is_on_its_way(site: Site) -> None:
    site.users["opaque"] = {"sub": "ana"}
    verifier = site.verifier(userinfo=True)
    site.open.clear()
    callers = [asyncio.create_task(verifier.identify(token)) for token in (signed(claims()), "opaque")]
    await site.asked.wait()
    await verifier.close()
    for found in await asyncio.gather(*callers, return_exceptions=True):
        assert isinstance(found, Error)
        assert found.code is ErrorCode.BUSY
