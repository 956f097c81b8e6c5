"""Files that bring their own BEGIN and COMMIT: the version is a part of that transaction."""

import pytest
from migrations import PAUSE, Migrate

from codeactions.migrate.errors import MigrationError

PIECES = "x-multi-statement=true"
WHOLE = "BEGIN;\nCREATE TABLE a (i int);\nCREATE TABLE b (i int);\nCOMMIT;\n"
LEVEL = "CREATE TABLE a (s text); INSERT INTO a VALUES (current_setting('transaction_isolation'));"
# Each has one transaction, however it is written.
FORMS = [
    WHOLE,
    "begin work;\ncreate table a (i int); create table b (i int);\ncommit work",
    "BEGIN TRANSACTION; CREATE TABLE a (i int); CREATE TABLE b (i int); COMMIT TRANSACTION;",
    "START TRANSACTION; CREATE TABLE a (i int); CREATE TABLE b (i int); END;",
    "BEGIN ISOLATION LEVEL REPEATABLE READ, READ WRITE; CREATE TABLE a (i int); CREATE TABLE b (i int); COMMIT;",
    "BEGIN; CREATE TABLE a (i int); CREATE TABLE b (i int); COMMIT AND NO CHAIN;",
    "-- ä\n/* BEGIN; */ BEGIN /* now */ ;; CREATE TABLE a (i int); CREATE TABLE b (i int); COMMIT -- done\n;\n-- end\n",
    "SET statement_timeout = '1min'; SET LOCAL lock_timeout = '1s'; BEGIN; CREATE TABLE a (i int);"
    "CREATE TABLE b (i int); COMMIT;",
    # PostgreSQL takes what stands before the BEGIN into the transaction, too.
    "CREATE TABLE a (i int); BEGIN; CREATE TABLE b (i int); COMMIT;",
    "CREATE TABLE a (i int); CREATE TABLE b (i int); COMMIT;",
    "BEGIN; CREATE TABLE a (i int); SAVEPOINT s; CREATE TABLE c (i int); ROLLBACK TO s; RELEASE s;"
    "CREATE TABLE b (i int); COMMIT;",
    "BEGIN; CREATE TABLE a (i int); CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';"
    "CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT 1; END; CREATE TABLE b (i int); COMMIT;",
    "BEGIN; CREATE TABLE a (i int); DO $$ BEGIN CREATE TABLE b (i int); -- COMMIT;\nEND $$; COMMIT;",
]


