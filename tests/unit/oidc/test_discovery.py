"""The issuer's discovery document, and the settings that lead to it or around it."""

from typing import Any

import pytest
from unit.oidc.site import ANA, ISSUER, Site, claims, refusal, signed

from codeactions.domain.errors import Error, ErrorCode
from codeactions.identity.oidc import OidcConfig, OidcVerifier


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
