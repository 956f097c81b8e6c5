"""Identity tokens of a real issuer in a process of its own, got by the authorization code flow."""

import base64
import json
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from issuer import CLIENT, Issuer

from codeactions.domain.errors import Error, ErrorCode
from codeactions.identity.oidc import Identity, OidcConfig, OidcVerifier

ANA = Identity("ana", "ana@example.com", False)


class Clock:
    """The time, from which tests may run ahead."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture(scope="module")
def _issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    issuer = Issuer(tmp_path_factory.mktemp("issuer") / "output")
    yield issuer
    issuer.stop()


@pytest.fixture
def issuer(_issuer: Issuer) -> Issuer:
    """A running issuer."""
    return _issuer


@pytest.fixture
def clock() -> Clock:
    """The verifier's."""
    return Clock()


@pytest.fixture
async def verifier(issuer: Issuer, clock: Clock) -> AsyncIterator[OidcVerifier]:
    """A server that trusts the issuer, and looks opaque tokens up."""
    verifier = OidcVerifier(
        OidcConfig(issuer=issuer.url, audience=CLIENT, service_claim="internal", userinfo=True), clock=clock
    )
    yield verifier
    await verifier.close()


async def refusal(verifier: OidcVerifier, token: str, code: ErrorCode = ErrorCode.UNAUTHORIZED) -> str:
    """Why a token does not count."""
    with pytest.raises(Error) as error:
        await verifier.identify(token)
    assert error.value.code is code, error.value.message
    return error.value.message


async def test_a_user_who_signed_in_is_recognised(issuer: Issuer, verifier: OidcVerifier) -> None:
    tokens = issuer.sign_in("ana", email="Ana@Example.com", email_verified=True)
    assert await verifier.identify(tokens.identity) == ANA
    assert await verifier.identify(tokens.access) == ANA
    state = await verifier.check()
    assert (state["issuer"], state["keys"]) == (issuer.url, 1)


async def test_what_the_claims_say_is_the_same_both_ways(issuer: Issuer, verifier: OidcVerifier) -> None:
    for user, claims, identity in (
        ("ben", {"email": "ben@example.com", "email_verified": False}, Identity("ben", None, False)),
        ("bot", {"internal": True}, Identity("bot", None, True)),
    ):
        tokens = issuer.sign_in(user, **claims)
        assert await verifier.identify(tokens.identity) == identity
        assert await verifier.identify(tokens.access) == identity


async def test_a_changed_token_is_refused(issuer: Issuer, verifier: OidcVerifier) -> None:
    header, claims, signature = issuer.sign_in("ana").identity.split(".")
    _, others, _ = issuer.sign_in("eve").identity.split(".")
    assert await refusal(verifier, f"{header}.{others}.{signature}") == "the token's signature is wrong"
    assert await refusal(verifier, f"{header}.{claims}.") == "the token's signature is wrong"


async def test_a_token_for_another_client_or_of_another_name_is_refused(issuer: Issuer) -> None:
    token = issuer.sign_in("ana").identity
    for config, claim in (
        (OidcConfig(issuer=issuer.url, audience="another"), "aud"),
        (OidcConfig(issuer=issuer.url.replace("127.0.0.1", "localhost"), audience=CLIENT), "iss"),
    ):
        verifier = OidcVerifier(config)
        assert claim in await refusal(verifier, token)
        await verifier.close()


async def test_an_expired_token_is_refused(issuer: Issuer, verifier: OidcVerifier, clock: Clock) -> None:
    token = issuer.sign_in("ana", email="ana@example.com").identity
    clock.ahead = 3600.0  # its life; the leeway is 30 s more
    assert await verifier.identify(token) == ANA
    clock.ahead = 3631.0
    assert await refusal(verifier, token) == "the token has expired"


async def test_a_revoked_opaque_token_counts_no_longer_than_its_answer(
    issuer: Issuer, verifier: OidcVerifier, clock: Clock
) -> None:
    token = issuer.sign_in("ana", email="ana@example.com").access
    assert await verifier.identify(token) == ANA
    issuer.sign_out("ana")
    assert await verifier.identify(token) == ANA
    clock.ahead = 60.0
    assert await refusal(verifier, token) == "the issuer does not recognise the token"
    assert await refusal(verifier, "made-up") == "the issuer does not recognise the token"


async def test_a_new_key_is_found_and_the_old_one_forgotten(
    issuer: Issuer, verifier: OidcVerifier, clock: Clock
) -> None:
    old = issuer.sign_in("ana", email="ana@example.com").identity
    assert await verifier.identify(old) == ANA
    issuer.restart()
    new = issuer.sign_in("ana", email="ana@example.com").identity
    clock.ahead = 61.0  # in which the old token is not read again
    assert await verifier.identify(new) == ANA
    # The issuer's versions differ in whether a token names its key.
    header, _, _ = old.partition(".")
    named = "kid" in json.loads(base64.urlsafe_b64decode(header + "=="))
    unknown = "the token is signed with a key that the issuer does not publish, or not for its algorithm"
    assert await refusal(verifier, old) == (unknown if named else "the token's signature is wrong")


async def test_while_the_issuer_is_away_its_keys_go_on_being_used(
    issuer: Issuer, verifier: OidcVerifier, clock: Clock
) -> None:
    first, second = (issuer.sign_in("ana", email="ana@example.com") for _ in range(2))
    assert await verifier.identify(first.identity) == ANA
    issuer.stop()
    try:
        assert await verifier.identify(second.identity) == ANA
        assert "userinfo cannot be fetched" in await refusal(verifier, second.access, ErrorCode.BUSY)
        stranger = OidcVerifier(OidcConfig(issuer=issuer.url))
        assert "cannot be fetched" in await refusal(stranger, second.identity, ErrorCode.BUSY)
        with pytest.raises(Error, match="cannot be fetched"):
            await stranger.check()
        await stranger.close()
    finally:
        issuer.restart()
