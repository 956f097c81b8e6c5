"""Files below the recorded version that never ran, as of a branch that was merged late: the flag -late."""

import pytest
from migrations import Migrate, named

LATE = "never applied, though the database is at version"
ADVICE = "`migrate up -late apply` applies what is late"


@pytest.fixture
def merged(migrate: Migrate) -> Migrate:
    """Versions 1, 3 and 5 are applied; 2, 4 and 6 come later, and 2 fails to be undone."""
    migrate.write(_1="CREATE TABLE t1 (i int);", _3="CREATE TABLE t3 (i int);", _5="CREATE TABLE t5 (i int);")
    migrate.write(_1_down="DROP TABLE t1;", _3_down="DROP TABLE t3;", _5_down="DROP TABLE t5;")
    assert migrate("up").code == 0
    migrate.write(_2="CREATE TABLE t2 (i int);", _4="CREATE TABLE t4 (i int);", _6="CREATE TABLE t6 (i int);")
    migrate.write(_2_down="DROP TABLE t2;", _4_down="DROP TABLE t4;", _6_down="DROP TABLE t6;")
    return migrate


def tables(migrate: Migrate) -> set[int]:
    """By their number."""
    return {int(name[1:]) for name in migrate.relations() if name[0] == "t"}


class TestUp:
    def test_by_default_it_goes_on_as_go_does_with_a_warning(self, merged: Migrate) -> None:
        warning = f"warning: {LATE} 5: 2 (step), 4 (step); {ADVICE}\n"
        assert merged("up") == (0, warning + "6/u step (T)\n", "")
        assert merged.rows() == [(6, False)]
        assert tables(merged) == {1, 3, 5, 6}
        assert merged("up", "-late", "warn") == (0, warning.replace("version 5", "version 6") + "no change\n", "")

    def test_refuse(self, merged: Migrate) -> None:
        for command in (["up"], ["up", "1"], ["goto", "6"]):
            ran = merged(command[0], "-late", "refuse", *command[1:])
            assert ran == (1, f"error: {LATE} 5: 2 (step), 4 (step); {ADVICE}\n", "")
        assert merged.rows() == [(5, False)]
        assert tables(merged) == {1, 3, 5}

    def test_refuse_where_nothing_is_late(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _3="SELECT 3;")
        assert migrate("up", "-late", "refuse", "1").code == 0
        # Above the recorded version, so it is not late.
        migrate.write(_2="SELECT 2;")
        assert migrate("up", "-late", "refuse") == (0, "2/u step (T)\n3/u step (T)\n", "")

    def test_apply(self, merged: Migrate) -> None:
        assert merged("up", "-late", "apply") == (0, "2/u step (T)\n4/u step (T)\n6/u step (T)\n", "")
        assert merged.rows() == [(6, False)]
        assert tables(merged) == {1, 2, 3, 4, 5, 6}
        # The version stays while they are applied.
        assert merged.history()[3:] == [(2, "up", 5), (4, "up", 5), (6, "up", 6)]
        assert merged("up", "-late", "refuse") == (0, "no change\n", "")

    def test_apply_the_next_n(self, merged: Migrate) -> None:
        assert merged("up", "-late", "apply", "1") == (0, "2/u step (T)\n", "")
        assert merged.rows() == [(5, False)]
        assert merged("up", "-late", "apply", "2") == (0, "4/u step (T)\n6/u step (T)\n", "")
        assert merged("up", "-late", "apply", "1") == (1, "error: file does not exist\n", "")

    def test_apply_with_goto(self, merged: Migrate) -> None:
        # To where it is: nothing is to be done, as always.
        assert merged("goto", "-late", "apply", "5") == (0, "no change\n", "")
        assert tables(merged) == {1, 3, 5}
        assert merged("goto", "-late", "apply", "6") == (0, "2/u step (T)\n4/u step (T)\n6/u step (T)\n", "")

    def test_a_dry_run_shows_which_and_writes_nothing(self, merged: Migrate) -> None:
        before = merged.history()
        ran = merged("up", "-late", "apply", "-dry-run")
        assert ran.out.splitlines() == [f"{version}/u step (in one transaction)" for version in (2, 4, 6)]
        assert '"late": true' in merged("-json", "up", "-late", "apply", "-dry-run").out.splitlines()[0]
        assert merged("up", "-late", "refuse", "-dry-run").code == 1
        assert merged.history() == before

    def test_applied_by_another_tool_they_are_not_late(self, merged: Migrate) -> None:
        """What golang-migrate did, it did with the files that were there."""
        merged.query("DROP TABLE schema_migrations_history")
        assert merged("up", "-late", "refuse") == (0, "6/u step (T)\n", "")

    def test_many_are_not_all_named(self, migrate: Migrate) -> None:
        migrate.write(_100="SELECT 1;")
        migrate("up")
        migrate.write(**{f"_{version}": "SELECT 1;" for version in range(1, 13)})
        assert "10 (step) and 2 more; " in migrate("up").err

    @pytest.mark.parametrize("policy", ["", "no", "WARN"])
    def test_another_policy(self, merged: Migrate, policy: str) -> None:
        assert merged("up", "-late", policy) == (1, "error: -late must be one of warn, refuse, apply\n", "")

    def test_the_recorded_version_itself(self, merged: Migrate) -> None:
        # Undoing 5 leads to 4, which never ran.
        assert merged("down", "1") == (0, "5/d step (T)\n", "")
        assert merged.rows() == [(4, False)]
        assert "4        late" in merged("status").out
        merged("up", "-late", "apply")
        assert tables(merged) == {1, 2, 3, 4, 5, 6}


