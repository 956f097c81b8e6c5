"""What is read off a migration's text: its statements, whether they can share a transaction, its passwords."""

import gc
import re
import string
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codeactions.migrate.script.kind import controls_transaction, outside_transaction
from codeactions.migrate.script.secrets import masked
from codeactions.migrate.script.split import heading, is_blank, pieces

# One piece each, though there is a `;` in them that is not the last character.
WHOLE = {
    "string": "SELECT 'a;b';",
    "doubled quote": "SELECT 'it''s; here', ';';",
    "backslash is no escape": r"SELECT '\', ';';",
    "escaped string": r"SELECT E'\';', e'\\', ';';",
    "escaped string in parentheses": r"SELECT f(E'\')'), ';';",
    "escaped string, doubled quote": r"SELECT E'a''\';';",
    "escaped string that goes on in the next line": "SELECT E'a' -- ;'\n  'b\\';c';",
    "bit, hex, national and Unicode strings": "SELECT B'1;', X'f;', N'n;', U&'\\0061;';",
    "Unicode name": 'SELECT 1 AS U&"a;b";',
    "quoted name": 'SELECT 1 AS "a;""b;";',
    "name before a string": r"SELECT date'2020-01-01', ';', type'\', ';';",
    "line comment": "SELECT 1 -- a; 'b\n;",
    "line comment after an operator": "SELECT 1 +-- a; 'b\n2;",
    "line comment to the carriage return": "SELECT 1 -- a;\r;",
    "block comment": "SELECT 1 /* a; 'b */;",
    "block comment after an operator": "SELECT 1 +/* a; */ 2;",
    "comments in a comment": "SELECT 1 /* a; /* b; */ c; /* d; /**/ */ **/;",
    "comment that only seems to end": "SELECT 1 /*/ ; */;",
    "comment of stars": "SELECT 1 /*** ; ***/;",
    "dollar quote": "DO $$ BEGIN a; END $$;",
    "tagged dollar quote": "DO $a$ $$ ; $b$ ; $A$ ; $a$;",
    "non-ASCII tag": "SELECT $é$ ; $é$;",
    "dollar quote with a quote in it": "SELECT $$'$$, ';';",
    "dollar quote at once after another": "SELECT $$a$$||$b$;$b$;",
    "rule": "CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM a; DELETE FROM b);",
    "parentheses in parentheses": "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT f(1, ')'); SELECT (2));",
    "body": "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;",
    "body of a procedure": "create or replace procedure p() begin\natomic delete from a; delete from b; end;",
    "body behind comments": "/* a /* b */ */ CREATE -- c\n FUNCTION f() BEGIN /* ; */ ATOMIC SELECT 1; END;",
    "body with CASE": "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE a WHEN 1 THEN 2 END; SELECT 3; END;",
    "body with CASE in parentheses": "CREATE FUNCTION f() BEGIN ATOMIC SELECT (CASE WHEN a THEN 1 END); SELECT 3; END;",
    "words in parentheses": "CREATE FUNCTION f() BEGIN ATOMIC SELECT (-end); SELECT 3; END;",
    "body in a body": "CREATE FUNCTION f() BEGIN ATOMIC BEGIN ATOMIC SELECT 1; END; SELECT 2; END;",
    "end as a name": 'CREATE FUNCTION f() BEGIN ATOMIC SELECT t.end AS end, 1 AS "end"; SELECT 2; END;',
    "case and end within names": "CREATE FUNCTION f() BEGIN ATOMIC SELECT caseé, end$, _end, suspend; SELECT 2; END;",
}
# Cut at every bar; there is nothing that could hide a `;`.
CUT = {
    "plain": "SELECT 1;| SELECT 2;",
    "blanks and comments stay before": "SELECT 1;|\n-- two\nSELECT 2;|\n\n",
    "rest": "SELECT 1;|SELECT 2",
    "nothing between": ";|;| ;",
    "parameter": "SELECT $1;| SELECT $2;",
    "parameters next to each other": "SELECT $1$2;|SELECT $1$;|",
    "dollars in names": "SELECT a$b$c;| SELECT é$$;| SELECT _$a$;|",
    "no tag": "SELECT $1a$;|SELECT $ $;|SELECT $-$;|",
    "string ends": r"SELECT '\';| SELECT 'a''b';| SELECT '';|",
    "escaped string ends": r"SELECT E'\\';| SELECT e'''';|",
    "string that goes on has no escapes": "SELECT 'a'\n'b\\';|SELECT 1;|",
    "the next string is another one": "SELECT E'a' 'b\\';|SELECT 1;|",
    "comment end without a begin": "SELECT 1 */ 2;| /* */ SELECT 3;|",
    "minus and slash": "SELECT 1 - -2 / 3;|SELECT 4;|",
    "closed too often": "SELECT 1);| SELECT (2);|",
    "transaction": "BEGIN;| SELECT 1;| END;|",
    "BEGIN ATOMIC elsewhere": "CREATE TABLE t BEGIN ATOMIC a;| END;|",
    "quoted function": 'CREATE FUNCTION begin() RETURNS int RETURN 1;| CREATE FUNCTION "begin atomic"() RETURN 1;|',
    "function without a body": "CREATE FUNCTION f() RETURNS int RETURN CASE WHEN a THEN 1 END;| SELECT 1;|",
    "CASE without END": "SELECT CASE;| SELECT 1;|",
    "function in a string": "CREATE FUNCTION f() AS 'BEGIN ATOMIC';| SELECT 1;|",
    "after a body": "CREATE FUNCTION f() BEGIN ATOMIC END;| BEGIN ATOMIC;| SELECT 1;|",
}
OPEN = ["'", "E'", '"', "$$", "$a$", "/*", "/* /* */", "(", "((a)", "CREATE FUNCTION f() BEGIN ATOMIC", r"E'\'", "e'\\"]
# Enough to make strings, comments, dollar quotes, bodies and ends of them meet by chance.
FRAGMENTS = [
    *("'", "''", '"', "$$", "$a$", "$1", "a", "e'", "\\", "/*", "*/", "--", "\n", "(", ")", ";", " ", "é", "\0"),
    *("create ", "function ", "begin atomic ", "case ", "end ", "commit", "vacuum", "password ", "=", "://", ":", "@"),
]
SOUP = st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join)
ANYTHING = st.one_of(st.binary(), SOUP.map(str.encode))
# Behind an open quote it cannot be told what is a password.
NO_QUOTES = dict.fromkeys(map(ord, "'\"$"))
PLAIN = st.text("abAB01 \t\r\n;_,.=<>*+", max_size=60).map(str.encode)


