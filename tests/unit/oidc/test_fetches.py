"""The issuer's keys: how seldom they are fetched, how long they are kept, and what happens while it is away."""

import asyncio

import httpx
import pytest
from joserfc.jwk import ECKey
from structlog.testing import capture_logs
from unit.oidc.site import ANA, ISSUER, NOW, OTHER, Site, claims, public, refusal, signed

from codeactions.domain.errors import Error, ErrorCode
from codeactions.identity import issuer
from codeactions.identity.oidc import OidcVerifier


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