class TestFailure:
    def test_in_its_transaction_nothing_of_it_is_kept(self, merged: Migrate) -> None:
        merged.write(_4="CREATE TABLE t4 (i int); SELECT 1/0;")
        assert merged("up", "-late", "apply").code == 1
        assert merged.rows() == [(5, False)]
        assert tables(merged) == {1, 2, 3, 5}

    def test_outside_of_one_the_version_is_dirty_and_the_way_out_works(self, merged: Migrate) -> None:
        merged.write(_4="CREATE TABLE t4 (i int); COMMIT; SELECT 1/0;")
        ran = merged("up", "-late", "apply")
        assert ran.code == 1
        assert ran.err.startswith("2/u step (T)\nerror: migration failed: division by zero")
        # The version stays what it is.
        assert merged.rows() == [(5, True)]
        assert merged("version") == (0, "5 (dirty)\n", "")
        assert tables(merged) == {1, 2, 3, 4, 5}
        said = (
            "4/u step began (COMMIT, so no single transaction holds it together) and did not end. What stands before "
            "COMMIT number 1 of the file is kept, and nothing that stands behind it. Undo what is there of it, "
        )
        assert said in ran.err
        assert "applying migration 4 (step) began and its end is not recorded" in merged("status").out
        # Both ways of asking name the same commands, and with what is there of it undone they help.
        force, up = named(ran.err)
        assert [force, up] == named(merged("up").err) == named(merged("status").out)
        merged.query("DROP TABLE t4")
        merged.write(_4="CREATE TABLE t4 (i int); COMMIT;")
        assert merged(*force) == (0, "", "")
        assert merged(*up) == (0, "4/u step (T)\n6/u step (T)\n", "")
        assert merged.rows() == [(6, False)]
        assert tables(merged) == {1, 2, 3, 4, 5, 6}
        assert merged("up", "-late", "refuse") == (0, "no change\n", "")

    def test_where_nothing_was_kept_nothing_is_to_be_undone(self, merged: Migrate) -> None:
        merged.write(_4="CREATE TABLE t4 (i int); ROLLBACK; SELECT 1/0;")
        ran = merged("up", "-late", "apply")
        assert "Nothing of it was kept. Run `migrate force 5`, then `migrate up -late apply`" in ran.err

    def test_the_recorded_version_itself_has_the_same_way_out(self, merged: Migrate) -> None:
        merged("down", "1")
        merged.write(_4="VACUUM nowhere;")
        ran = merged("up", "-late", "apply")
        assert merged.rows() == [(4, True)]
        force, up = named(ran.err)
        assert [force, up] == named(merged("up").err) == named(merged("status").out)
        merged.write(_4="VACUUM;")
        assert merged(*force) == (0, "", "")
        assert merged(*up) == (0, "4/u step (T)\n5/u step (T)\n6/u step (T)\n", "")

    def test_status_calls_the_file_dirty_that_is(self, merged: Migrate) -> None:
        merged.write(_4="VACUUM nowhere;")
        merged("up", "-late", "apply")
        out = merged("status").out
        assert "4        dirty" in out
        assert "5        applied" in out


class TestDown:
    """Going down over a file that never ran."""

    WARNING = "-late apply passes over what was never applied"

    def test_by_default_it_is_undone_as_go_does_with_a_warning(self, merged: Migrate) -> None:
        ran = merged("down", "2")
        assert ran.code == 1
        assert ran.err.startswith(
            f"warning: {LATE} 5: 4 (step); {self.WARNING}\n5/d step (T)\nerror: migration failed: "
        )
        assert merged.rows() == [(4, False)]
        assert tables(merged) == {1, 3}

    def test_refuse(self, merged: Migrate) -> None:
        for command in (["down", "2"], ["down", "-all"], ["goto", "1"]):
            ran = merged(command[0], "-late", "refuse", *command[1:])
            assert ran.code == 1
            assert self.WARNING in ran.err
        assert merged.rows() == [(5, False)]
        # Where it does not come to that, there is nothing to refuse.
        assert merged("down", "-late", "refuse", "1") == (0, "5/d step (T)\n", "")

    def test_apply_passes_over(self, merged: Migrate) -> None:
        assert merged("down", "-late", "apply", "3") == (0, "5/d step (T)\n4/d <empty> (T)\n3/d step (T)\n", "")
        assert merged.rows() == [(2, False)]
        assert tables(merged) == {1}

    def test_also_over_the_recorded_version(self, merged: Migrate) -> None:
        assert merged("down", "-late", "apply", "3").code == 0
        assert merged("down", "-late", "apply", "-all") == (0, "2/d <empty> (T)\n1/d step (T)\n", "")
        assert merged.rows() == []
        assert merged("up", "-late", "refuse").code == 0
        assert tables(merged) == {1, 2, 3, 4, 5, 6}

    def test_apply_with_goto(self, merged: Migrate) -> None:
        assert merged("goto", "-late", "apply", "1").code == 0
        assert merged.rows() == [(1, False)]
        assert tables(merged) == {1}

    def test_what_was_applied_late_is_undone_in_its_place(self, merged: Migrate) -> None:
        merged("up", "-late", "apply")
        assert merged("down", "-late", "refuse", "3") == (0, "6/d step (T)\n5/d step (T)\n4/d step (T)\n", "")
        assert tables(merged) == {1, 2, 3}
        assert merged.rows() == [(3, False)]
