"""The URL's x-multi-statement and x-statement-timeout: files sent in pieces, and statements that take too long."""

import pytest
from migrations import Migrate, named

from codeactions.migrate.database import address
from codeactions.migrate.database.connection import Connection

PIECES = "x-multi-statement=true"
FUNCTION = """
CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    -- not here; nor here: '
    RETURN 'a;b';
END;
$$;
CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO a VALUES (';'); SELECT CASE 1 WHEN 1 THEN 2 END; END;
"""
# Nothing waits for its end.
ENDLESS = "SELECT pg_sleep(600)"
CANCELLED = "migration failed: canceling statement due to user request"


class TestPieces:
    def test_concurrently_among_other_statements(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int);\nCREATE INDEX CONCURRENTLY a_i ON a (i); INSERT INTO a VALUES (1)")
        assert migrate("up", options=PIECES) == (0, "1/u step (T)\n", "")
        assert migrate.rows() == [(1, False)]
        assert "a_i" in migrate.relations()
        assert migrate.query("SELECT i FROM a") == [(1,)]

    def test_functions_strings_and_comments_are_not_cut(self, migrate: Migrate) -> None:
        migrate.write(
            _1=f"CREATE TABLE a (s text);{FUNCTION}"
            "INSERT INTO a VALUES ('x;y'), (E'\\';'), ($t$;$t$); /* ; */ -- ;\nCALL p();"
            'CREATE TABLE "b;c" (i int); VACUUM a;'
        )
        assert migrate("up", options=PIECES) == (0, "1/u step (T)\n", "")
        assert migrate.query("SELECT s FROM a ORDER BY s") == [("';",), (";",), (";",), ("x;y",)]
        assert migrate.query("SELECT f()") == [("a;b",)]
        assert "b;c" in migrate.relations()

    def test_each_piece_is_a_transaction_of_its_own(self, migrate: Migrate) -> None:
        migrate.write(
            _1="CREATE TABLE a (x bigint); INSERT INTO a VALUES (txid_current()); INSERT INTO a VALUES ("
            "txid_current());"
        )
        migrate("up", options=PIECES)
        assert migrate.query("SELECT count(DISTINCT x) FROM a") == [(2,)]

    def test_without_it_a_file_is_one_transaction(self, migrate: Migrate) -> None:
        migrate.write(
            _1="CREATE TABLE a (x bigint); INSERT INTO a VALUES (txid_current()); INSERT INTO a VALUES ("
            "txid_current());"
        )
        migrate("up")
        assert migrate.query("SELECT count(DISTINCT x) FROM a") == [(1,)]

    @pytest.mark.parametrize("text", ["CREATE TABLE a (i int) ;\n \t", "CREATE TABLE a (i int)", "", " ;", "-- ;"])
    def test_a_single_statement_needs_no_dirty_row(self, migrate: Migrate, text: str) -> None:
        migrate.write(_1=text)
        assert migrate("up", options=PIECES) == (0, "1/u step (T)\n", "")
        assert migrate.history("version, done") == [(1, True)]

    def test_a_failure_in_the_second_piece_says_how_many_were_done(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int);\nCREATE INDEX CONCURRENTLY a_j\n  ON a (j);\nCREATE TABLE c (i int);")
        ran = migrate("up", options=PIECES)
        assert ran.code == 1
        # Line and column are those in the piece, as golang-migrate has them, which begins with a line feed.
        assert ran.err.startswith(
            'error: migration failed: column "j" does not exist in line 0: \nCREATE INDEX CONCURRENTLY a_j\n  ON a (j);'
        )
        assert "Of its 3 statements the first was done." in ran.err
        assert migrate.rows() == [(1, True)]
        assert "a" in migrate.relations()
        assert "c" not in migrate.relations()
        # The way out: what was done is undone by hand, then from the beginning.
        migrate.query("DROP TABLE a")
        migrate.write(_1="CREATE TABLE a (i int);\nCREATE INDEX CONCURRENTLY a_j\n  ON a (i);\nCREATE TABLE c (i int);")
        assert migrate(*named(ran.err)[0]).code == 0
        assert migrate("up", options=PIECES).code == 0
        assert migrate.rows() == [(1, False)]

    def test_a_failure_in_the_first_piece_has_nothing_to_count(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT nothing; SELECT 2;")
        ran = migrate("up", options=PIECES)
        assert 'column "nothing" does not exist (column 8) in line 1: SELECT nothing; (details' in ran.err
        assert "statements none was done. Undo what is there of it, run " in ran.err

    def test_what_an_open_transaction_takes_along_is_not_counted(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int); BEGIN; CREATE TABLE b (i int); SELECT 1/0; COMMIT;")
        ran = migrate("up", options=PIECES)
        assert "b" not in migrate.relations()
        assert "the first 3 were done" not in ran.err
        assert "Of its 5 statements the first was done" in ran.err


class TestMaxSize:
    # Below 4096 it has no effect, as in golang-migrate.
    SIZE = "x-multi-statement-max-size=5000"

    def test_a_longer_piece_is_refused_after_those_before_it(self, migrate: Migrate) -> None:
        migrate.write(_1=f"CREATE TABLE a (i int); SELECT '{'x' * 5000}'; CREATE TABLE c (i int);")
        ran = migrate("up", options=f"{PIECES}&{self.SIZE}")
        assert ran.code == 1
        assert ran.err.startswith("error: bufio.Scanner: token too long\nThe database is left dirty at version 1: ")
        assert "Of its 3 statements the first was done." in ran.err
        assert migrate.rows() == [(1, True)]
        assert "a" in migrate.relations()
        assert "c" not in migrate.relations()
        assert migrate(*named(ran.err)[0]).code == 0
        migrate.query("DROP TABLE a")
        assert migrate("up", options=PIECES).code == 0

    def test_a_transaction_that_is_left_open_is_not_done(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int); BEGIN; CREATE TABLE b (i int);")
        ran = migrate("up", options=PIECES)
        assert ran.err.startswith("error: transaction start failed in line 0: ")
        assert " and did not end. Of its 3 statements the first was done. Undo what is there of it, run" in ran.err
        assert "Nothing of it was kept" not in ran.err
        assert migrate.relations() & {"a", "b"} == {"a"}

    def test_a_file_of_many_small_ones_may_be_longer(self, migrate: Migrate) -> None:
        migrate.write(_1=f"SELECT '{'x' * 3000}'; " * 4)
        assert migrate("up", options=f"{PIECES}&{self.SIZE}").code == 0

    def test_without_pieces_it_means_nothing(self, migrate: Migrate) -> None:
        migrate.write(_1=f"SELECT 1; SELECT '{'x' * 5000}';")
        assert migrate("up", options=self.SIZE).code == 0

    def test_it_holds_for_a_single_statement_too(self, migrate: Migrate) -> None:
        migrate.write(_1=f"SELECT '{'x' * 5000}';")
        assert migrate("up", options=f"{PIECES}&{self.SIZE}").code == 1
        # golang-migrate leaves it dirty.
        assert migrate.rows() == []

    def test_in_an_open_transaction_it_takes_that_along(self, migrate: Migrate) -> None:
        migrate.write(_1=f"SELECT 1; BEGIN; CREATE TABLE a (i int); SELECT '{'x' * 5000}'; COMMIT;")
        ran = migrate("up", options=f"{PIECES}&{self.SIZE}")
        assert "Of its 5 statements the first was done" in ran.err
        assert "a" not in migrate.relations()
        assert migrate.locks() == []


class TestTimeout:
    def test_it_counts_for_the_whole_file(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2=f"CREATE TABLE b (i int); {ENDLESS};")
        ran = migrate("up", options="x-statement-timeout=500")
        assert ran.code == 1
        assert ran.err.startswith(f"1/u step (T)\nerror: {CANCELLED} in line 0: CREATE TABLE b")
        assert migrate.rows() == [(1, False)]
        assert "b" not in migrate.relations()

    def test_in_pieces_it_counts_for_each(self, migrate: Migrate, monkeypatch: pytest.MonkeyPatch) -> None:
        given: list[float | None] = []
        execute = Connection.execute_script

        def noting(connection: Connection, text: bytes, timeout: float | None = None) -> None:
            given.append(timeout)
            execute(connection, text, timeout)

        monkeypatch.setattr(Connection, "execute_script", noting)
        migrate.write(_1=f"{'SELECT 1; ' * 3}{ENDLESS};")
        ran = migrate("up", options=f"{PIECES}&x-statement-timeout=300")
        assert given == [0.3] * 4
        assert ran.code == 1
        assert f"error: {CANCELLED} in line 0:  {ENDLESS};" in ran.err
        assert "Of its 4 statements the first 3 were done." in ran.err
        assert migrate.rows() == [(1, True)]

    def test_a_file_alone_is_cancelled_and_left_dirty(self, migrate: Migrate) -> None:
        migrate.write(_1=f"BEGIN; CREATE TABLE a (i int); {ENDLESS}; COMMIT; SELECT 1;")
        ran = migrate("up", options="x-statement-timeout=100")
        assert CANCELLED in ran.err
        assert "Nothing of it was kept." in ran.err
        assert migrate.rows() == [(1, True)]
        assert "a" not in migrate.relations()

    def test_one_with_a_transaction_of_its_own_keeps_nothing(self, migrate: Migrate) -> None:
        migrate.write(_1=f"BEGIN; CREATE TABLE a (i int); {ENDLESS}; COMMIT;")
        ran = migrate("up", options="x-statement-timeout=100")
        assert CANCELLED in ran.err
        assert migrate.rows() == []
        assert "a" not in migrate.relations()

    def test_a_negative_one_is_over_at_once(self, migrate: Migrate) -> None:
        # Before it begins, or a quick file would be quicker than the cancel. In the words of Go's drivers.
        migrate.write(_1="CREATE TABLE a (i int);")
        ran = migrate("up", options="x-statement-timeout=-1")
        text = "CREATE TABLE a (i int);"
        assert ran == (1, f"error: migration failed in line 0: {text} (details: context deadline exceeded)\n", "")
        assert "a" not in migrate.relations()
        assert migrate.rows() == []

    def test_pgx_says_it_in_other_words(self, migrate: Migrate) -> None:
        migrate.write(_1=f"{ENDLESS};")
        details = "timeout: context deadline exceeded"
        for scheme in ("pgx", "pgx5"):
            ran = migrate("up", options="x-statement-timeout=100", scheme=scheme)
            assert ran == (1, f"error: migration failed in line 0: {ENDLESS}; (details: {details})\n", "")

    def test_zero_is_none(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;")
        assert address.parse(migrate.address("x-statement-timeout=0")).statement_timeout_ms == 0
        assert migrate("up", options="x-statement-timeout=0").code == 0

    def test_rows_that_keep_coming_do_not_put_it_off(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT repeat('x', 100) FROM generate_series(1, 1000000000), pg_sleep(0);")
        assert CANCELLED in migrate("up", options="x-statement-timeout=200").err

    def test_nor_does_copy_to_stdout(self, migrate: Migrate) -> None:
        # Each row is more than the server holds back, so the first is here before the time is over.
        rows = "SELECT repeat('x', 10000), CASE i WHEN 2 THEN pg_sleep(600) END FROM generate_series(1, 2) i"
        migrate.write(_1=f"COPY ({rows}) TO STDOUT;")
        assert migrate("up", options="x-statement-timeout=200").code == 1