def naive(text: bytes) -> list[bytes]:
    """The cut of golang-migrate's multi-statement mode."""
    return [piece for piece in re.split(rb"(?<=;)", text) if piece]


@pytest.mark.parametrize("text", WHOLE.values(), ids=WHOLE.keys())
def test_what_belongs_together_stays_together(text: str) -> None:
    assert text.count(";") > 1
    assert pieces(text.encode()) == [text.encode()]
    # Nothing is left open behind it.
    assert pieces(f"{text} SELECT 'x';\n".encode()) == [text.encode(), b" SELECT 'x';", b"\n"]


@pytest.mark.parametrize("text", CUT.values(), ids=CUT.keys())
def test_every_statement_is_a_piece(text: str) -> None:
    assert pieces(text.replace("|", "").encode()) == [part.encode() for part in text.split("|") if part]


@pytest.mark.parametrize("opening", OPEN)
def test_an_open_end_keeps_the_rest_in_one_piece(opening: str) -> None:
    rest = f" {opening} a; b; c".encode()
    assert pieces(b"SELECT 1;" + rest) == [b"SELECT 1;", rest]


def test_bytes_that_are_not_text_are_cut_as_well() -> None:
    assert pieces(b"SELECT \xff;\xc3;\x00\x80';\xfe'; $\xff$;$\xff$;") == [
        b"SELECT \xff;",
        b"\xc3;",
        b"\x00\x80';\xfe';",
        b" $\xff$;$\xff$;",
    ]
    assert pieces(b"") == []


