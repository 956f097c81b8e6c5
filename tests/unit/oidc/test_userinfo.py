"""Opaque tokens, which the issuer is asked about, and how seldom."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from unit.oidc.site import ANA, NOW, Site, claims, refusal, signed

from codeactions.domain.errors import ErrorCode
from codeactions.identity import userinfo
from codeactions.identity.oidc import Identity, OidcVerifier


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
