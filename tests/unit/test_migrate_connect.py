"""The options that a connection gets: a value of the URL never brings further options along."""

import pytest

from codeactions.migrate.database.address import parse
from codeactions.migrate.database.connect import _parameters
from codeactions.migrate.database.startup import escaped_option

# The characters that separate options for the server (isspace in C), and the one that escapes them.
SEPARATORS = [" ", "\t", "\n", "\r", "\v", "\f", "\\"]


@pytest.mark.parametrize("separator", SEPARATORS)
def test_every_separator_is_escaped(separator: str) -> None:
    assert escaped_option(f"a{separator}b") == f"a\\{separator}b"
    assert escaped_option(separator * 2) == f"\\{separator}\\{separator}"


@pytest.mark.parametrize("value", ["", "public", '"$user",public', "it's", "a=b", "-c", "é"])
def test_all_else_stays_as_it_is(value: str) -> None:
    assert escaped_option(value) == value


@pytest.mark.parametrize("escape", ["%20", "%09", "%0A", "%0D", "%0B", "%0C"])
def test_a_value_of_the_url_is_one_option(monkeypatch: pytest.MonkeyPatch, escape: str) -> None:
    monkeypatch.delenv("PGOPTIONS", raising=False)
    found = _parameters(parse(f"pgx5://h/d?search_path=a{escape}-c{escape}work_mem=1"))
    separator = bytes.fromhex(escape[1:]).decode()
    assert found["options"] == f"-c search_path=a\\{separator}-c\\{separator}work_mem=1"


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("search_path=a%20", "-c search_path=a\\ "),
        ("search_path=%09", "-c search_path=\\\t"),
    ],
)
def test_blanks_at_the_end_stay(monkeypatch: pytest.MonkeyPatch, query: str, options: str) -> None:
    monkeypatch.delenv("PGOPTIONS", raising=False)
    assert _parameters(parse(f"pgx5://h/d?{query}"))["options"] == options


def test_given_options_stay_in_front(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c a=1")
    assert _parameters(parse("pgx5://h/d?search_path=b"))["options"] == "-c a=1 -c search_path=b"
    assert _parameters(parse("pgx5://h/d?search_path=b&options=-c%20d%3D1"))["options"] == "-c d=1 -c search_path=b"
