"""`-history=off`: no table of our own, whatever the command."""

import subprocess

import pytest
from migrations import Migrate

from codeactions.postgres.embedded.server import EmbeddedPostgres

TABLES = {"a", "b", "schema_migrations", "schema_migrations_pkey"}
FILES = {
    "_1": "CREATE TABLE a (i int);",
    "_2": "BEGIN; CREATE TABLE b (i int); COMMIT;",
    "_1_down": "DROP TABLE a;",
    "_2_down": "DROP TABLE b;",
}
# In front of the command, behind it, and in the URL.
WAYS = {"first": (["-history=off"], [], ""), "last": ([], ["-history", "off"], ""), "url": ([], [], "x-history=off")}


@pytest.mark.parametrize("way", WAYS)
def test_no_table_is_made_and_all_else_is_as_ever(migrate: Migrate, way: str) -> None:
    before, behind, options = WAYS[way]
    migrate.write(**FILES)

    def off(command: str, *words: str) -> tuple[int, str, str]:
        return migrate(*before, command, *behind, *words, options=options)

    assert off("up") == (0, "1/u step (T)\n2/u step (T)\n", "")
    assert migrate.relations() == TABLES
    assert off("down", "1") == (0, "2/d step (T)\n", "")
    assert off("goto", "2") == (0, "2/u step (T)\n", "")
    assert off("force", "1") == (0, "", "")
    assert migrate.relations() == TABLES
    code, _, out = off("status", "-check")
    assert code == 1
    assert out.splitlines()[1:] == [
        "1        applied  -                 -     -     step",
        "2        pending  -                 -     -     step",
        "behind: the database is at version 1, the files at 2: run `migrate up` (1 applied, 1 pending)",
    ]


def test_a_table_that_is_there_is_neither_read_nor_written(migrate: Migrate) -> None:
    migrate.write(**FILES)
    migrate("up", "1")
    migrate.write(_1="SELECT 'changed';")
    before = migrate.history("*")
    assert migrate("-history=off", "up").code == 0
    assert migrate("-history=off", "status", "-check").code == 0
    assert migrate.history("*") == before
    # With it again, the step in between is noted as one of another tool.
    assert migrate("up").code == 0
    assert migrate.history("version, tool")[1:] == [(2, "unknown")]


@pytest.mark.parametrize("policy", ["refuse", "apply"])
def test_what_goes_by_the_history_needs_it(migrate: Migrate, policy: str) -> None:
    migrate.write(**FILES)
    ran = migrate("-history=off", "up", "-late", policy)
    assert ran == (1, f"error: -late {policy} goes by the history, which is off\n", "")
    assert "a" not in migrate.relations()


@pytest.mark.parametrize(("word", "is_kept"), [("on", True), ("true", True), ("0", False), ("off", False)])
def test_the_words_for_it(migrate: Migrate, word: str, is_kept: bool) -> None:
    migrate.write(**FILES)
    assert migrate(f"-history={word}", "up").code == 0
    assert ("schema_migrations_history" in migrate.relations()) is is_kept


def test_a_dump_can_leave_it_out(migrate: Migrate, postgres: EmbeddedPostgres) -> None:
    migrate.write(**FILES)
    migrate("up")
    command = [postgres.bin_dir / "pg_dump", "--exclude-table=*.schema_migrations_history", migrate.url]
    dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "CREATE TABLE public.schema_migrations (" in dump
    assert "schema_migrations_history" not in dump


def test_any_other_word_is_refused(migrate: Migrate) -> None:
    assert migrate("-history=none", "up") == (1, "error: -history must be one of on, off\n", "")
    assert migrate("up", options="x-history=none") == (1, "error: x-history must be one of on, off\n", "")
    assert migrate("up", "1", "-history=off").code == 2
