"""`status`: what has become of each migration, as a table and as JSON; it never writes and never waits."""

import json
from typing import Any

import psycopg
import pytest
from migrations import Migrate

import codeactions
from codeactions.postgres.embedded.server import EmbeddedPostgres

OURS = f"codeactions {codeactions.__version__}"


def states(migrate: Migrate) -> dict[int, str]:
    """By version."""
    return {line["version"]: line["state"] for line in document(migrate)["migrations"]}


def document(migrate: Migrate) -> dict[str, Any]:
    ran = migrate("-json", "status")
    assert (ran.code, ran.err) == (0, "")
    found: dict[str, Any] = json.loads(ran.out)
    return found


def check(migrate: Migrate) -> int:
    return migrate("status", "-check").code


class TestStates:
    def test_on_a_database_without_any_table(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="SELECT 2;")
        assert migrate("status") == (
            0,
            "",
            "VERSION  STATE    APPLIED AT (UTC)  TOOK  TOOL  TITLE\n"
            "1        pending  -                 -     -     step\n"
            "2        pending  -                 -     -     step\n"
            "behind: the database is at no version (nothing is applied), the files at 2: "
            "run `migrate up` (2 pending)\n",
        )
        assert check(migrate) == 1
        assert migrate.relations() == set()

    def test_applied_and_pending(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="SELECT 2;")
        migrate("up", "1")
        assert states(migrate) == {1: "applied", 2: "pending"}
        assert document(migrate)["standing"] == "behind"
        assert check(migrate) == 1
        migrate("up")
        assert states(migrate) == {1: "applied", 2: "applied"}
        assert check(migrate) == 0
        migrate("down", "1")
        assert states(migrate) == {1: "applied", 2: "pending"}

    def test_late(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _3="SELECT 3;")
        migrate("up")
        migrate.write(_2="SELECT 2;")
        assert states(migrate) == {1: "applied", 2: "late", 3: "applied"}
        # The version is the latest all the same.
        assert document(migrate)["standing"] == "current"
        assert check(migrate) == 1

    def test_missing(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="SELECT 2;", _3="SELECT 3;")
        migrate("up")
        (migrate.directory / "2_step.up.sql").unlink()
        found = document(migrate)
        assert [line["state"] for line in found["migrations"]] == ["applied", "missing", "applied"]
        # Its title is the one that it had.
        assert found["migrations"][1]["title"] == "step"
        assert (found["standing"], check(migrate)) == ("current", 1)
        (migrate.directory / "3_step.up.sql").unlink()
        assert states(migrate) == {1: "applied", 2: "missing", 3: "missing"}
        assert document(migrate)["standing"] == "ahead"

    def test_changed(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="SELECT 2;", _2_down="SELECT 2;")
        migrate("up")
        # Only what was applied counts; how to undo it may be mended.
        migrate.write(_2_down="SELECT 22;")
        assert check(migrate) == 0
        migrate.write(_1="SELECT 1 ;")
        assert states(migrate) == {1: "changed", 2: "applied"}
        assert check(migrate) == 1
        migrate.write(_1="SELECT 1;")
        assert check(migrate) == 0

    def test_an_applied_half_that_was_empty_never_changes(self, migrate: Migrate) -> None:
        migrate.write(_1_down="SELECT 1;")
        migrate("up")
        assert states(migrate) == {1: "applied"}

    def test_dirty(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="VACUUM nowhere;", _3="SELECT 3;")
        migrate("up")
        found = document(migrate)
        assert (found["version"], found["dirty"], found["standing"]) == (2, True, "dirty")
        assert states(migrate) == {1: "applied", 2: "dirty", 3: "pending"}
        assert check(migrate) == 1

    def test_dirty_while_undoing_the_first(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _1_down="VACUUM nowhere;")
        migrate("up")
        migrate("down", "1")
        assert migrate.rows() == [(-1, True)]
        found = document(migrate)
        assert (found["version"], found["dirty"]) == (None, True)
        assert "undoing migration 1 (step) began" in found["message"]
        assert states(migrate) == {1: "dirty"}
        assert check(migrate) == 1

    def test_dirty_by_another_tool(self, migrate: Migrate) -> None:
        """As golang-migrate leaves it after every failure, so the file's fate is unknown."""
        migrate.write(_1="SELECT 1;", _2="SELECT 2;")
        migrate("up", "1")
        migrate.query("TRUNCATE schema_migrations; INSERT INTO schema_migrations VALUES (2, true)")
        assert states(migrate) == {1: "applied", 2: "dirty"}
        message = document(migrate)["message"]
        assert "`migrate force 2`" in message
        assert "`migrate force 1`" in message

    def test_steps_of_another_tool_before_anybody_has_noted_them(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="SELECT 2;", _3="SELECT 3;", _4="SELECT 4;")
        migrate("up", "1")
        migrate.query("UPDATE schema_migrations SET version = 3")
        assert states(migrate) == {1: "applied", 2: "applied", 3: "applied", 4: "pending"}
        migrate.query("UPDATE schema_migrations SET version = 1")
        assert states(migrate) == {1: "applied", 2: "pending", 3: "pending", 4: "pending"}
        assert len(migrate.history()) == 1

    def test_a_version_that_nobody_here_knows(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;")
        migrate("up")
        migrate.query("UPDATE schema_migrations SET version = 9")
        assert states(migrate) == {1: "applied", 9: "missing"}
        assert document(migrate)["standing"] == "ahead"
        assert check(migrate) == 1


class TestForm:
    def test_the_table(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _20="SELECT 2;")
        migrate("up", "1")
        (begun,) = migrate.history("to_char(begun_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')")[0]
        out = migrate("status").out.splitlines()
        assert out[0].split() == ["VERSION", "STATE", "APPLIED", "AT", "(UTC)", "TOOK", "TOOL", "TITLE"]
        assert out[1].split()[:4] == ["1", "applied", *begun.split()]
        assert out[1].endswith(f"  {OURS}  step")
        # Columns are as wide as what is in them.
        assert [line.index("step") for line in out[1:3]] == [out[0].index("TITLE")] * 2
        assert (
            out[3] == "behind: the database is at version 1, the files at 20: run `migrate up` (1 applied, 1 pending)"
        )

    def test_the_document(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="SELECT 2;")
        migrate("up", "1")
        checksum, duration, begun = migrate.history(
            "checksum, duration_ms, to_char(begun_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
        )[0]
        applied = {
            "version": 1,
            "title": "step",
            "state": "applied",
            "applied_at": begun,
            "duration_ms": duration,
            "tool": OURS,
            "checksum": checksum,
        }
        unknown = dict.fromkeys(("applied_at", "duration_ms", "tool", "checksum"))
        assert document(migrate) == {
            "version": 1,
            "dirty": False,
            "standing": "behind",
            "latest": 2,
            "message": "the database is at version 1, the files at 2: run `migrate up`",
            "counts": {"applied": 1, "pending": 1, "late": 0, "missing": 0, "changed": 0, "dirty": 0},
            "migrations": [applied, {"version": 2, "title": "step", "state": "pending", **unknown}],
        }

    def test_steps_of_another_tool_have_no_times(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="SELECT 2;")
        migrate("up", "1")
        migrate.query("UPDATE schema_migrations SET version = 2")
        migrate("up")
        (line,) = document(migrate)["migrations"][1:]
        assert (line["tool"], line["applied_at"], line["duration_ms"]) == ("unknown", None, None)
        assert migrate("status").out.splitlines()[2].split() == ["2", "applied", "-", "-", "unknown", "step"]

    def test_without_any_file(self, migrate: Migrate) -> None:
        found = document(migrate)
        assert (found["version"], found["latest"], found["migrations"]) == (None, None, [])
        assert migrate("status").out == "current: the database is at no version (nothing is applied); nothing to do\n"


class TestConditions:
    def test_a_file_that_cannot_be_read(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;")
        migrate("up")
        (migrate.directory / "1_step.up.sql").unlink()
        (migrate.directory / "1_step.up.sql").symlink_to("nowhere")
        error = "error: cannot read the migration 1_step.up.sql: No such file or directory\n"
        assert migrate("status") == (1, error, "")
        # Commands that need not read it do not fail.
        assert migrate("version") == (0, "1\n", "")
        (migrate.directory / "1_step.up.sql").unlink()
        (migrate.directory / "2_step.up.sql").mkdir()
        assert states(migrate) == {1: "missing"}

    def test_neither_status_nor_version_wait_for_the_lock(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;")
        migrate("up")
        with migrate.locked():
            assert migrate("-lock-timeout", "0", "version") == (0, "1\n", "")
            assert migrate("-lock-timeout", "0", "status", "-check").code == 0

    def test_a_role_that_may_only_read(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;")
        migrate("up")
        migrate.query("CREATE ROLE test_reader LOGIN; GRANT SELECT ON schema_migrations TO test_reader")
        url = migrate.url.replace("postgres@", "test_reader@")
        assert migrate("version", url=url) == (0, "1\n", "")
        # Without the history it goes by the version.
        assert migrate("status", url=url).out.splitlines()[1].split() == ["1", "applied", "-", "-", "-", "step"]
        assert migrate("status", "-check", url=url).code == 0
        migrate.query("GRANT SELECT ON schema_migrations_history TO test_reader")
        assert OURS in migrate("status", url=url).out

    def test_a_role_that_may_not_even_read(self, migrate: Migrate) -> None:
        migrate("force", "1")
        migrate.query("CREATE ROLE test_stranger LOGIN")
        ran = migrate("status", url=migrate.url.replace("postgres@", "test_stranger@"))
        assert ran.code == 1
        assert ran.err.startswith("error: pq: permission denied for table schema_migrations in line 0: SELECT version")

    def test_two_databases_know_nothing_of_each_other(self, migrate: Migrate, postgres: EmbeddedPostgres) -> None:
        migrate.write(_1="SELECT 1;", _2="SELECT 2;")
        migrate("up", "1")
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE test_other")
        other = postgres.url.replace("/codeactions?", "/test_other?")
        # Nor does the lock of one keep others out of the other.
        with migrate.locked():
            assert migrate("-lock-timeout", "0", "up", url=other) == (0, "1/u step (T)\n2/u step (T)\n", "")
        assert migrate("version", url=other).err == "2\n"
        assert states(migrate) == {1: "applied", 2: "pending"}
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("DROP DATABASE test_other WITH (FORCE)")

    @pytest.mark.parametrize("flag", ["-check=false", "-check=0"])
    def test_check_can_be_switched_off(self, migrate: Migrate, flag: str) -> None:
        migrate.write(_1="SELECT 1;")
        assert migrate("status", flag).code == 0
