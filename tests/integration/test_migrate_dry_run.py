"""-dry-run shows what would run, and how. It writes nothing and waits for nothing."""

import json

import pytest
from migrations import Migrate

# By command: what it would run, with version 2 of 1 to 4 applied.
PLANS = [
    (["up", "-dry-run"], ["3/u", "4/u"]),
    (["up", "-dry-run", "1"], ["3/u"]),
    (["down", "-dry-run"], ["2/d", "1/d"]),
    (["down", "-dry-run", "1"], ["2/d"]),
    (["down", "-dry-run", "-all"], ["2/d", "1/d"]),
    (["goto", "-dry-run", "4"], ["3/u", "4/u"]),
    (["goto", "-dry-run", "1"], ["2/d"]),
]


@pytest.fixture
def halfway(migrate: Migrate) -> Migrate:
    """Version 2 of 4 is applied."""
    for version in range(1, 5):
        migrate.write(
            **{f"_{version}": f"CREATE TABLE t{version} (i int);", f"_{version}_down": f"DROP TABLE t{version};"}
        )
    assert migrate("up", "2").code == 0
    return migrate


@pytest.mark.parametrize(("words", "steps"), PLANS)
def test_it_shows_what_would_run_and_runs_nothing(halfway: Migrate, words: list[str], steps: list[str]) -> None:
    before = halfway.relations(), halfway.history()
    # Another session is at work, and holds the version table too.
    with halfway.locked(), halfway.database.transaction():
        halfway.query("LOCK TABLE schema_migrations IN SHARE ROW EXCLUSIVE MODE")
        ran = halfway("-lock-timeout", "0", *words)
    assert ran == (0, "", "".join(f"{step} step (in one transaction)\n" for step in steps))
    assert (halfway.relations(), halfway.history()) == before
    assert halfway.rows() == [(2, False)]


@pytest.mark.parametrize(("words", "steps"), PLANS)
def test_what_it_shows_is_what_runs(halfway: Migrate, words: list[str], steps: list[str]) -> None:
    words = [word for word in words if word != "-dry-run"]
    ran = halfway(*(["down", "-all"] if words == ["down"] else words))
    assert [line.split()[0] for line in ran.err.splitlines()] == steps


def test_on_a_database_without_any_table(migrate: Migrate) -> None:
    migrate.write(_1="CREATE TABLE t1 (i int);")
    assert migrate("up", "-dry-run").out == "1/u step (in one transaction)\n"
    assert migrate("down", "-all", "-dry-run") == (0, "no change\n", "")
    assert migrate.relations() == set()


def test_how_each_would_run(migrate: Migrate) -> None:
    migrate.query("CREATE PROCEDURE ends() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'")
    migrate.write(_1="VACUUM;", _2_down="SELECT 1;", _3="BEGIN; COMMIT;", _4="SELECT 'VACUUM';")
    migrate.write(_5="BEGIN; COMMIT; SELECT 1;", _6="DO $$ BEGIN COMMIT; END $$;", _7="CALL ends();")
    assert migrate("up", "-dry-run").out.splitlines() == [
        "1/u step (outside of a transaction: VACUUM)",
        "2/u <empty> (in one transaction)",
        "3/u step (in one transaction)",
        "4/u step (in one transaction)",
        "5/u step (outside of a transaction: BEGIN)",
        "6/u step (outside of a transaction: DO with a COMMIT)",
        "7/u step (outside of a transaction: CALL of ends, which commits)",
    ]
    lines = [json.loads(line) for line in migrate("-json", "up", "-dry-run").out.splitlines()]
    assert lines[0] == {
        "event": "would_run",
        "version": 1,
        "title": "step",
        "direction": "up",
        "transaction": False,
        "late": False,
    }
    assert [line["title"] for line in lines] == ["step", "<empty>", *["step"] * 5]


@pytest.mark.parametrize("option", ["x-multi-statement=true", "default_transaction_read_only=on"])
def test_the_url_may_keep_a_file_out_of_a_transaction(migrate: Migrate, option: str) -> None:
    migrate.write(_1="SELECT 1; SELECT 2;", _2=" ", _3_down="SELECT 1;")
    why = {"x": "x-multi-statement is set", "d": "transactions are read-only here"}[option[0]]
    assert migrate("up", "-dry-run", options=option).out.splitlines() == [
        f"1/u step (outside of a transaction: {why})",
        "2/u step (in one transaction)",
        "3/u <empty> (in one transaction)",
    ]


def test_it_fails_where_the_run_would(migrate: Migrate) -> None:
    migrate.write(_1="SELECT 1;", _2="SELECT 2;")
    migrate("up", "1")
    assert migrate("up", "-dry-run", "5") == (1, "error: limit 4 short\n", "2/u step (in one transaction)\n")
    assert migrate("goto", "-dry-run", "7").code == 1
    migrate.query("UPDATE schema_migrations SET dirty = true")
    assert migrate("up", "-dry-run").err.startswith("error: Dirty database version 1.")
    migrate.query("UPDATE schema_migrations SET dirty = false, version = 9")
    assert migrate("up", "-dry-run").err.startswith("error: no migration found for version 9")


def test_nothing_to_do(migrate: Migrate) -> None:
    migrate.write(_1="SELECT 1;")
    migrate("up")
    assert migrate("up", "-dry-run") == (0, "no change\n", "")
    assert migrate("goto", "-dry-run", "1") == (0, "no change\n", "")
    assert migrate("up", "-dry-run", "1") == (1, "error: file does not exist\n", "")


def test_a_file_that_cannot_be_read_shows_beforehand(migrate: Migrate) -> None:
    migrate.write(_1="SELECT 1;")
    (migrate.directory / "2_gone.up.sql").symlink_to("nowhere")
    ran = migrate("up", "-dry-run")
    assert (ran.code, ran.out) == (1, "1/u step (in one transaction)\n")
    assert "cannot read the migration 2_gone.up.sql" in ran.err


def test_steps_of_another_tool_are_not_noted_yet(migrate: Migrate) -> None:
    migrate.write(_1="SELECT 1;", _2="SELECT 2;", _3="SELECT 3;")
    migrate("up", "1")
    migrate.query("UPDATE schema_migrations SET version = 2")
    # 2 counts as applied, so it is not late.
    assert migrate("up", "-late", "apply", "-dry-run").out == "3/u step (in one transaction)\n"
    assert migrate.history("version") == [(1,)]


def test_a_role_that_may_only_read(migrate: Migrate) -> None:
    migrate.write(_1="SELECT 1;", _2="SELECT 2;")
    migrate("up", "1")
    migrate.query("CREATE ROLE test_reader LOGIN; GRANT SELECT ON schema_migrations TO test_reader")
    url = migrate.url.replace("postgres@", "test_reader@")
    assert migrate("up", "-dry-run", url=url) == (0, "", "2/u step (in one transaction)\n")


@pytest.mark.parametrize(
    "words",
    [
        ("up", "1", "-dry-run"),
        ("goto", "1", "-dry-run"),
        ("goto", "1", "--dry-run=true"),
        ("up", "2", "-late", "refuse"),
        ("status", "x", "-check"),
    ],
    ids=" ".join,
)
def test_a_flag_that_go_would_take_for_an_argument_is_no_flag_overlooked(
    halfway: Migrate, words: tuple[str, ...]
) -> None:
    """Flags end where arguments begin. Those of the Go tool's own are still passed over, as there."""
    ran = halfway(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[0] == f"{words[2]} must stand before the arguments"
    assert halfway.rows() == [(2, False)]
