"""Passwords in addresses and messages: never shown, however they are written."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codeactions.domain.masking import masked_url, without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ana:hunter2@db.example:5432/code", "postgresql://***@db.example:5432/code"),
        ("postgresql://ana:hunter2@a:1,b:2/code?sslmode=require", "postgresql://***@a:1,b:2/code"),
        ("postgresql://ana@db.example/code", "postgresql://***@db.example/code"),
        ("postgresql://ana@/code?host=/run/socket&password=hunter2", "postgresql://***@/code"),
        ("postgresql:///code?password=hunter2", "postgresql:///code"),
        ("postgresql://db.example/code?sslpassword=hunter2", "postgresql://db.example/code"),
        ("redis://localhost", "redis://localhost"),
        ("redis://:hunter2@[::1]:6379/0", "redis://***@[::1]:6379/0"),
        ("rediss://user:hunter2@host.example:6380/2?ssl_cert_reqs=none", "rediss://***@host.example:6380/2"),
        ("redis://hunter2@host", "redis://***@host"),  # a password in the place of the user
        ("amqp://u:se%2Fcret@host/v", "amqp://***@host/v"),
        ("redis+tls://:hunter2@host#hunter2", "redis+tls://***@host"),
    ],
)
def test_what_cannot_be_of_a_password_is_shown(url: str, shown: str) -> None:
    assert masked_url(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@host:port",
        "redis://:hunt@er2/hunter2@host:1",
        "redis://:hunt#er2@host:1",
        "redis://:hunt?er2@host:1",
        "redis://:hunt/er2@host:1",
        "redis://user:hunter2",
        "redis://user:1/hunter2@[::1",
        "redis://?password=hunter2",
        "postgresql://ana:hunt@er2@host/code",
        "postgresql://ana:hunt er2@host/code",
        "postgresql://ana:hunt\ner2@host/code",
        "postgresql://host/code?password=hunt@er2",
        "postgresql://ana:12/hunter2@host/code",
        "postgresql://host/co\nde",
        "postgresql://",
    ],
)
def test_of_an_ambiguous_address_only_the_scheme_is_shown(url: str) -> None:
    assert masked_url(url) == url.partition("://")[0] + "://***"


@pytest.mark.parametrize("url", ["", "hunter2", "host=h password=hunter2", "/hunter2", "://hunter2", "1x://hunter2"])
def test_of_what_is_no_address_nothing_is_shown(url: str) -> None:
    assert masked_url(url) == "***"


def test_a_password_that_looks_like_a_port_and_a_path_is_not_shown_as_one() -> None:
    assert masked_url("postgresql://ana:12/hunter2") == "postgresql://ana:12"


@given(password=st.text(min_size=1).map(lambda text: f"{text}SECRET{text}"), tail=st.sampled_from(["", "/db", "?x=1"]))
@example("SECRET", "/db")
@example("@SECRET", "")
@example("1/SECRET", "?x=1")
@example("/SECRET@", "/db")
@example("[::1]/SECRET", "")
def test_no_unescaped_password_is_shown(password: str, tail: str) -> None:
    assert "SECRET" not in masked_url(f"postgresql://ana:{password}@db.example:5432{tail}")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("no se%2Fcret here", "amqp://u:se%2Fcret@host/"),
        ("no se/cret here", "amqp://u:se%2Fcret@host/"),
        ("no se%2Fcret here", "amqp://u:se%2fcret@host/"),
        ("no s@cret here", "amqp://u:s%40cret@host/"),
        ("no plain here", "amqp://u:plain@host/"),
    ],
)
def test_a_message_holds_no_password_in_any_encoding(text: str, url: str) -> None:
    assert without_password(text, url) == "no *** here"


@pytest.mark.parametrize("url", ["amqp://host/", "amqp://u@host/", "amqp://u:@host/"])
def test_without_a_password_a_message_stays_as_it_is(url: str) -> None:
    assert without_password("no route to host", url) == "no route to host"
