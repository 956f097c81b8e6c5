"""Files that psql would run, in a transaction with their version: dumps, data, and commands that are psql's alone."""

import hashlib
import subprocess

import psycopg
import pytest
from migrations import Migrate, Ran

from codeactions.postgres.embedded.server import EmbeddedPostgres

BOM = b"\xef\xbb\xbf"
TABLE = "CREATE TABLE a (i int, t text);\n"


def kept_nothing(migrate: Migrate, ran: Ran, version: int) -> bool:
    """Whether a failure left the version before it, clean, and its text says so."""
    return ran.code == 1 and migrate.rows() == [(version, False)] and "and clean" in ran.err + ran.out


class TestData:
    def test_rows_between_statements(self, migrate: Migrate) -> None:
        migrate.write(
            _1=TABLE + "COPY a FROM stdin;\n1\tone; COMMIT\n2\t\\N\n\\.\n\n-- more\n"
            'COPY public.a (t, "i") FROM STDIN WITH (FORMAT csv);\r\n"a\r\nb",3\r\n\\.\r\n'
            "INSERT INTO a VALUES (4, 'x');\n",
            _2="COPY a FROM stdin;\n\\.\nUPDATE a SET t = upper(t);",
        )
        assert migrate("up", "-dry-run").out == "1/u step (in one transaction)\n2/u step (in one transaction)\n"
        assert migrate("up") == (0, "1/u step (T)\n2/u step (T)\n", "")
        rows = [(1, "ONE; COMMIT"), (2, None), (3, "A\r\nB"), (4, "X")]
        assert migrate.query("SELECT i, t FROM a ORDER BY i") == rows

    def test_more_than_fits_into_any_buffer(self, migrate: Migrate) -> None:
        rows = "".join(f"{number}\t{'x' * 100}\n" for number in range(100_000))
        migrate.write(_1=f"{TABLE}COPY a FROM stdin;\n{rows}\\.\n")
        assert migrate("up") == (0, "1/u step (T)\n", "")
        assert migrate.query("SELECT count(*), sum(length(t)) FROM a") == [(100_000, 10_000_000)]

    def test_notices_for_each_row_block_nothing(self, migrate: Migrate) -> None:
        noisy = """CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE NOTICE '%', repeat('x', 5000); RETURN new; END $$;
            CREATE TRIGGER say BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION say();"""
        rows = "".join(f"{number}\t{'x' * 1000}\n" for number in range(5000))
        migrate.write(_1=f"{TABLE}{noisy}COPY a FROM stdin;\n{rows}\\.\n")
        assert migrate("up") == (0, "1/u step (T)\n", "")

    def test_a_bad_row_is_named_by_its_line_in_the_file_and_not_shown(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2=f"{TABLE}COPY a FROM stdin;\n1\tsecret\nnone\tx\n\\.\nSELECT 1;\n")
        ran = migrate("-json", "up")
        assert kept_nothing(migrate, ran, 1)
        assert "in line 4, column 1" in ran.out
        assert "secret" not in migrate("up").err
        assert "a" not in migrate.relations()

    def test_an_error_behind_rows_has_its_own_line(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2=f"{TABLE}COPY a FROM stdin;\n1\té\n\\.\nSELECT 1;\n  SELECT nosuch;\n")
        assert 'error: migration failed: column "nosuch" does not exist (column 10) in line 6: ' in migrate("up").err
        assert kept_nothing(migrate, migrate("-json", "up"), 1)

    @pytest.mark.parametrize("ending", ["", "\\.x\n"])
    def test_rows_without_an_end_are_refused_before_anything_is_run(self, migrate: Migrate, ending: str) -> None:
        migrate.write(_1="SELECT 1;", _2=f"{TABLE}COPY a FROM stdin;\n1\tx\n{ending}")
        migrate("up", "1")
        for words in (["up"], ["up", "-dry-run"]):
            ran = migrate(*words)
            assert ran.code == 1
            assert "the data of COPY ... FROM STDIN in line 2 do not end" in ran.err
        assert migrate.rows() == [(1, False)]

    def test_in_pieces_a_copy_keeps_its_rows(self, migrate: Migrate) -> None:
        migrate.write(_1=f"{TABLE}COPY a FROM stdin;\n1\t;\n\\.\nCREATE INDEX CONCURRENTLY a_i ON a (i);\n")
        assert migrate("up", options="x-multi-statement=true") == (0, "1/u step (T)\n", "")
        assert migrate.query("SELECT * FROM a") == [(1, ";")]

    def test_its_own_transaction_holds_the_rows_too(self, migrate: Migrate) -> None:
        migrate.write(_1=f"BEGIN;\n{TABLE}COPY a FROM stdin;\n1\tBEGIN;\n\\.\nCOMMIT;\n")
        assert migrate("up").code == 0
        assert migrate.query("SELECT * FROM a") == [(1, "BEGIN;")]

    def test_the_time_counts_for_rows_and_all(self, migrate: Migrate) -> None:
        slow = """CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(60); RETURN new; END $$;
            CREATE TRIGGER wait BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION wait();"""
        migrate.write(_1=f"{TABLE}{slow}COPY a FROM stdin;\n1\tx\n\\.\n")
        ran = migrate("up", options="x-statement-timeout=300")
        assert ran.code == 1
        assert "canceling statement due to user request" in ran.err
        assert "a" not in migrate.relations()


