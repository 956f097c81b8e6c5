"""Files that cannot share a transaction with their version: how they run, and the ways out if they fail."""

import re

import psycopg
import pytest
from migrations import Migrate, Ran, background, named, pid_running, wait_for

from codeactions.migrate.api import DatabaseState, inspect


def dirty(ran: Ran, *, nothing: str, everything: str) -> None:
    """The run left its version dirty, and named these arguments of `force` for the two ways out."""
    assert ran.code == 1
    error, hint = ran.err.rstrip("\n").split("\nThe database is left dirty at version ")
    assert "error: " in error
    assert named(hint) == [["force", *nothing.split()], ["force", everything], ["up"]]


class TestSuccess:
    @pytest.mark.parametrize(
        "text",
        [
            "-- alone\nCREATE INDEX CONCURRENTLY a_i ON a (i);",
            "VACUUM a",
            "REINDEX TABLE CONCURRENTLY a;",
            "BEGIN; CREATE TABLE c (i int); COMMIT; BEGIN; CREATE TABLE d (i int); COMMIT;",
            "CREATE TABLE c (i int); COMMIT; CREATE TABLE d (i int);",
            "BEGIN; CREATE TABLE c (i int); COMMIT AND CHAIN; COMMIT;",
            "BEGIN; CREATE TABLE c (i int); ROLLBACK;",
        ],
    )
    def test_it_runs_and_is_recorded(self, migrate: Migrate, text: str) -> None:
        migrate.write(_1="CREATE TABLE a (i int);", _2=text, _3="CREATE TABLE b (i int);")
        assert migrate("up") == (0, "1/u step (T)\n2/u step (T)\n3/u step (T)\n", "")
        assert migrate.rows() == [(3, False)]
        assert migrate.history("version, done") == [(1, True), (2, True), (3, True)]

    @pytest.mark.parametrize("text", ["DISCARD ALL", "SELECT pg_advisory_unlock_all();"])
    def test_one_that_gives_the_lock_back_gets_it_again(self, migrate: Migrate, text: str) -> None:
        migrate.write(_1="CREATE TABLE a (i int);", _2=text, _3="CREATE TABLE b (i int);")
        # Nothing is said of a lost lock.
        assert migrate("up") == (0, "1/u step (T)\n2/u step (T)\n3/u step (T)\n", "")

    def test_what_a_commit_in_the_middle_ends_is_kept(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int); COMMIT; BEGIN; CREATE TABLE b (i int); ROLLBACK;")
        assert migrate("up").code == 0
        assert "a" in migrate.relations()
        assert "b" not in migrate.relations()

    def test_down_files_too(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int);", _2="CREATE INDEX a_i ON a (i);")
        migrate.write(_2_down="DROP INDEX CONCURRENTLY a_i;")
        migrate("up")
        assert migrate("down", "1") == (0, "2/d step (T)\n", "")
        assert migrate.rows() == [(1, False)]
        assert "a_i" not in migrate.relations()

    def test_the_dirty_row_is_there_while_it_runs(self, migrate: Migrate) -> None:
        """As with golang-migrate, so that other sessions see it meanwhile."""
        migrate.write(_1="CREATE TABLE a (i int);", _2="CREATE INDEX CONCURRENTLY a_i ON a (i);")
        migrate("up", "1")
        with psycopg.connect(migrate.url) as writer:
            # The index waits for this transaction to end.
            writer.execute("INSERT INTO a VALUES (1)")
            with background(lambda: migrate("up")) as result:
                wait_for(lambda: migrate.rows() == [(2, True)])
                assert migrate.history("version, done") == [(1, True), (2, False)]
                writer.rollback()
                assert result.result(30) == (0, "2/u step (T)\n", "")
        assert migrate.rows() == [(2, False)]


