"""Settings for the server in a connection's parameters: each arrives as it was given, by a real libpq and server."""

import os
import subprocess
from pathlib import Path

import pytest
from psycopg import pq
from psycopg.conninfo import make_conninfo

from codeactions.domain.errors import Error
from codeactions.migrate.database.address import parse
from codeactions.postgres import client_programs
from codeactions.postgres.embedded.server import EmbeddedPostgres

HARD = [
    *("", " ", "a b", " a", "a ", "a  b", "a\tb", "a\nb", "a\r\nb", "a\vb\fc", "\t", "\n"),
    *("\\", "a\\b", "a\\", "\\ ", "a\\ b", "\\\\", "\\n", "'", "a'b", "''", '"', "a=b", "-c x.y=z", "a -c my.other=1"),
    *("grüße \u00a0 \u2028", "$(id)", "%20", "; SELECT 1"),
]


def parameters(postgres: EmbeddedPostgres, **settings: str) -> dict[str, str]:
    address = parse(postgres.url)
    return {**address.parameters, **address.settings, **settings}


@pytest.mark.parametrize("value", HARD, ids=ascii)
def test_a_setting_arrives_as_it_was_given(postgres: EmbeddedPostgres, value: str) -> None:
    for settings in ({"my.value": value, "my.last": "last"}, {"my.last": "last", "my.value": value}):
        with client_programs.connect(parameters(postgres, **settings), "tests") as connection:
            found = connection.execute("SELECT current_setting('my.value'), current_setting('my.last')").fetchone()
            assert found == (value, "last")
            assert connection.execute("SELECT current_setting('my.other', true)").fetchone() == (None,)


@pytest.mark.parametrize("value", HARD, ids=ascii)
def test_a_keyword_arrives_as_it_was_given(value: str) -> None:
    """libpq reads back from a connection string what was written into it."""
    [found] = [
        one.val for one in pq.Conninfo.parse(make_conninfo(password=value).encode()) if one.keyword == b"password"
    ]
    assert os.fsdecode(found or b"") == value


@pytest.mark.parametrize("key", ["my.value -c my.other", "my.value\t-c\tmy.other", "my.value\n-c my.other"], ids=ascii)
def test_a_key_brings_no_further_setting_along(postgres: EmbeddedPostgres, key: str) -> None:
    with pytest.raises(Error, match=r"cannot connect to the database: .*invalid configuration parameter name"):
        client_programs.connect(parameters(postgres, **{key: "x"}), "tests")


def test_settings_are_added_to_those_of_the_environment(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c my.first=one\\ two")
    with client_programs.connect(parameters(postgres, **{"my.value": "x y"}), "tests") as connection:
        found = connection.execute("SELECT current_setting('my.first'), current_setting('my.value')").fetchone()
    assert found == ("one two", "x y")


@pytest.mark.parametrize("value", HARD, ids=ascii)
def test_a_program_has_the_same_settings_as_the_connection(
    postgres: EmbeddedPostgres, tmp_path: Path, value: str
) -> None:
    with client_programs.connect(parameters(postgres, **{"my.value": value}), "tests") as connection:
        target = client_programs.target_of(connection)
    program = client_programs.find_program("psql", target)
    statement = "SELECT encode(convert_to(current_setting('my.value'), 'UTF8'), 'hex')"
    output = tmp_path / "output"
    with (tmp_path / "messages").open("w+b") as messages, output.open("wb") as file:
        words = ["--no-psqlrc", "--tuples-only", "--no-align", f"--command={statement}"]
        with client_programs.running(
            program, words, target, stdin=subprocess.DEVNULL, stdout=file.fileno(), stderr=messages
        ) as process:
            assert process.wait(60) == 0
    assert bytes.fromhex(output.read_text().strip()).decode() == value
