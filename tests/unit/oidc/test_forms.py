"""Forms of identity tokens: their kinds and headers, and everything that is no token."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.oidc.site import ANA, OTHER, Site, by_hand, claims, part, public, refusal, sealed, signed

from codeactions.identity.oidc import Identity, OidcVerifier


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
