"""A version table in another schema of the search path: which one is used is told."""

import json

import pytest
from migrations import Migrate

WARNING = "schema_migrations in the schema app is used, and there is another one in public, which is in the search path"
APP_FIRST = "search_path=app,public"


@pytest.fixture
def two(migrate: Migrate) -> Migrate:
    """Migrations that ran in `public`, beside an empty schema `app`."""
    migrate.write(_1="CREATE TABLE IF NOT EXISTS a (i int);")
    assert migrate("up").code == 0
    migrate.query("CREATE SCHEMA app")
    return migrate


@pytest.mark.parametrize("words", [["version"], ["up"], ["status"], ["force", "1"], ["up", "-dry-run"]])
def test_it_is_named(two: Migrate, words: list[str]) -> None:
    ran = two(*words, options=APP_FIRST)
    assert ran.err.startswith(f"warning: {WARNING}")
    assert "put its schema first (search_path)" in ran.err


def test_as_json(two: Migrate) -> None:
    first = json.loads(two("-json", "up", options=APP_FIRST).out.splitlines()[0])
    assert first["event"] == "warning"
    assert first["message"].startswith(WARNING)


def test_the_server_says_it_at_start(two: Migrate) -> None:
    said: list[str] = []
    two.upgrade(two.address(APP_FIRST), progress=said.append)
    assert [line.startswith(f"warning: {WARNING}") for line in said] == [True, False]


@pytest.mark.parametrize(
    "options",
    [
        "",
        "search_path=app",  # where the other one is not
        "search_path=public,app",  # the second of which has none
        f'{APP_FIRST}&x-migrations-table-quoted=1&x-migrations-table="app"."schema_migrations"',
        f"{APP_FIRST}&x-migrations-table=others",
    ],
)
def test_otherwise_there_is_nothing_to_say(two: Migrate, options: str) -> None:
    assert "another one" not in two("up", options=options).err