class TestFailure:
    """The version is left dirty; the error names the commands that help, and they do."""

    def test_a_unique_index_and_its_way_out(self, migrate: Migrate) -> None:
        migrate.write(
            _1="CREATE TABLE a (i int); INSERT INTO a VALUES (1), (1);",
            _2="CREATE UNIQUE INDEX CONCURRENTLY a_i ON a (i);",
        )
        ran = migrate("up")
        dirty(ran, nothing="1", everything="2")
        assert "2/u step began (CREATE INDEX CONCURRENTLY, so no single transaction holds it together)" in ran.err
        assert migrate.rows() == [(2, True)]
        # What the index has left behind is in the way of the next try, and it is named.
        cure = re.search("of a CREATE INDEX CONCURRENTLY that failed: (DROP INDEX [a-z_]+)", ran.err)
        assert cure
        migrate.query(cure[1])
        migrate.query("DELETE FROM a WHERE ctid <> (SELECT min(ctid) FROM a)")
        forced, _, again = named(ran.err)
        assert migrate(*forced) == (0, "", "")
        assert migrate(*again) == (0, "2/u step (T)\n", "")
        assert migrate.history("version, direction, done") == [
            (1, "up", True),
            (2, "up", False),
            (1, "force", True),
            (2, "up", True),
        ]

    def test_the_first_file_is_forced_to_no_version_at_all(self, migrate: Migrate) -> None:
        migrate.write(_1="VACUUM nowhere;")
        ran = migrate("up")
        dirty(ran, nothing="-- -1", everything="1")
        assert migrate.rows() == [(1, True)]
        assert migrate(*named(ran.err)[0]) == (0, "", "")
        assert migrate.rows() == []
        migrate.write(_1="VACUUM;")
        assert migrate("up").code == 0

    def test_what_was_done_in_full_is_not_done_again(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE kept (i int); COMMIT; SELECT 1/0;", _2="SELECT 1;")
        ran = migrate("up")
        dirty(ran, nothing="-- -1", everything="1")
        assert "kept" in migrate.relations()
        _, forced, again = named(ran.err)
        assert migrate(*forced) == (0, "", "")
        assert migrate(*again) == (0, "2/u step (T)\n", "")
        assert migrate.history("version, direction, tool LIKE '%% (force)'")[1:3] == [
            (1, "force", False),
            (1, "up", True),
        ]

    def test_a_down_file_and_its_ways_out(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int);", _2="SELECT 1;", _2_down="DROP TABLE a; COMMIT; SELECT 1/0;")
        migrate("up")
        ran = migrate("down", "1")
        dirty(ran, nothing="2", everything="1")
        # The row says where it was going to, as golang-migrate's does.
        assert migrate.rows() == [(1, True)]
        nothing, everything, _ = named(ran.err)
        assert migrate(*everything).code == 0
        assert migrate.rows() == [(1, False)]
        assert migrate.history()[-1] == (2, "down", 1)
        assert migrate(*nothing).code == 0
        assert migrate.rows() == [(2, False)]

    @pytest.mark.parametrize("command", [["up"], ["up", "1"], ["down", "1"], ["goto", "1"]])
    def test_on_a_dirty_database_nothing_runs(self, migrate: Migrate, command: list[str]) -> None:
        migrate.write(_1="CREATE TABLE kept (i int); COMMIT; SELECT 1/0;")
        first = migrate("up")
        ran = migrate(*command)
        assert ran.code == 1
        assert ran.err.startswith("error: Dirty database version 1. Fix and force version.\nThe database is dirty at")
        # It names the same ways out as the run that failed.
        assert named(ran.err) == named(first.err)
        assert inspect(migrate.url, migrate.directory).state is DatabaseState.DIRTY

    @pytest.mark.parametrize(
        "text",
        [
            "CREATE TABLE kept (i int); END; SELECT 1/0;",
            "BEGIN; CREATE TABLE kept (i int); COMMIT; BEGIN; CREATE TABLE open (i int);",
            "CREATE TABLE kept (i int); COMMIT; BEGIN; CREATE TABLE open (i int); SELECT 1/0;",
        ],
    )
    def test_only_what_the_file_has_committed_is_kept(self, migrate: Migrate, text: str) -> None:
        migrate.write(_1=text)
        dirty(migrate("up"), nothing="-- -1", everything="1")
        assert migrate.rows() == [(1, True)]
        assert "kept" in migrate.relations()
        assert "open" not in migrate.relations()

    def test_among_others_it_gets_advice(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int);\nCREATE INDEX CONCURRENTLY ON a (i);")
        ran = migrate("up")
        dirty(ran, nothing="-- -1", everything="1")
        assert "CREATE INDEX CONCURRENTLY cannot run inside a transaction block" in ran.err
        assert "put this one in a file of its own, or add x-multi-statement=true to the database URL" in ran.err
        # It is good advice.
        migrate("force", "-1")
        assert migrate("up", options="x-multi-statement=true").code == 0

    def test_a_backend_that_is_killed(self, migrate: Migrate) -> None:
        migrate.query("CREATE TABLE a (i int)")
        migrate.write(_1="CREATE INDEX CONCURRENTLY a_i ON a (i);")
        with psycopg.connect(migrate.url) as writer:
            writer.execute("INSERT INTO a VALUES (1)")
            with background(lambda: migrate("up")) as result:
                migrate.query("SELECT pg_terminate_backend(%s)", pid_running(migrate.database, "CONCURRENTLY"))
                dirty(result.result(30), nothing="-- -1", everything="1")
        assert migrate.rows() == [(1, True)]
        assert migrate.history("version, done") == [(1, False)]

    def test_a_commit_that_nobody_recognised_before_an_error(self, migrate: Migrate) -> None:
        # Where backslashes escape, the COMMIT is no part of a string, as it would be elsewhere.
        migrate.write(_1="SELECT 'it\\'s'; CREATE TABLE kept (i int); COMMIT; SELECT 'x\\'y', 1/0;")
        ran = migrate("up", options="standard_conforming_strings=off")
        assert "kept" in migrate.relations()
        dirty(ran, nothing="-- -1", everything="1")

    @pytest.mark.parametrize(
        "text",
        [
            # Another transaction is open then, and one that fails only when it is committed.
            "COMMIT; BEGIN; SELECT 'x\\'y', 1/0;",
            "COMMIT AND CHAIN; SELECT 'x\\'y', 1/0;",
            "COMMIT; BEGIN; SELECT 'x\\'y'; INSERT INTO kept VALUES (1, 2);",
        ],
    )
    def test_one_behind_which_another_transaction_begins(self, migrate: Migrate, text: str) -> None:
        table = "CREATE TABLE kept (i int UNIQUE, j int REFERENCES kept (i) DEFERRABLE INITIALLY DEFERRED);"
        migrate.write(_1=f"SELECT 'it\\'s'; {table} {text}")
        ran = migrate("up", options="standard_conforming_strings=off")
        assert "kept" in migrate.relations()
        dirty(ran, nothing="-- -1", everything="1")
        assert migrate.rows() == [(1, True)]
        assert migrate.history("version, done") == [(1, False)]
        assert named(migrate("up").err) == named(ran.err)

    def test_what_only_looks_like_one_keeps_nothing(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int); SELECT 'it\\'s', 'x\\'; COMMIT;', 1/0;")
        ran = migrate("up", options="standard_conforming_strings=off")
        assert (ran.code, named(ran.err)) == (1, [])
        assert migrate.rows() == []
        assert "a" not in migrate.relations()

    def test_a_commit_that_nobody_recognised(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 'it\\'s'; CREATE TABLE kept (i int); COMMIT; SELECT 'x\\'y';")
        ran = migrate("up", options="standard_conforming_strings=off")
        assert ran.code == 1
        assert "it ends its transaction itself" in ran.err
        assert migrate.rows() == [(1, True)]
        assert "kept" in migrate.relations()

    @pytest.mark.parametrize(
        ("text", "kept"),
        [
            ("BEGIN; CREATE TABLE a (); COMMIT; BEGIN; SELECT 1/0; COMMIT;", "What stands before COMMIT number 1 of"),
            ("BEGIN; COMMIT; CREATE TABLE a (); END; BEGIN; SELECT 1/0; COMMIT;", "What stands before COMMIT number 2"),
            ("CREATE TABLE a (); COMMIT; SELECT 1/0;", "What stands before COMMIT number 1 of the file is kept"),
            ("CREATE TABLE a (); COMMIT; BEGIN; SELECT 1;", "What stands before COMMIT number 1 of the file is kept"),
            ("BEGIN; CREATE TABLE a (); SELECT 1/0; COMMIT; BEGIN; COMMIT;", "Nothing of it was kept."),
            ("CREATE TABLE a (); ROLLBACK; SELECT 1/0;", "Nothing of it was kept."),
            ("CREATE TABLE a (); COMMIT; CREATE TABEL b ();", "Nothing of it was kept."),
        ],
    )
    def test_it_says_what_was_kept(self, migrate: Migrate, text: str, kept: str) -> None:
        migrate.write(_1=text)
        ran = migrate("up")
        dirty(ran, nothing="-- -1", everything="1")
        assert f" and did not end. {kept}" in ran.err
        ways = "run `migrate force -- -1`, or do {} by hand and run `migrate force 1`, then `migrate up`.\n"
        if "Nothing" in kept:
            ways = ". R" + ways[1:].format("all of it")
        else:
            ways = ". Undo what is there of it, " + ways.format("the rest")
        assert ran.err.endswith(ways)
        assert ("a" in migrate.relations()) is ("Nothing" not in kept)