class TestDumps:
    def test_a_dump_is_a_migration(
        self, migrate: Migrate, postgres: EmbeddedPostgres, url: str, database: "psycopg.Connection[object]"
    ) -> None:
        database.execute("CREATE TABLE things (id serial PRIMARY KEY, t text); CREATE VIEW v AS SELECT t FROM things")
        database.execute(r"INSERT INTO things (t) VALUES (E'a\tb\\c'), (NULL), ('\.')")
        program = [postgres.bin_dir / "pg_dump", "--no-owner", "--schema=public", url]
        dump = subprocess.run(program, capture_output=True, check=True).stdout
        database.execute("DROP SCHEMA public CASCADE")
        # Newer ones begin and end so, whichever this is.
        if b"\n\\restrict" not in dump:
            dump = b"--\n-- dump\n--\n\n\\restrict aB1\n\n" + dump + b"\\unrestrict aB1\n\n"
        database.execute("CREATE SCHEMA public")
        migrate.write(_1=dump.replace(b"CREATE SCHEMA public;", b""))
        assert migrate("up") == (0, "1/u step (T)\n", "")
        assert database.execute("SELECT * FROM public.things").fetchall() == [(1, "a\tb\\c"), (2, None), (3, "\\.")]

    @pytest.mark.parametrize(
        "command", ["connect shop", "i other.sql", "set x 1", "copy a from 'b'", "echo hi", "gexec"]
    )
    def test_a_command_of_psql_is_named_with_its_line(self, migrate: Migrate, command: str) -> None:
        migrate.write(_1="SELECT 1;", _2=f"CREATE TABLE b (i int);\n\\{command}\n")
        ran = migrate("up")
        assert kept_nothing(migrate, ran, 1)
        assert ran.err.count("\n") == 5
        assert f"`\\{command.split()[0]}` in line 2 is a command of the program psql, and no SQL: " in ran.err


class TestMarks:
    def test_a_byte_order_mark_is_skipped_and_does_not_count(self, migrate: Migrate) -> None:
        migrate.write(_1=BOM + b"SELECT 1;", _2=BOM, _1_down=BOM + b"SELECT 2;")
        assert migrate("up") == (0, "1/u step (T)\n2/u step (T)\n", "")
        sums = [(hashlib.sha256(text).hexdigest(),) for text in (b"SELECT 1;", b"")]
        assert migrate.history("checksum") == sums
        migrate.write(_1=b"SELECT 1;")
        assert migrate("status", "-check").code == 0
        migrate("down", "-all")
        assert migrate.rows() == []

    def test_columns_are_those_of_an_editor(self, migrate: Migrate) -> None:
        migrate.write(_1=BOM + b"SELECT nosuch;")
        assert '"nosuch" does not exist (column 8) in line 1: SELECT' in migrate("up").err

    def test_one_in_the_middle_is_named(self, migrate: Migrate) -> None:
        migrate.write(_1=b"SELECT 1;\n" + BOM + b"SELECT 2;")
        assert "\nLine 2 has a byte order mark (U+FEFF) in it: type the character again." in migrate("up").err

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
    def test_another_encoding_is_refused(self, migrate: Migrate, encoding: str) -> None:
        migrate.write(_1="SELECT 1;", _2="CREATE TABLE b (i int);".encode(encoding))
        ran = migrate("up")
        assert (
            ran.err
            == "1/u step (T)\nerror: migration failed: 2/u step: the file is UTF-16 or UTF-32: save it as UTF-8\n"
        )
        assert migrate.rows() == [(1, False)]