@given(ANYTHING)
@example(b"E'")
@example(b"E'\\")
def test_joined_again_the_pieces_are_the_file(text: bytes) -> None:
    found = pieces(text)
    assert b"".join(found) == text
    assert all(found)
    assert all(piece.endswith(b";") for piece in found[:-1])
    # It is a coarser cut than that of the Go tool, at places where that one cuts too.
    assert len(found) <= len(naive(text))


@given(PLAIN)
def test_plain_files_are_cut_as_golang_migrate_does(text: bytes) -> None:
    assert pieces(text) == naive(text)


@given(SOUP, st.sampled_from([("'", "'"), ('"', '"'), ("$$", "$$"), ("$x$", "$x$"), ("--", "\n"), ("/*", "*/")]))
def test_nothing_inside_quotes_or_comments_counts(inside: str, quotes: tuple[str, str]) -> None:
    begin, end = quotes
    inside = inside.replace(end[0], "").replace("/", "")
    quoted = f"SELECT 1 {begin}{inside}; {end}"
    assert pieces(f"{quoted};SELECT 2;".encode()) == [f"{quoted};".encode(), b"SELECT 2;"]


def takes_linear_time(work: Callable[[str], object], unit: str) -> bool:
    """Whether twenty times as much text takes nowhere near four hundred times as long."""

    def seconds(size: int) -> float:
        text = (unit * size)[:size]
        gc.collect()  # not in between
        begin = time.process_time()
        work(text)
        return time.process_time() - begin

    seconds(10_000)
    return seconds(200_000) < 100 * max(seconds(10_000), 0.001)


# What could make a scanner go over the same text again and again.
@pytest.mark.parametrize(
    "unit",
    [
        *("$ ", "$a$ ", "$a", "$1$", "/*", "/**/", "*/", "'", '"', "e'", "e'\\'", "e''\n", "e''--\n", "--\n", ";"),
        *("(", "()", "('", "(a", "begin /*", "begin -- ", "begin\n", "create function begin atomic ", "case ", "é"),
    ],
)
def test_cutting_takes_linear_time(unit: str) -> None:
    assert takes_linear_time(lambda text: pieces(text.encode()), unit)


@pytest.mark.parametrize(
    "unit",
    [
        *("password ", "password '", "password ''a", "password $a$ ", "password e'", "password = ", "password='\n'"),
        *("a=b ", "a='b ", "a = ", "'a=", "x://a:", "x://a:b@", "?password", "a", " ", "a=*", "*a=\\ ", "password=*"),
        *('a="', "a=''", "a=$", "a=$a", 'a=b"', "a=b''", "a=b$", "a=b,", "a=\\'", "a='\\'", "password$$", "'a='"),
    ],
)
def test_masking_takes_linear_time(unit: str) -> None:
    assert takes_linear_time(lambda text: masked("password " + text), unit)


@pytest.mark.parametrize(
    ("piece", "blank"),
    [
        ("", True),
        (" \t\n\v\f\r", True),
        # Unicode's, as Go sees them.
        ("\u0085\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000", True),
        (";", False),
        ("-- comment", False),
        ("\u200b", False),
        ("\ufeff", False),
        ("\x1c", False),
        ("\0", False),
    ],
)
def test_only_what_go_takes_for_blank_is_blank(piece: str, blank: bool) -> None:
    assert is_blank(piece.encode()) is blank
    assert is_blank(f" {piece} ".encode()) is blank
    assert not is_blank(f"{piece}a".encode())


def test_half_a_blank_is_not_blank() -> None:
    assert not is_blank(b" \xe2\x80")
    assert not is_blank(b"\x80")


def test_a_heading_is_words_without_comments_and_texts() -> None:
    text = b"/* a /* b */ */ create--c\n index\tIF \"x;\"\"y\"('a''b', E'\\'', $t$ $$ $t$ ,'off', \"off\", a$1, 12);"
    assert heading(text, 99) == "CREATE INDEX IF \"\" ( '' , '' , '' , OFF , \"\" , A$1 , 12 ) ;"
    assert heading(text, 2) == "CREATE INDEX"
    assert heading(b" -- nothing", 5) == ""


