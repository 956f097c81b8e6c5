"""What a server says of itself once it serves is true for how it was started."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from codeactions.cli.introduction import Token, introduction
from codeactions.node.settings import Settings

EXAMPLE = UUID(int=1)
NEW = Token("the-token-itself", Path("/data/token"), is_new=True)
KEPT = Token("the-token-itself", Path("/da ta/token"), is_new=False)
GIVEN = Token("the-token-itself", None, is_new=False)


def said(
    *, host: str = "127.0.0.1", token: Token = NEW, example: UUID | None = EXAMPLE, terminal: bool = True, **given: Any
) -> str:
    settings = Settings(**{"data_dir": Path("/data"), "database_url": None, "endpoint_host": None, **given})
    return "\n".join(introduction(settings, (host, 8050), token, example, terminal=terminal))


@pytest.mark.parametrize(
    ("token", "terminal", "line"),
    [
        (NEW, True, "token:   the-token-itself\n           (shown this once; kept in /data/token)"),
        (NEW, False, "token:   in /data/token"),
        (KEPT, True, "token:   in /da ta/token"),
        (KEPT, False, "token:   in /da ta/token"),
        (GIVEN, True, "token:   as given in CODEACTIONS_AUTH_TOKEN"),
        (GIVEN, False, "token:   as given in CODEACTIONS_AUTH_TOKEN"),
    ],
)
def test_only_a_new_token_is_shown_and_only_on_a_terminal(token: Token, terminal: bool, line: str) -> None:
    text = said(token=token, terminal=terminal)
    assert f"  {line}\n" in text
    assert (token.value in text) is (token is NEW and terminal)


@pytest.mark.parametrize(
    ("host", "base", "everywhere"),
    [
        ("127.0.0.1", "http://127.0.0.1:8050", False),
        ("10.1.2.3", "http://10.1.2.3:8050", False),
        ("0.0.0.0", "http://127.0.0.1:8050", True),
        ("::", "http://[::1]:8050", True),
        ("::1", "http://[::1]:8050", False),
        ("fe80::1%eth0", "http://[fe80::1%25eth0]:8050", False),
    ],
)
def test_addresses_can_be_called_as_they_are_shown(host: str, base: str, everywhere: bool) -> None:
    text = said(host=host)
    assert f"serving on {base}" in text
    assert f"curl '{base}/endpoint/{EXAMPLE}?name=you'" in text
    assert f"{base}/docs" in text
    assert ("every other address" in text) is everywhere


def test_what_cannot_be_tried_is_not_offered() -> None:
    text = said(example=None)
    assert "curl" not in text
    assert "/docs" in text


def test_endpoints_with_a_host_name_of_their_own_are_called_by_it() -> None:
    text = said(endpoint_host="run.example.com")
    assert "curl -H 'Host: run.example.com' 'http://127.0.0.1:8050/endpoint/" in text
    text = said(endpoint_host="127.0.0.1")
    assert "http://localhost:8050/docs" in text


@pytest.mark.parametrize(
    ("token", "known"),
    [(KEPT, "$(cat '/da ta/token')"), (GIVEN, "$CODEACTIONS_AUTH_TOKEN"), (NEW, "$(cat /data/token)")],
)
def test_the_history_is_called_with_the_token_where_it_is(token: Token, known: str) -> None:
    text = said(token=token, terminal=False)
    assert f"curl -H \"Authorization: Token {known}\" 'http://127.0.0.1:8050/coderun?code_id={EXAMPLE}'" in text


def test_what_stops_is_told_by_whose_database_it_is() -> None:
    assert said().endswith("Ctrl-C stops everything, the database too.")
    assert said(terminal=False).endswith("SIGTERM stops everything, the database too.")
    text = said(database_url="postgresql://u:secret@db.example.com/d")
    assert text.endswith("Ctrl-C stops the server; its database goes on.")
    assert "data:    postgresql://***@db.example.com/d" in text
    assert "secret" not in text
