"""Tokens that were read before: how long they are remembered, and how many."""

import asyncio

import pytest
from unit.oidc.site import ANA, NOW, OTHER, Site, claims, public, refusal, signed

from codeactions.domain.errors import Error, ErrorCode
from codeactions.identity import oidc
from codeactions.identity.oidc import OidcVerifier


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