# What it is called, and ways to write it. The integration test tries on a server what is tried there.
CONTROLLING = {
    "BEGIN": ["BEGIN", "begin;", "/* a */ Begin isolation level serializable"],
    "START TRANSACTION": ["START TRANSACTION", "start/**/transaction read only"],
    "COMMIT": ["COMMIT", "commit work", "COMMIT AND CHAIN"],
    "END": ["END", "end transaction;"],
    "ROLLBACK": ["ROLLBACK", "rollback work", "ROLLBACK TRANSACTION AND NO CHAIN"],
    "ABORT": ["ABORT", "abort work"],
    "PREPARE TRANSACTION": ["PREPARE TRANSACTION 'a'", "prepare transaction $$a$$"],
}
REFUSED = {
    "COMMIT PREPARED": ["COMMIT PREPARED 'a'"],
    "ROLLBACK PREPARED": ["rollback prepared 'a'"],
    "CREATE INDEX CONCURRENTLY": [
        "CREATE INDEX CONCURRENTLY ON a (b)",
        "create unique index/**/concurrently if not exists a on b (c)",
    ],
    "DROP INDEX CONCURRENTLY": ["DROP INDEX CONCURRENTLY a", "drop index concurrently if exists a, b"],
    "REINDEX CONCURRENTLY": [
        "REINDEX TABLE CONCURRENTLY a",
        "reindex (verbose) index concurrently a.b",
        "REINDEX (CONCURRENTLY) TABLE a",
        "REINDEX (VERBOSE, CONCURRENTLY true) TABLE a",
        "REINDEX (concurrently 'on', verbose off) TABLE a",
        "REINDEX (VERBOSE)INDEX CONCURRENTLY a",
    ],
    "REINDEX DATABASE": ["REINDEX DATABASE a", "REINDEX (VERBOSE) DATABASE a"],
    "REINDEX SCHEMA": ["REINDEX SCHEMA a"],
    "REINDEX SYSTEM": ["REINDEX SYSTEM a"],
    "VACUUM": ["VACUUM", "vacuum (full, analyze) a", "VACUUM VERBOSE a"],
    "CLUSTER without a table": ["CLUSTER", "cluster;", "CLUSTER VERBOSE;", "CLUSTER (VERBOSE)"],
    "CREATE DATABASE": ["CREATE DATABASE a"],
    "DROP DATABASE": ["DROP DATABASE IF EXISTS a"],
    "ALTER DATABASE SET TABLESPACE": [
        "ALTER DATABASE a SET TABLESPACE b",
        'alter database "a" tablespace b',
        "ALTER DATABASE tablespace WITH TABLESPACE b",
    ],
    "CREATE TABLESPACE": ["CREATE TABLESPACE a LOCATION '/a'"],
    "DROP TABLESPACE": ["DROP TABLESPACE a"],
    "ALTER SYSTEM": ["ALTER SYSTEM SET work_mem = '4MB'", "alter system reset all"],
    "DISCARD ALL": ["DISCARD ALL", "discard all;"],
    "ALTER TABLE DETACH PARTITION CONCURRENTLY": [
        "ALTER TABLE a DETACH PARTITION b CONCURRENTLY",
        'alter table if exists only s."a b" detach partition s.b concurrently;',
    ],
    "CREATE SUBSCRIPTION": [
        "CREATE SUBSCRIPTION a CONNECTION 'connect = false' PUBLICATION b",
        "CREATE SUBSCRIPTION a CONNECTION '' PUBLICATION b WITH (create_slot, copy_data = false)",
        "CREATE SUBSCRIPTION a CONNECTION '' PUBLICATION b WITH (create_slot = true);",
    ],
    "ALTER SUBSCRIPTION REFRESH": ["ALTER SUBSCRIPTION a REFRESH PUBLICATION"],
    "ALTER SUBSCRIPTION PUBLICATION": [
        "ALTER SUBSCRIPTION a SET PUBLICATION b",
        "ALTER SUBSCRIPTION a ADD PUBLICATION b WITH (copy_data = false)",
        'ALTER SUBSCRIPTION "a" DROP PUBLICATION b WITH (refresh = on)',
    ],
}
INSIDE = [
    "",
    "-- COMMIT;",
    "/* ; VACUUM; */",
    "SELECT ';VACUUM;'",
    "DO $$ BEGIN COMMIT; END $$",
    "CALL p()",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END",
    "SAVEPOINT a",
    "RELEASE a",
    "ROLLBACK TO a",
    "ROLLBACK TO SAVEPOINT a",
    "ROLLBACK WORK TO a",
    "rollback transaction to savepoint a",
    "PREPARE transaction AS SELECT 1",
    "PREPARE a AS SELECT 'x'",
    "CREATE INDEX a ON b (c)",
    "CREATE INDEX b ON concurrently_made (a)",
    'CREATE INDEX "concurrently" ON a (b)',
    "DROP INDEX a",
    "REINDEX TABLE a",
    "REINDEX TABLE a.concurrently",
    "REINDEX (CONCURRENTLY false) TABLE a",
    "REINDEX (verbose, concurrently 'off') TABLE a",
    "REINDEX (CONCURRENTLY 0) INDEX a",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY a",
    "ANALYZE",
    "CLUSTER a",
    "CLUSTER a USING b",
    "CLUSTER (VERBOSE) a",
    "ALTER DATABASE a SET work_mem = '4MB'",
    "ALTER DATABASE a OWNER TO tablespace",
    "ALTER DATABASE tablespace RENAME TO a",
    "ALTER TABLESPACE a OWNER TO b",
    "DISCARD PLANS",
    "ALTER TABLE a DETACH PARTITION b",
    "ALTER TABLE a DETACH PARTITION b FINALIZE",
    "ALTER TABLE a DETACH PARTITION s.concurrently",
    "CREATE SUBSCRIPTION a CONNECTION '' PUBLICATION b WITH (connect = false)",
    "CREATE SUBSCRIPTION a CONNECTION '' PUBLICATION b WITH (slot_name = x, create_slot = 'off')",
    "DROP SUBSCRIPTION a",
    "ALTER SUBSCRIPTION a SET (slot_name = NONE)",
    "ALTER SUBSCRIPTION a SET PUBLICATION b WITH (refresh = false)",
    "ALTER TYPE a ADD VALUE 'b'",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "CREATE TABLE \"end\" (vacuum int, cluster int, start int, database text)",
    "INSERT INTO a VALUES ('x', 'BEGIN')",
    "DROP INDEX concurrently$made",
    "REINDEX systems",
    "beginning",
    "commit_all",
    "commité",
]  # fmt: skip


