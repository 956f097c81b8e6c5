"""The pieces of a migration's text, one for each statement."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from unit.soup import ANYTHING, SOUP

from codeactions.migrate.statements.split import pieces

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


# A text of this size takes less than a second; with a step back at each character it would take many minutes.
LARGE = 400_000


# What could make a scanner go over the same text again and again.
@pytest.mark.parametrize(
    "unit",
    [
        *("$ ", "$a$ ", "$a", "$1$", "/*", "/**/", "*/", "'", '"', "e'", "e'\\'", "e''\n", "e''--\n", "--\n", ";"),
        *("(", "()", "('", "(a", "begin /*", "begin -- ", "begin\n", "create function begin atomic ", "case ", "é"),
    ],
)
@pytest.mark.timeout(60)
def test_a_large_text_is_cut(unit: str) -> None:
    text = (unit * LARGE)[:LARGE].encode()
    assert b"".join(pieces(text)) == text
