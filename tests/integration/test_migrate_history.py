"""The table beside the version table: what is noted, and what is found out about steps of another tool."""

import hashlib
from itertools import pairwise

import psycopg
import pytest
from migrations import PAUSE, Migrate

import codeactions
from codeactions.postgres.embedded.server import EmbeddedPostgres

OURS = f"codeactions {codeactions.__version__}"
STEPS = "version, direction, recorded, tool"
# What a step of another tool is noted with.
UNKNOWN = "unknown"


def checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def by_go(migrate: Migrate, version: int) -> None:
    """Have another tool move the version, without a word to the history."""
    migrate.query("TRUNCATE schema_migrations")
    if version >= 0:
        migrate.query("INSERT INTO schema_migrations VALUES (%s, false)", version)


class TestOurSteps:
    def test_up_and_down(self, migrate: Migrate) -> None:
        up, down = "SELECT 1;\n", "SELECT -1;"
        migrate.write(_1=up, _1_down=down, _2_down=down)
        migrate("up")
        migrate("down", "-all")
        assert migrate.history("version, title, direction, checksum, recorded, done, tool") == [
            (1, "step", "up", checksum(up), 1, True, OURS),
            (2, "", "up", None, 2, True, OURS),
            (2, "step", "down", checksum(down), 1, True, OURS),
            (1, "step", "down", checksum(down), -1, True, OURS),
        ]

    def test_when_and_how_long(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="BEGIN; SELECT 2; COMMIT;", _3=PAUSE)
        (before,) = migrate.query("SELECT clock_timestamp()")[0]
        with migrate.paused(lambda: migrate("up")):
            (stopped,) = migrate.query("SELECT clock_timestamp()")[0]
            (later,) = migrate.query("SELECT clock_timestamp()")[0]
        (after,) = migrate.query("SELECT clock_timestamp()")[0]
        steps = migrate.history("begun_at, duration_ms")
        moments = [begun for begun, _ in steps]
        assert moments == sorted(moments)
        assert before <= moments[0]
        assert moments[-1] <= after
        whole = (after - before).total_seconds() * 1000
        # The last file stood still for at least so long.
        assert steps[-1][1] > (later - stopped).total_seconds() * 1000
        assert sum(duration for _, duration in steps) < whole
        # Each began after the one before it had ended.
        for (begun, duration), (following, _) in pairwise(steps):
            assert (following - begun).total_seconds() * 1000 > duration - 1

    def test_goto_and_upgrade(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="SELECT 2;", _3="SELECT 3;")
        migrate("goto", "2")
        migrate("goto", "1")
        assert migrate.upgrade() == 3
        assert migrate.history(STEPS) == [
            (1, "up", 1, OURS),
            (2, "up", 2, OURS),
            (2, "down", 1, OURS),
            (2, "up", 2, OURS),
            (3, "up", 3, OURS),
        ]

    def test_what_failed_is_not_there(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="SELECT 1/0;")
        migrate("up")
        assert migrate.history("version") == [(1,)]

    def test_force_is_noted_and_what_it_says_of_each_version(self, migrate: Migrate) -> None:
        forced = f"{OURS} (force)"
        migrate.write(_1="SELECT 1;", _2="SELECT 2;", _3="SELECT 3;")
        migrate("up", "1")
        migrate("force", "3")
        assert migrate.history(STEPS)[1:] == [(3, "force", 1, OURS), (2, "up", 3, forced), (3, "up", 3, forced)]
        assert migrate.history("version, checksum")[2] == (2, checksum("SELECT 2;"))
        migrate("force", "-1")
        assert migrate.history(STEPS)[4:] == [
            (-1, "force", 3, OURS),
            (3, "down", -1, forced),
            (2, "down", -1, forced),
            (1, "down", -1, forced),
        ]
        migrate("force", "1")
        migrate("force", "1")
        assert migrate.history(STEPS)[8:] == [(1, "force", -1, OURS), (1, "up", 1, forced), (1, "force", 1, OURS)]
        assert migrate("up", "-late", "refuse") == (0, "2/u step (T)\n3/u step (T)\n", "")

    def test_force_of_a_version_without_a_file(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;")
        assert migrate("force", "42") == (0, "", "")
        assert migrate.rows() == [(42, False)]
        assert migrate.history("version, title, direction")[1:] == [(1, "step", "up"), (42, "", "up")]

    def test_force_helps_with_a_version_that_cannot_be(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;")
        migrate("up")
        migrate.query("UPDATE schema_migrations SET version = -5")
        ran = migrate("up")
        assert ran.code == 1
        assert "holds version -5, which cannot be: run `migrate force V`" in ran.err
        assert migrate("force", "1").code == 0
        assert migrate("up") == (0, "no change\n", "")


class TestStepsOfAnother:
    """golang-migrate knows one table only; what it did shows in that."""

    FILES = {"_1": "SELECT 1;", "_2": "SELECT 2;", "_3": "SELECT 3;"}  # noqa: RUF012

    def test_upwards(self, migrate: Migrate) -> None:
        migrate.write(**self.FILES)
        migrate("up", "1")
        by_go(migrate, 3)
        assert migrate("up") == (0, "no change\n", "")
        assert migrate.history("version, direction, recorded, checksum, begun_at, duration_ms, tool")[1:] == [
            (2, "up", 3, checksum("SELECT 2;"), None, None, UNKNOWN),
            (3, "up", 3, checksum("SELECT 3;"), None, None, UNKNOWN),
        ]
        # Once is enough.
        migrate("up")
        assert len(migrate.history()) == 3

    def test_downwards(self, migrate: Migrate) -> None:
        migrate.write(**self.FILES)
        migrate("up")
        by_go(migrate, 1)
        warning = "warning: nothing was undone: 1 (step) has no down file\n"
        assert migrate("down", "1") == (0, f"1/d <empty> (T)\n{warning}", "")
        assert migrate.history(STEPS)[3:] == [
            (3, "down", 1, UNKNOWN),
            (2, "down", 1, UNKNOWN),
            (1, "down", -1, OURS),
        ]

    def test_down_to_nothing_and_up_again(self, migrate: Migrate) -> None:
        migrate.write(**self.FILES)
        migrate("up", "2")
        by_go(migrate, -1)
        assert migrate("up", "1") == (0, "1/u step (T)\n", "")
        assert migrate.history(STEPS)[2:] == [(2, "down", -1, UNKNOWN), (1, "down", -1, UNKNOWN), (1, "up", 1, OURS)]

    def test_a_database_that_only_go_has_seen(self, migrate: Migrate) -> None:
        migrate.query("CREATE TABLE schema_migrations (version bigint not null primary key, dirty boolean not null)")
        by_go(migrate, 2)
        migrate.write(**self.FILES)
        assert migrate.upgrade() == 3
        assert migrate.history(STEPS) == [(1, "up", 2, UNKNOWN), (2, "up", 2, UNKNOWN), (3, "up", 3, OURS)]

    def test_before_a_force_they_are_not_told_apart(self, migrate: Migrate) -> None:
        migrate.write(**self.FILES)
        migrate("up", "1")
        by_go(migrate, 3)
        migrate("force", "2")
        assert migrate.history(STEPS)[1:] == [(2, "force", 1, OURS), (2, "up", 2, f"{OURS} (force)")]
        assert migrate("up", "-late", "refuse") == (0, "3/u step (T)\n", "")

    def test_a_file_that_cannot_be_read_any_more_has_no_checksum(self, migrate: Migrate) -> None:
        migrate.write(**self.FILES)
        migrate("up", "1")
        (migrate.directory / "2_step.up.sql").unlink()
        (migrate.directory / "2_step.up.sql").symlink_to("nowhere")
        by_go(migrate, 3)
        assert migrate("up").code == 0
        assert migrate.history("version, checksum")[1] == (2, None)


class TestWithout:
    """Migrations run where no history can be kept, and say so."""

    WARNING = "warning: no history is kept in schema_migrations_history: "

    @pytest.fixture
    def restricted(self, migrate: Migrate) -> str:
        """The URL of a role that may write the version, and the table `a`, and create nothing."""
        migrate.query("CREATE ROLE test_restricted LOGIN")
        migrate.query("CREATE TABLE schema_migrations (version bigint not null primary key, dirty boolean not null)")
        migrate.query("CREATE TABLE a (i int)")
        migrate.query("GRANT SELECT, INSERT, UPDATE, DELETE ON a, schema_migrations TO test_restricted")
        return migrate.url.replace("postgres@", "test_restricted@")

    def test_without_the_right_to_create_tables(self, migrate: Migrate, restricted: str) -> None:
        migrate.write(
            _1="INSERT INTO a VALUES (1);", _2="BEGIN; INSERT INTO a VALUES (2); COMMIT;", _2_down="DELETE FROM a;"
        )
        warning = self.WARNING + "permission denied for schema public\n"
        assert migrate("up", url=restricted) == (0, "1/u step (T)\n2/u step (T)\n" + warning, "")
        # Where there was nothing to be kept, golang-migrate's words are all there is.
        assert migrate("up", url=restricted) == (0, "no change\n", "")
        assert migrate("down", "1", url=restricted) == (0, "2/d step (T)\n" + warning, "")
        assert migrate("force", "2", url=restricted) == (0, "", "")
        assert migrate.rows() == [(2, False)]
        assert "schema_migrations_history" not in migrate.relations()
        ran = migrate("status", "-check", url=restricted)
        assert ran.code == 0
        assert "current: the database is at version 2; nothing to do (2 applied)" in ran.out

    def test_without_any_right_to_a_history_that_is_there(self, migrate: Migrate, restricted: str) -> None:
        migrate.write(_1="INSERT INTO a VALUES (1);", _2="SELECT 2;")
        migrate("up", "1")
        ran = migrate("up", url=restricted)
        assert ran == (0, f"2/u step (T)\n{self.WARNING}permission denied for table schema_migrations_history\n", "")
        assert migrate.rows() == [(2, False)]
        # The owner finds out by the version, as with any other tool.
        migrate("up")
        assert migrate.history(STEPS)[1:] == [(2, "up", 2, UNKNOWN)]

    def test_with_the_right_to_read_it_only(self, migrate: Migrate, restricted: str) -> None:
        migrate.write(_1="INSERT INTO a VALUES (1);", _2="SELECT 2;")
        migrate("up", "1")
        migrate.query("GRANT SELECT ON schema_migrations_history TO test_restricted")
        warning = self.WARNING + "permission denied for table schema_migrations_history\n"
        assert migrate("up", url=restricted) == (0, "2/u step (T)\n" + warning, "")
        assert migrate.rows() == [(2, False)]

    def test_with_the_right_to_add_to_it_only(self, migrate: Migrate, restricted: str) -> None:
        # A file outside of a transaction is noted as begun, and then could not be noted as done.
        migrate.write(_1="INSERT INTO a VALUES (1);", _2="BEGIN; COMMIT;")
        migrate("up", "1")
        migrate.query("GRANT SELECT, INSERT ON schema_migrations_history TO test_restricted")
        assert migrate("up", url=restricted).code == 0
        assert migrate.rows() == [(2, False)]

    @pytest.mark.parametrize(
        "other",
        [
            "TABLE schema_migrations_history (version bigint, what text)",
            "VIEW schema_migrations_history AS SELECT 1 AS id",
            "SEQUENCE schema_migrations_history",
        ],
    )
    def test_a_table_of_that_name_that_is_not_ours(self, migrate: Migrate, other: str) -> None:
        migrate.query(f"CREATE {other}")
        migrate.write(_1="SELECT 1;", _1_down="SELECT 1;")
        ran = migrate("up")
        assert ran.code == 0
        assert ran.err.startswith(f"1/u step (T)\n{self.WARNING}column ")
        assert migrate("status", "-check").code == 0
        assert migrate("down", "1").code == 0
        assert migrate.rows() == []

    def test_with_a_title_that_the_database_cannot_hold(self, migrate: Migrate, postgres: EmbeddedPostgres) -> None:
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS latin")
            connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        (migrate.directory / "1_文.up.sql").write_text("SELECT 1;")
        assert migrate("up", url=postgres.url.replace("/codeactions?", "/latin?")).code == 0

    def test_a_history_that_was_dropped_begins_anew(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="SELECT 2;")
        migrate("up", "1")
        migrate.query("DROP TABLE schema_migrations_history")
        assert migrate("up") == (0, "2/u step (T)\n", "")
        assert migrate.history(STEPS) == [(1, "up", 1, UNKNOWN), (2, "up", 2, OURS)]