def forms(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Pairs of a name and one way to write it."""
    return [(name, text) for name, texts in table.items() for text in texts]


@pytest.mark.parametrize(("name", "text"), forms(CONTROLLING) + forms(REFUSED))
def test_a_statement_that_needs_to_be_alone_is_named(name: str, text: str) -> None:
    assert outside_transaction(text.encode()) == name
    assert outside_transaction(f"SELECT ';';\n-- here\n{text.lower()}; VACUUM; COMMIT".encode()) == name
    assert controls_transaction(text.encode()) is (name in CONTROLLING)


@pytest.mark.parametrize("text", INSIDE)
def test_other_statements_can_share_a_transaction(text: str) -> None:
    assert outside_transaction(text.encode()) is None
    assert outside_transaction(f"SELECT 1; /* COMMIT */ {text}; SELECT 2".encode()) is None
    assert controls_transaction(text.encode()) is False


def test_the_first_such_statement_of_the_file_is_named() -> None:
    assert outside_transaction(b"SELECT 1; VACUUM; COMMIT") == "VACUUM"
    assert outside_transaction(b"COMMIT; VACUUM") == "COMMIT"
    assert controls_transaction(b"VACUUM; SELECT 1; COMMIT") is True


@given(ANYTHING)
def test_no_text_is_too_strange(text: bytes) -> None:
    assert outside_transaction(text + b"\n") in {None, *CONTROLLING, *REFUSED}
    assert controls_transaction(text) in (True, False)
    shown = text.decode(errors="replace").translate(NO_QUOTES)
    assert masked(f"{shown} password = 'secret'").endswith(" password = ***")


MASKED = [
    ("ALTER ROLE bob PASSWORD 'x y' LOGIN;", "ALTER ROLE bob PASSWORD *** LOGIN;"),
    ("create user u encrypted password\n'x';", "create user u encrypted password\n***;"),
    ("ALTER ROLE u PASSWORD 'it''s' LOGIN 'a'", "ALTER ROLE u PASSWORD *** LOGIN 'a'"),
    (r"ALTER ROLE u PASSWORD E'a\'b''c\\' LOGIN 'a'", "ALTER ROLE u PASSWORD *** LOGIN 'a'"),
    (r"ALTER ROLE u PASSWORD U&'\0061' LOGIN", "ALTER ROLE u PASSWORD *** LOGIN"),
    ("ALTER ROLE u PASSWORD'x'", "ALTER ROLE u PASSWORD***"),
    ("ALTER ROLE u PASSWORD $$a'b$c$$ LOGIN", "ALTER ROLE u PASSWORD *** LOGIN"),
    ("ALTER ROLE u PASSWORD $é1$a$$b$é1$ LOGIN", "ALTER ROLE u PASSWORD *** LOGIN"),
    ("ALTER ROLE u PASSWORD 'a'\n  'b' LOGIN", "ALTER ROLE u PASSWORD *** LOGIN"),
    ("EXECUTE 'ALTER ROLE u PASSWORD ''a b'' LOGIN';", "EXECUTE 'ALTER ROLE u PASSWORD *** LOGIN';"),
    ("EXECUTE 'EXECUTE ''... PASSWORD ''''a''''''';", "EXECUTE 'EXECUTE ''... PASSWORD ***''';"),
    ("DO $$ BEGIN ALTER ROLE u PASSWORD 'a'; END $$", "DO $$ BEGIN ALTER ROLE u PASSWORD ***; END $$"),
    ("can't run: ALTER ROLE u PASSWORD 'a'; 'b'", "can't run: ALTER ROLE u PASSWORD ***; 'b'"),
    ("OPTIONS (user 'u', password 'x')", "OPTIONS (user 'u', password ***)"),
    ("f(password => 'x', a => 'y')", "f(password => ***, a => 'y')"),
    ("f(new_password:='x', a := 'y')", "f(new_password:=***, a := 'y')"),
    ("WHERE password = 'x' AND a = 'y'", "WHERE password = *** AND a = 'y'"),
    ("UPDATE u SET \"password\"='x', a='y'", "UPDATE u SET \"password\"=***, a='y'"),
    ("ALTER ROLE u PASSWORD 'not closed; SELECT 1", "ALTER ROLE u PASSWORD ***"),
    ("ALTER ROLE u PASSWORD $a$not closed; $$", "ALTER ROLE u PASSWORD ***"),
    ("CONNECTION 'host=h password=x dbname=d' P", "CONNECTION 'host=h password=*** dbname=d' P"),
    ("CONNECTION 'host=h password=x' P", "CONNECTION 'host=h password=***' P"),
    ("CONNECTION 'password=x' P", "CONNECTION 'password=***' P"),
    ("CONNECTION 'host=h password=it''s user=u'", "CONNECTION 'host=h password=*** user=u'"),
    ("CONNECTION 'host=h password=''a b'' user=u'", "CONNECTION 'host=h password=*** user=u'"),
    ("CONNECTION 'host=''a b'' password=x'", "CONNECTION 'host=''a b'' password=***'"),
    ("SET c = 'host=h password=x'", "SET c = 'host=h password=***'"),
    ("f(a=>$$password=x$$, b)", "f(a=>$$password=***$$, b)"),
    ("CONNECTION $$host=h password=a$b$$ P", "CONNECTION $$host=h password=***$$ P"),
    ("f($$host=h password = a\\ b user=u$$)", "f($$host=h password = *** user=u$$)"),
    ("'SELECT f(''host=h sslpassword=x'')'", "'SELECT f(''host=h sslpassword=***'')'"),
    ("no server at \"host=h password=x\"", "no server at \"host=h password=***\""),
    ("host=h password='a b' user=u", "host=h password=*** user=u"),
    ("postgres://u:x@h:5432/d", "postgres://u:***@h:5432/d"),
    ("see 'redis://:x%20y@h', http://h", "see 'redis://:***@h', http://h"),
    ("pgx5://u:x@y@h/d?a=b@c", "pgx5://u:***@h/d?a=b@c"),
    ("postgres://u:x/y@h", "postgres://u:***@h"),
    ("postgres://a:b@c postgres://d:e@f", "postgres://a:***@c postgres://d:***@f"),
    ("postgresql://h/d?sslpassword=x&a=b", "postgresql://h/d?sslpassword=***&a=b"),
    ("postgresql://h/d?user=u&password=x&a=b", "postgresql://h/d?user=u&password=***&a=b"),
]  # fmt: skip
UNMASKED = [
    "ALTER ROLE u PASSWORD NULL",
    "CREATE TABLE t (password text NOT NULL DEFAULT 'x', password_hash text)",
    "INSERT INTO t VALUES ('password', 'x', 'the password', 'y')",
    "COMMENT ON COLUMN u.password IS 'a hash'",
    "RAISE NOTICE 'wrong password '; SELECT 'x'",
    "UPDATE u SET a = b, password = c, d = e WHERE password = f",
    "UPDATE u SET password=crypt('x', 'y'), a=b",
    "SELECT 1 FROM u WHERE password = $1 AND a = $2",
    "AS $$ SELECT password $$ LANGUAGE sql; SELECT $$ x $$",
    "AS $$ SELECT password $$; SELECT $$ x $$",
    "'host=' || h || ' password=' || p || ' user=u'",
    "passwords = 'x'",
    "http://localhost:8080/a?b=c@d",
    "postgres://u@h/d",
    "https://h/a:b@c",
    "'://a:b@c'",
    "SELECT 'password'AS a, 'x'",
    "a://b, c:d@e",
]


@pytest.mark.parametrize(("text", "shown"), MASKED)
def test_passwords_are_not_shown(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked(shown) == shown
    assert masked(f"é\r\n\t{text}") == f"é\r\n\t{shown}"


@pytest.mark.parametrize("text", UNMASKED)
def test_all_else_is_shown_as_it_is(text: str) -> None:
    assert masked(text) == text


@given(st.text().filter(lambda text: "password" not in text.lower() and "://" not in text))
def test_a_text_without_passwords_does_not_change(text: str) -> None:
    assert masked(text) == text


PRINTABLE = st.text(string.ascii_letters + string.digits + string.punctuation, min_size=1)
# What needs no quotes in a connection string or an address. E alone before a quote would begin a string.
EASY = st.text(string.ascii_letters + string.digits + "!%^*()-+.,;~é", min_size=2).filter(lambda word: word[-1] != ",")


@given(PRINTABLE)
@example("'")
@example(";;")
@example("'' LOGIN")
def test_any_password_in_quotes_is_hidden(password: str) -> None:
    quoted = password.replace("'", "''")
    escaped = password.replace("\\", "\\\\").replace("'", "\\'")
    for literal in (f"'{quoted}'", f"E'{escaped}'", f"U&'{quoted}'", f"$_a${password}$_a$"):
        if "$_a" in password:
            continue
        assert masked(f"ALTER ROLE u PASSWORD {literal};") == "ALTER ROLE u PASSWORD ***;"
        assert masked(f"f(password => {literal}, 'x')") == "f(password => ***, 'x')"


@given(EASY)
def test_any_password_of_a_connection_is_hidden(password: str) -> None:
    assert masked(f"'host=h password={password} user=u'") == "'host=h password=*** user=u'"
    assert masked(f"f('user=u password={password}', 'x')") == "f('user=u password=***', 'x')"
    assert masked(f"postgres://u:{password}@h/d?a=b") == "postgres://u:***@h/d?a=b"