class TestSuccess:
    @pytest.mark.parametrize("text", FORMS)
    @pytest.mark.parametrize("options", ["", PIECES])
    def test_it_is_done_and_recorded(self, migrate: Migrate, text: str, options: str) -> None:
        migrate.write(_1=text, _2="SELECT 1;")
        assert migrate("up", options=options) == (0, "1/u step (T)\n2/u step (T)\n", "")
        assert {"a", "b"} <= migrate.relations()
        assert "c" not in migrate.relations()
        assert migrate.rows() == [(2, False)]
        assert migrate.history("version, done") == [(1, True), (2, True)]

    @pytest.mark.parametrize("text", FORMS)
    def test_it_shows_beforehand(self, migrate: Migrate, text: str) -> None:
        migrate.write(_1=text)
        assert migrate("up", "-dry-run").out == "1/u step (in one transaction)\n"

    def test_file_and_version_are_there_at_the_same_moment(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2=f"BEGIN; CREATE TABLE a (i int); {PAUSE} COMMIT;")
        migrate("up", "1")
        with migrate.paused(lambda: migrate("up")) as (result, _):
            # Not dirty, as it is with golang-migrate.
            assert migrate.rows() == [(1, False)]
            assert "a" not in migrate.relations()
        assert result.result() == (0, "2/u step (T)\n", "")
        same = "SELECT s.xmin = c.xmin FROM schema_migrations s, pg_class c WHERE relname = 'a'"
        assert migrate.query(same) == [(True,)]

    def test_a_file_that_dies_leaves_the_clean_version_before_it(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2=f"BEGIN; CREATE TABLE a (i int); {PAUSE} COMMIT;")
        migrate("up", "1")
        with migrate.paused(lambda: migrate("up")) as (result, pid):
            migrate.query("SELECT pg_terminate_backend(%s)", pid)
            assert result.result(30).code == 1
        assert migrate.rows() == [(1, False)]
        assert "a" not in migrate.relations()

    def test_down_files_too(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int);", _1_down="BEGIN; DROP TABLE a; DROP TABLE nowhere; COMMIT;")
        migrate("up")
        assert migrate("down", "-all").code == 1
        assert migrate.rows() == [(1, False)]
        assert "a" in migrate.relations()
        migrate.write(_1_down="BEGIN; DROP TABLE a; COMMIT;")
        assert migrate("down", "-all").code == 0
        assert migrate.rows() == []

    @pytest.mark.parametrize(
        "text",
        [
            f"BEGIN ISOLATION LEVEL SERIALIZABLE; {LEVEL} COMMIT;",
            f"START TRANSACTION READ WRITE, ISOLATION LEVEL SERIALIZABLE, NOT DEFERRABLE; {LEVEL} COMMIT;",
            f"BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; {LEVEL} COMMIT;",
            f"BEGIN; SET LOCAL lock_timeout = '1s'; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; {LEVEL} COMMIT;",
            f"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; {LEVEL}",
        ],
    )
    def test_modes_are_respected(self, migrate: Migrate, text: str) -> None:
        migrate.write(_1=text)
        assert migrate("up", "-dry-run").out == "1/u step (in one transaction)\n"
        assert migrate("up").code == 0
        assert migrate.query("SELECT s FROM a") == [("serializable",)]

    @pytest.mark.parametrize("modes", ["READ ONLY", "ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE"])
    def test_a_transaction_that_only_reads(self, migrate: Migrate, modes: str) -> None:
        migrate.write(_1=f"BEGIN {modes}; SELECT 1; COMMIT;", _2=f"BEGIN {modes}; CREATE TABLE a (i int); COMMIT;")
        ran = migrate("up")
        assert ran.code == 1
        assert ran.err.startswith("1/u step (T)\nerror: migration failed: cannot execute CREATE TABLE in a read-only")
        assert migrate.rows() == [(1, False)]

    def test_where_backslashes_escape_nothing_is_taken_for_a_commit(self, migrate: Migrate) -> None:
        # Read with the other setting, the BEGIN and the COMMIT stand outside the string.
        text = "CREATE TABLE a (s text); INSERT INTO a VALUES ('it\\'s; BEGIN; COMMIT;');"
        migrate.write(_1=text)
        assert migrate("up", options="standard_conforming_strings=off").code == 0
        assert migrate.query("SELECT s FROM a") == [("it's; BEGIN; COMMIT;",)]


