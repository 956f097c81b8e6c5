"""A connection that is refused: golang-migrate's words for it, and what to do about it."""

import pytest
from unit.migrate_addresses.addresses import refused

from codeactions.migrate.database import connect as module
from codeactions.migrate.database.address import parse
from codeactions.migrate.database.errors import ConnectFailed
from codeactions.migrate.errors import MigrationError
from codeactions.migrate.go_compat.driver_errors import connect_failure
from codeactions.migrate.go_compat.drivers import Driver

AT = 'connection to server at "127.0.0.1", port 5432 failed: '


def failing(monkeypatch: pytest.MonkeyPatch, url: str, reason: str) -> MigrationError:
    """The error for a URL whose server gives this reason."""

    def fail(_: object) -> None:
        raise ConnectFailed(AT + reason)

    monkeypatch.setattr(module, "Connection", fail)
    with pytest.raises(MigrationError) as caught:
        module.connect(parse(url, sslmode="require"))
    assert "secret" not in caught.value.message + caught.value.go_text + caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Connection refused", "connect: connection refused"),
        ("SSL error: certificate verify failed", "connect: SSL error: certificate verify failed"),
        ("SCRAM authentication requires libpq version 10", "connect: SCRAM authentication requires libpq version 10"),
        ("GSSAPI continuation error", "connect: GSSAPI continuation error"),
        ("ERROR:  no such pool", "connect: ERROR:  no such pool"),
        ("No route to host", "connect: no route to host"),
    ],
)
def test_an_abbreviation_keeps_its_capitals(reason: str, words: str) -> None:
    found = connect_failure(AT + reason, Driver.POSTGRES, host="h", user="u", database="d")
    assert found == f"dial tcp 127.0.0.1:5432: {words}"


@pytest.mark.parametrize(
    ("url", "reason", "said"),
    [
        (
            "postgres://u:secret@127.0.0.1/d",
            "server does not support SSL, but SSL was required",
            "offers no TLS, which sslmode=require asks for: to go without, add ?sslmode=disable to the URL",
        ),
        (
            "pgx5://u:secret@127.0.0.1/d?sslmode=verify-full",
            "server does not support SSL, but SSL was required",
            "offers no TLS, which sslmode=verify-full asks for",
        ),
        (
            "postgres://u:secret@127.0.0.1/d?sslmode=disable",
            'FATAL:  no pg_hba.conf entry for host "127.0.0.1", user "u", database "d", no encryption',
            "insists on TLS: write sslmode=require in the URL",
        ),
        (
            "postgres://u:secret@127.0.0.1/d",
            "FATAL:  unsupported startup parameter: geqo",
            "the pooler at 127.0.0.1:5432 does not know geqo",
        ),
        (
            "postgres://u:secret@127.0.0.1/d#secret",
            'FATAL:  password authentication failed for user "u"',
            "what follows `#` in the URL is not read: a `#` in user or password must be percent-encoded: write %23",
        ),
        (
            "postgres://u@127.0.0.1/d?password=secret+secret",
            'FATAL:  password authentication failed for user "u"',
            "a `+` in the query is a blank: a `+` in user or password must be percent-encoded: write %2B",
        ),
    ],
)
def test_what_to_do_is_told(monkeypatch: pytest.MonkeyPatch, url: str, reason: str, said: str) -> None:
    found = failing(monkeypatch, url, reason)
    assert said in found.message
    assert said[1:] in found.hint
    assert found.urgent


def test_what_lib_pq_says_stays_the_first_line(monkeypatch: pytest.MonkeyPatch) -> None:
    found = failing(monkeypatch, "postgres://u:secret@127.0.0.1/d", "server does not support SSL, but SSL was required")
    assert found.go_text == "failed to open database: pq: SSL is not enabled on the server"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgres://u:se%63ret@127.0.0.1/d", 'FATAL:  password authentication failed for user "u"'),
        ("postgres://u:secret@127.0.0.1/d", "Connection refused"),
    ],
)
def test_otherwise_there_is_nothing_to_add(monkeypatch: pytest.MonkeyPatch, url: str, reason: str) -> None:
    found = failing(monkeypatch, url, reason)
    assert (found.hint, found.urgent) == ("", False)
    assert "see DATABASE_URL" in found.message


@pytest.mark.parametrize("character", "/?#%")
@pytest.mark.parametrize("password", ["{}QQ", "Q{}Q", "QQ{}", "1{}2", "Q@{}Q", "{0}{0}"])
def test_a_character_that_must_be_encoded_is_named_and_no_other(character: str, password: str) -> None:
    found = refused(f"postgres://u:{password.format(character)}@h:5/d", sslmode="require")
    said = f"a `{character}` in user or password must be percent-encoded: write %{ord(character):02X}"
    assert said in found.message
    assert said[1:] in found.hint + found.go_text
    assert "Q" not in found.message + found.go_text + found.hint


def test_in_a_password_of_the_query_it_is_the_at_sign() -> None:
    found = refused("postgres://h/d?password=a@b/c&d=e@f")
    assert "a `@` in user or password must be percent-encoded: write %40" in found.message


@pytest.mark.parametrize("character", ["@", "[", "]", ":", "&", "=", "+", " ", '"', "'", "\\", "^", "|", "é"])
def test_all_others_are_taken_as_they_are(character: str) -> None:
    assert parse(f"postgres://u:a{character}b@h:5/d").parameters["password"] == f"a{character}b"
