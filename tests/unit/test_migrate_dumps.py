"""Files that were written for psql, such as dumps: their data, their lines that are no SQL, their marks."""

import pytest
from hypothesis import given
from unit.soup import ANYTHING

from codeactions.migrate.sending import unsendable
from codeactions.migrate.statements.copy_data import BadCopy, separate, shown, without_data
from codeactions.migrate.statements.psql import advice, for_server

ROWS = b"1\tit's; $$ (\n\\N\tCOMMIT;\n"


class TestData:
    @pytest.mark.parametrize(
        "statement",
        [
            b"COPY public.a (i, t) FROM stdin;",
            b'copy "A b"."c;d" from STDIN;',
            b"COPY a\nFROM\nSTDIN WITH (FORMAT csv, HEADER) ;",
            b"COPY a (i) FROM stdin DELIMITER ';' NULL 'n;' WHERE i > 1;",
            b"/* COPY b FROM stdin; */ -- ;\n COPY BINARY a FROM STDIN;",
        ],
    )
    @pytest.mark.parametrize("end", [b"\n", b"\r\n", b" \t\n", b" -- rows;\n"])
    def test_the_rows_are_what_follows_the_line(self, statement: bytes, end: bytes) -> None:
        text = b"SELECT 1;\n" + statement + end + ROWS + b"\\.\n\nSELECT 2;\n"
        first, second = separate(text)
        assert (first.sql, first.data) == (b"SELECT 1;\n" + statement, ROWS)
        assert text[first.data_start :].startswith(ROWS)
        assert (second.sql, second.data) == (b"\nSELECT 2;\n", None)
        assert text[second.start :] == second.sql
        assert first.end == second.start

    def test_many_in_a_row_and_none_at_all(self) -> None:
        text = b"COPY a FROM stdin;\n\\.\n" * 3 + b"COPY b FROM stdin;\r\nx\r\n\\.\r\n"
        assert [part.data for part in separate(text)] == [b"", b"", b"", b"x\r\n"]
        assert without_data(text).split(b";") == [b"COPY a FROM stdin"] * 3 + [b"COPY b FROM stdin", b""]
        assert [part.data for part in separate(b"COPY a FROM stdin;\nx\n\\.")] == [b"x\n"]

    @pytest.mark.parametrize(
        "text",
        [
            b"SELECT 'COPY a FROM stdin;\n1\n\\.\n';",
            b"-- COPY a FROM stdin;\nSELECT 1;",
            b"DO $$ BEGIN COPY a FROM stdin; END $$;",
            b"COPY (SELECT * FROM stdin) TO STDOUT;",
            b"COPY stdin FROM '/a';",
            b"SELECT * FROM stdin;",
        ],
    )
    def test_no_copy(self, text: bytes) -> None:
        assert [part.sql for part in separate(text)] == [text]

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (b"SELECT 1;\nCOPY a FROM stdin;\n1\n", "COPY ... FROM STDIN in line 2 do not end"),
            (b"COPY a FROM stdin;", "COPY ... FROM STDIN in line 1 do not end"),
            (b"COPY a FROM stdin;\n1\n \\.\n", "do not end"),
            (b"COPY a FROM stdin; SELECT 1;\n1\n\\.\n", "in line 1, since the data come next"),
        ],
    )
    def test_data_that_cannot_be_found(self, text: bytes, problem: str) -> None:
        with pytest.raises(BadCopy, match=problem.replace(".", r"\.")):
            separate(text)
        assert problem in (unsendable(text) or "")

    def test_messages_show_no_rows(self) -> None:
        text = b"SELECT 1;\nCOPY a FROM stdin;\nsecret\n\\.\nSELECT 2;"
        assert shown(text) == b"SELECT 1;\nCOPY a FROM stdin;\n(7 bytes of data)\n\\.\nSELECT 2;"
        assert shown(b"SELECT 1;") == b"SELECT 1;"

    @given(ANYTHING)
    def test_nothing_is_lost_or_invented(self, text: bytes) -> None:
        try:
            parts = separate(text)
        except BadCopy:
            return
        for part in parts:
            assert text[part.start : part.start + len(part.sql)] == part.sql
            assert part.data is None or text[part.data_start :].startswith(part.data)
        assert [part.start for part in parts] == [0, *(part.end for part in parts[:-1])] if parts else not text


class TestForTheServer:
    def test_a_byte_order_mark_goes_from_the_beginning_only(self) -> None:
        assert for_server(b"\xef\xbb\xbfSELECT '\xef\xbb\xbf';") == b"SELECT '\xef\xbb\xbf';"

    def test_what_pg_dump_writes_for_psql_becomes_blank(self) -> None:
        dump = b"--\n-- dump\n--\n\n\\restrict aB1\n\nSET a = 1;\n\\unrestrict aB1\r\n\n"
        found = for_server(dump)
        assert len(found) == len(dump)
        assert found.split() == b"-- -- dump -- SET a = 1;".split()
        assert found.count(b"\n") == dump.count(b"\n")

    @pytest.mark.parametrize(
        "text",
        [
            b"SELECT '\n\\restrict a\n';",
            b"SELECT 1\n\\restrict a\n;",
            b"DO $$\n\\unrestrict a\n$$;",
            b"\\restricted a\n",
            b"\\connect a\n",
        ],
    )
    def test_anything_else_stays(self, text: bytes) -> None:
        assert for_server(text) == text

    def test_rows_of_data_stay(self) -> None:
        text = b"COPY a FROM stdin;\n\\restrict a\n\\.\n"
        assert for_server(text) == text

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
    def test_another_encoding_is_named(self, encoding: str) -> None:
        assert unsendable("SELECT 1;".encode(encoding)) == "the file is UTF-16 or UTF-32: save it as UTF-8"
        assert unsendable(b"SELECT 1; -- and more than a few letters\0") == "invalid message format"
        assert unsendable("SELECT 'é';".encode()) is None


class TestAdvice:
    @pytest.mark.parametrize(
        ("query", "said"),
        [
            (
                "SELECT 1;\n@\\connect shop",
                "`\\connect` in line 2 is a command of the program psql, and no SQL: name the da",
            ),
            ("@\\i a.sql", "put the text of that file in its place"),
            ("@\\copy a from 'b'", "put the rows into the file"),
            ("@\\set x 1", "take the line out"),
            ("@\\.\n", "it only ends the rows of a COPY"),
            ("@\\!ls", "`\\!` in line 1 is a command"),
            ("SELECT @:'x'", "`:'x'` in line 1 is a variable of the program psql"),
            ("@:schema.t", "`:schema` in line 1 is a variable"),
            ("SELECT 1;@\ufeffSELECT 2;", "line 1 has a byte order mark (U+FEFF) in it"),
            ("@SELECT\u00a01", "a no-break space"),
            ("SELECT @\u201ca\u201d", "a typographic quotation mark"),
        ],
    )
    def test_what_is_no_sql_is_named(self, query: str, said: str) -> None:
        assert said in advice(query.replace("@", ""), query.index("@") + 1)

    @pytest.mark.parametrize("query", ["@SELECT", "SELECT @é", "a @::int", "@"])
    def test_nothing_else_is(self, query: str) -> None:
        assert advice(query.replace("@", ""), query.index("@") + 1) == ""
        assert advice(query, 0) == ""
