"""Claims of identity tokens: what each must say, and what it tells of the bearer."""

from typing import Any

import pytest
from unit.oidc.site import ANA, ISSUER, NOW, Site, claims, refusal, signed

from codeactions.identity.oidc import Identity, OidcVerifier


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
