"""Signatures of identity tokens: which algorithms and which of the issuer's keys count."""

import json
import warnings
from typing import Any

import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from unit.oidc.site import ANA, EC, KEYS, OTHER, RSA, Site, by_hand, claims, part, public, refusal, signed

from codeactions.identity.jws import ALGORITHMS
from codeactions.identity.oidc import OidcVerifier


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
