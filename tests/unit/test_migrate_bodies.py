"""Reading the code in DO statements and procedures: whether it commits, and what it calls."""

import pytest
from hypothesis import given
from unit.soup import ANYTHING

from codeactions.migrate.statements.bodies import Body, body_of_do, called_by, calls, ends_transactions
from codeactions.migrate.statements.names import Name


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("DO $$ a $$", ("plpgsql", " a ")),
        ("do /* x */ $x$ $$ $x$ language PLPGSQL;", ("plpgsql", " $$ ")),
        ("DO LANGUAGE 'plpython3u' 'a''b';", ("plpython3u", "a'b")),
        ("DO LANGUAGE \"PL\" E'a\\nb\\'c\\\\'", ("PL", "a\nb'c\\")),
        ("DO 'a'\n  'b'", ("plpgsql", "ab")),
        ("DO", None),
        ("DOING $$ a $$", None),
        ("SELECT $$ a $$", None),
        ("", None),
    ],
)
def test_the_body_of_a_do_statement(text: str, body: tuple[str, str] | None) -> None:
    assert body_of_do(text.encode()) == body


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CALL p()", Name(None, "p")),
        ('call S . "P""q" (1, \'a\')', Name("s", 'P"q')),
        ("CALL d.s.p();", Name("s", "p")),
        (f"CALL {'x' * 70}()", Name(None, "x" * 63)),
        ("CALL 'p'()", None),
        ("CALL", None),
        ("CALLING p()", None),
    ],
)
def test_the_name_in_a_call(text: str, name: Name | None) -> None:
    assert called_by(text.encode()) == name


@pytest.mark.parametrize(
    "source",
    [
        "BEGIN COMMIT; END",
        "begin rollback; end",
        "<<a>> BEGIN <<b>> LOOP COMMIT AND CHAIN; END LOOP; END",
        "BEGIN IF a THEN COMMIT ; ELSE x(); END IF; END",
        "BEGIN x('it''s'); /* a */ ROLLBACK AND NO CHAIN; END",
        "BEGIN EXCEPTION WHEN others THEN ROLLBACK; END",
        "DECLARE a int; BEGIN -- x\n COMMIT;\nEND",
    ],
)
def test_code_that_ends_transactions(source: str) -> None:
    assert ends_transactions(Body("plpgsql", source))


@pytest.mark.parametrize(
    "source",
    [
        "BEGIN END",
        "BEGIN -- COMMIT;\nEND",
        "BEGIN /* ; /* */ COMMIT; */ END",
        "BEGIN x := '; COMMIT;'; y := E'\\'; COMMIT;'; z := $q$ ; COMMIT; $q$; END",
        "BEGIN CREATE TEMP TABLE a () ON COMMIT DROP; END",
        "DECLARE commit int; BEGIN commit := 1; x(commit); PERFORM commit; END",
        'BEGIN "COMMIT"; x."commit"; END',
        "BEGIN EXECUTE 'COMMIT'; END",
    ],
)
def test_code_that_only_has_the_word(source: str) -> None:
    assert not ends_transactions(Body("plpgsql", source))


@pytest.mark.parametrize(
    ("language", "source", "ends"),
    [
        ("plpython3u", "plpy.execute('x')\nplpy.commit()", True),
        ("plpython3u", "# plpy.commit()\nx = 'commit' + \"rollback()\" + '''\ncommit()'''", False),
        ("plperl", "spi_exec_query('x'); spi_rollback();", True),
        ("pltcl", "spi_exec x\ncommit", True),
        ("plv8", "plv8.execute('COMMIT'); plv8.commit();", True),
        ("plv8", "const committed = plv8.execute('COMMIT')", False),
    ],
)
def test_other_languages_have_functions_for_it(language: str, source: str, ends: bool) -> None:
    assert ends_transactions(Body(language, source)) is ends


def test_what_code_calls() -> None:
    source = "BEGIN CALL a(); IF x THEN CALL s.\"B\"(call); END IF; x := 'CALL c()'; EXECUTE 'CALL d()'; END"
    assert calls(Body("plpgsql", source)) == [Name(None, "a"), Name("s", "B")]
    # There, what is called runs in a transaction that it cannot end.
    assert calls(Body("plpython3u", "plpy.execute('CALL a()')")) == []


@given(ANYTHING)
def test_no_text_is_too_strange(text: bytes) -> None:
    for statement in (text, b"DO " + text, b"CALL " + text):
        body = body_of_do(statement)
        called_by(statement)
        for language in ("plpgsql", "other"):
            code = Body(language, body.source if body else text.decode(errors="replace"))
            assert ends_transactions(code) in (True, False)
            calls(code)
