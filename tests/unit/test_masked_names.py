"""Parameters whose values are not recorded, by their names."""

import pytest

from codeactions.domain.masked_names import DEFAULT_MASKED_PARAMS, MaskedNames
from codeactions.domain.record import pairs_to_object


@pytest.mark.parametrize(
    "name",
    ["api_key", "apikey", "ApiKey", "x-api-key", "token", "ACCESS_TOKEN", "hub.verify_token", "password",
     "userPassword", "passwd", "client_secret", "secret", "X-Amz-Signature", "X-Amz-Credential", "sig",
     "authorization", "jwt", "privateKey", "passphrase"],
)  # fmt: skip
def test_names_of_secrets_fit_by_default(name: str) -> None:
    masked = MaskedNames.of(DEFAULT_MASKED_PARAMS)
    assert pairs_to_object([(name, "s"), ("x", "y")], masked) == {name: "***", "x": "y"}
    assert pairs_to_object([(name, "s"), (name, "t")], masked) == {name: ["***", "***"]}


@pytest.mark.parametrize("name", ["", "key", "name", "keys", "design", "page", "id", "monkey", "signal"])
def test_other_names_do_not(name: str) -> None:
    assert name not in MaskedNames.of(DEFAULT_MASKED_PARAMS)


def test_a_setting_replaces_the_patterns_and_an_empty_one_has_none() -> None:
    names = MaskedNames.of(" PIN , card_? ,[ab]c, ")
    for name, fits in {"pin": True, "Pin": True, "card_1": True, "card_12": False, "ac": True, "cc": False}.items():
        assert (name in names) is fits
        assert (name in names) is fits  # from memory
    for nothing in ("", " , "):
        assert "token" not in MaskedNames.of(nothing)
        assert "" not in MaskedNames.of(nothing)


def test_what_is_known_of_names_has_a_bound() -> None:
    names = MaskedNames.of("*token*")
    for number in range(10_000):
        assert f"token{number}" in names
        assert f"{number}" * 30 not in names
    assert len(names._known) <= 4096
    assert all(len(name) <= 64 for name in names._known)