class TestFailure:
    @pytest.mark.parametrize("options", ["", PIECES])
    def test_nothing_is_kept_and_it_says_so(self, migrate: Migrate, options: str) -> None:
        migrate.write(_1="SELECT 1;", _2="begin; create table a(); create tabel b(); commit;")
        ran = migrate("up", options=options)
        assert ran.code == 1
        assert ran.err.startswith('1/u step (T)\nerror: migration failed: syntax error at or near "tabel" (column ')
        assert ran.err.endswith(
            "Nothing of it was kept, the database is at version 1 and clean; mend the cause, then run `migrate up`.\n"
        )
        assert migrate.rows() == [(1, False)]
        assert "a" not in migrate.relations()
        migrate.write(_2="begin; create table a(); create table b(); commit;")
        assert migrate("up", options=options) == (0, "2/u step (T)\n", "")

    def test_line_and_column_are_those_of_the_file(self, migrate: Migrate) -> None:
        text = "-- ä\nBEGIN /* é */ WORK;\n\tCREATE TABLE a (i int); SELECT 'ü', nosuch;\nCOMMIT;\n"
        migrate.write(_1=text)
        ran = migrate("up")
        assert ran.err.startswith(
            f'error: migration failed: column "nosuch" does not exist (column 38) in line 3: {text} (details: pq: '
        )
        migrate.write(_1="BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT nosuch; COMMIT;")
        assert "(column 44) in line 1: BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT nosuch; COMMIT;" in migrate("up").err

    def test_a_constraint_that_is_checked_at_the_commit(self, migrate: Migrate) -> None:
        table = "CREATE TABLE a (i int UNIQUE, j int REFERENCES a (i) DEFERRABLE INITIALLY DEFERRED);"
        migrate.write(_1=f"BEGIN; {table} INSERT INTO a VALUES (1, 2); COMMIT;")
        ran = migrate("up")
        assert ran.code == 1
        assert ran.err.startswith("error: migration failed: insert or update on table")
        assert "Key (j)=(2) is not present" in ran.err
        assert migrate.rows() == []
        assert "a" not in migrate.relations()

    @pytest.mark.parametrize("text", ["BEGIN; CREATE TABLE a (i int);", "CREATE TABLE a (i int); BEGIN;"])
    def test_a_begin_without_a_commit(self, migrate: Migrate, text: str) -> None:
        migrate.write(_1=text)
        ran = migrate("up")
        assert ran == (
            1,
            "error: transaction start failed in line 0:  (details: pq: unexpected transaction status idle in "
            "transaction)\nNothing of it was kept, the database is at no version and clean; mend the cause, then run "
            "`migrate up`.\n",
            "",
        )
        assert migrate.rows() == []
        assert "a" not in migrate.relations()

    @pytest.mark.parametrize(
        "statement",
        ["CREATE INDEX CONCURRENTLY a_i ON a (i)", "VACUUM", "DO $$ BEGIN COMMIT; END $$", "CALL ends()"],
    )
    def test_what_cannot_stand_in_a_transaction(self, migrate: Migrate, statement: str) -> None:
        migrate.query("CREATE PROCEDURE ends() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'")
        migrate.write(_1=f"BEGIN; CREATE TABLE a (i int); {statement}; COMMIT;")
        ran = migrate("up")
        assert ran.code == 1
        assert "cannot stand between BEGIN and COMMIT." in ran.err
        assert migrate.rows() == []
        assert "a" not in migrate.relations()

    def test_to_the_server_it_says_so_in_one_line(self, migrate: Migrate) -> None:
        migrate.write(_1="BEGIN;\nCREATE TABEL b ();\nCOMMIT;")
        with pytest.raises(MigrationError) as caught:
            migrate.upgrade()
        assert caught.value.message == (
            'migration 1/u step failed: syntax error at or near "TABEL" in line 2, column 8 (SQLSTATE 42601); nothing '
            "of it was kept, the database is at no version and clean; mend the cause, then run `codeactions migrate up`"
        )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("BEGIN; COMMIT; SELECT 1;", "BEGIN"),
        ("BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT;", "BEGIN"),
        ("BEGIN; SELECT 1; ROLLBACK;", "BEGIN"),
        ("BEGIN; SELECT 1; COMMIT AND CHAIN;", "BEGIN"),
        ("BEGIN; ROLLBACK; BEGIN; COMMIT;", "BEGIN"),
        ("SELECT 1; COMMIT; SELECT 2;", "COMMIT"),
        ("BEGIN; SELECT 1; PREPARE TRANSACTION 'a';", "BEGIN"),
        ("SELECT 1; BEGIN ISOLATION LEVEL SERIALIZABLE; COMMIT;", "BEGIN"),
    ],
)
def test_more_than_one_transaction_runs_without_ours(migrate: Migrate, text: str, why: str) -> None:
    migrate.write(_1=text)
    assert migrate("up", "-dry-run").out == f"1/u step (outside of a transaction: {why})\n"


def test_in_pieces_what_stands_before_the_begin_is_no_part_of_it(migrate: Migrate) -> None:
    migrate.write(_1="CREATE TABLE a (i int); BEGIN; CREATE TABEL b (); COMMIT;")
    ran = migrate("up", options=PIECES)
    assert "Of its 4 statements the first was done" in ran.err
    assert migrate.rows() == [(1, True)]
    assert "a" in migrate.relations()
