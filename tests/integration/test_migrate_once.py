"""Files that must run outside a transaction are recognised before they are tried: no file runs twice."""

import pytest
from migrations import Migrate

# The sequence shows how often an INSERT was tried: its numbers are not given back.
TABLE = "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY, n int)"
LOOP = "BEGIN FOR i IN 1..3 LOOP INSERT INTO t (n) VALUES (i); COMMIT; END LOOP; END"
DOUBLED = LOOP.replace("COMMIT", "RAISE NOTICE ''COMMIT;''; COMMIT")
PROCEDURE = f"CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$ {LOOP} $$;"

COMMITTING = [
    f"do $$ {LOOP} $$;",
    f"-- first\nDO $x$ {LOOP} $x$ LANGUAGE plpgsql;;\n-- last",
    f"DO LANGUAGE plpgsql $$ {LOOP} $$",
    f"DO LANGUAGE 'plpgsql' $$ {LOOP} $$;",
    f'DO LANGUAGE "plpgsql" $$ {LOOP} $$;',
    f"DO '{LOOP}';",
    f"DO '{DOUBLED}';",
    "DO E'BEGIN\\nFOR i IN 1..3 LOOP\\tINSERT INTO t (n) VALUES (i);\\ncommit; END LOOP; END';",
    f"DO $$ {LOOP.replace('COMMIT', '/* now */ COMMIT /* ! */')} $$;",
    f"DO $$ {LOOP.replace('COMMIT', 'COMMIT AND CHAIN')} $$;",
    f"DO $$ <<a>> {LOOP.replace('COMMIT;', 'IF i > 0 THEN COMMIT; ELSE ROLLBACK; END IF;')} $$;",
    "DO $$ BEGIN INSERT INTO t (n) VALUES (1), (2), (3); COMMIT; INSERT INTO t (n) VALUES (4); ROLLBACK; END $$;",
    "CALL fill();",
    "call public.fill()",
    'CALL "fill" /* it */ ();',
    "CALL outer_one();",
    "DO $$ BEGIN CALL fill(); END $$;",
    "CALL app.hidden(1);",
]
SETUP = f"""{TABLE}; {PROCEDURE}
CREATE SCHEMA app;
CREATE PROCEDURE middle() LANGUAGE plpgsql AS 'BEGIN IF true THEN CALL public.fill(); END IF; END';
CREATE PROCEDURE outer_one() LANGUAGE plpgsql AS 'BEGIN CALL middle(); CALL outer_one(1); END';
CREATE PROCEDURE outer_one(i int) LANGUAGE plpgsql AS 'BEGIN IF false THEN CALL outer_one(); END IF; END';
CREATE PROCEDURE app.hidden(i int) LANGUAGE plpgsql AS $$ {LOOP} $$;
CREATE PROCEDURE app.quiet() LANGUAGE plpgsql AS $$ BEGIN -- COMMIT;
    INSERT INTO t (n) VALUES (length('x; COMMIT;')); END $$;
CREATE PROCEDURE app.fill() LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.t (n) VALUES (1); END';
CREATE PROCEDURE plain() LANGUAGE sql AS $$ INSERT INTO t (n) VALUES (1); INSERT INTO t (n) VALUES (2) $$;
"""


@pytest.fixture
def furnished(migrate: Migrate) -> Migrate:
    """With version 1 applied, which made a table and procedures."""
    migrate.write(_1=SETUP)
    assert migrate("up").code == 0
    return migrate


@pytest.mark.parametrize("text", COMMITTING)
@pytest.mark.parametrize("options", ["", "x-multi-statement=true"])
def test_code_that_commits_runs_once_without_a_transaction(furnished: Migrate, text: str, options: str) -> None:
    furnished.write(_2=text)
    assert furnished("up", "-dry-run", options=options).out.startswith("2/u step (outside of a transaction: ")
    assert furnished("up", options=options) == (0, "2/u step (T)\n", "")
    assert [row[0] for row in furnished.query("SELECT id FROM t ORDER BY id")] == [1, 2, 3]
    assert furnished.rows() == [(2, False)]
    assert furnished.history("version, done") == [(1, True), (2, True)]


@pytest.mark.parametrize(
    "text",
    [
        "DO $$ BEGIN -- COMMIT;\n INSERT INTO t (n) VALUES (1); END $$;",
        "DO $$ BEGIN /* ; COMMIT; */ INSERT INTO t (n) VALUES (length('; COMMIT;')); END $$;",
        "DO $$ BEGIN CREATE TEMP TABLE x (i int) ON COMMIT DROP; INSERT INTO t (n) VALUES (1); END $$;",
        "DO $$ DECLARE a int; commit int; BEGIN commit := 1; INSERT INTO t (n) VALUES (commit); END $$;",
        "DO $$ BEGIN PERFORM $q$ ; COMMIT; $q$; INSERT INTO t (n) VALUES (1); END $$ -- COMMIT",
        "DO ' BEGIN INSERT INTO t (n) VALUES (1); END ' /* COMMIT; */;",
        "CALL app.quiet();",
        "CALL app.fill();",
        "CALL plain();",
        "SELECT 'COMMIT; CALL fill();'; INSERT INTO t (n) VALUES (1);",
    ],
)
def test_a_word_that_is_no_commit_changes_nothing(furnished: Migrate, text: str) -> None:
    furnished.write(_2=text)
    assert furnished("up", "-dry-run").out == "2/u step (in one transaction)\n"
    assert furnished("up") == (0, "2/u step (T)\n", "")
    assert furnished.rows() == [(2, False)]


@pytest.mark.parametrize(
    "text",
    [
        # PostgreSQL refuses the COMMIT there, with or without a transaction around it.
        "INSERT INTO t (n) VALUES (0); CALL fill();",
        "CREATE PROCEDURE other() LANGUAGE plpgsql AS 'BEGIN INSERT INTO t (n) VALUES (1); COMMIT; END'; CALL other();",
        f"DO $$ {LOOP} $$; SELECT 1;",
    ],
)
def test_among_others_it_fails_once_and_keeps_nothing(furnished: Migrate, text: str) -> None:
    furnished.write(_2=text)
    ran = furnished("up")
    assert ran.code == 1
    assert "invalid transaction termination" in ran.err
    assert "Nothing of it was kept, the database is at version 1 and clean" in ran.err
    assert "put this one in a file of its own, or add x-multi-statement=true" in ran.err
    assert furnished.rows() == [(1, False)]
    furnished.query("INSERT INTO t (n) VALUES (9)")
    assert furnished.query("SELECT id FROM t") == [(3 if "VALUES (0)" in text else 2,)]
    # The advice is good.
    assert furnished("up", options="x-multi-statement=true").code == 0


@pytest.mark.parametrize(
    ("statement", "inserted"),
    [
        ("EXECUTE 'COMMIT';", 1),
        ("EXECUTE 'VACUUM t';", 1),
        ("EXECUTE 'CALL fill()';", 2),
        ("RAISE 'no' USING ERRCODE = '25001';", 1),
        ("RAISE 'no' USING ERRCODE = '2D000';", 1),
    ],
)
@pytest.mark.parametrize("text", ["DO $$ BODY $$;", "SELECT failing();", "CREATE TABLE x AS SELECT failing();"])
def test_code_that_fails_is_not_tried_again(furnished: Migrate, text: str, statement: str, inserted: int) -> None:
    body = f"BEGIN INSERT INTO t (n) VALUES (1); {statement} END"
    furnished.query(f"CREATE FUNCTION failing() RETURNS int LANGUAGE plpgsql AS $$ {body} $$")
    furnished.write(_2=text.replace("BODY", body))
    assert furnished("up").code == 1
    assert furnished.rows() == [(1, False)]
    furnished.query("INSERT INTO t (n) VALUES (9)")
    assert furnished.query("SELECT id FROM t") == [(inserted + 1,)]


def test_a_procedure_that_the_server_does_not_let_commit_keeps_its_transaction(furnished: Migrate) -> None:
    furnished.query(f"CREATE PROCEDURE bound() LANGUAGE plpgsql SET work_mem = '1MB' AS $$ {LOOP} $$")
    furnished.query(f"CREATE PROCEDURE definer() LANGUAGE plpgsql SECURITY DEFINER AS $$ {LOOP} $$")
    for name in ("bound", "definer"):
        furnished.write(_2=f"CALL {name}();")
        assert "invalid transaction termination" in furnished("up").err
        assert furnished.rows() == [(1, False)]


def test_every_procedure_of_the_name_counts(furnished: Migrate) -> None:
    furnished.write(_2="CALL outer_one(1);")
    assert furnished("up", "-dry-run").out == (
        "2/u step (outside of a transaction: CALL of outer_one, which commits)\n"
    )


def test_code_that_fails_halfway_leaves_the_dirty_version(furnished: Migrate) -> None:
    furnished.write(
        _2=f"DO $$ {LOOP.replace('COMMIT;', 'COMMIT; IF i = 2 THEN RAISE EXCEPTION $q$no$q$; END IF;')} $$;"
    )
    ran = furnished("up")
    assert ran.code == 1
    assert "2/u step began (DO with a COMMIT, so no single transaction holds it together)" in ran.err
    assert "kept" not in ran.err  # it is not known
    assert furnished.rows() == [(2, True)]
    assert furnished.query("SELECT id FROM t ORDER BY id") == [(1,), (2,)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("REINDEX TABLE parts;", "REINDEX of a partitioned table"),
        ("REINDEX (VERBOSE) INDEX public.parts_pkey;", "REINDEX of a partitioned table"),
        ("DROP SUBSCRIPTION IF EXISTS sub;", "DROP SUBSCRIPTION with a slot"),
        ("CLUSTER (VERBOSE) public.parts USING parts_pkey;", "CLUSTER of a partitioned table"),
        ("CLUSTER parts_pkey ON parts;", "CLUSTER of a partitioned table"),
        ("REINDEX TABLE part;", None),
        ('CLUSTER "part" USING part_pkey;', None),
        ("DROP SUBSCRIPTION none;", None),
    ],
)
def test_what_depends_on_the_object_is_looked_up(migrate: Migrate, text: str, why: str | None) -> None:
    migrate.query("CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY LIST (id)")
    migrate.query("CREATE TABLE part PARTITION OF parts FOR VALUES IN (1)")
    migrate.query("CREATE SUBSCRIPTION sub CONNECTION '' PUBLICATION p WITH (connect = false, slot_name = some)")
    migrate.query(
        "CREATE SUBSCRIPTION none CONNECTION '' PUBLICATION p WITH (connect = false, slot_name = NONE, enabled = false)"
    )
    try:
        migrate.write(_1=text)
        how = f"outside of a transaction: {why}" if why else "in one transaction"
        assert migrate("up", "-dry-run").out == f"1/u step ({how})\n"
        if "sub;" not in text:  # its slot is nowhere
            assert migrate("up").code == 0
    finally:
        for name in ("sub", "none"):
            if migrate.query("SELECT 1 FROM pg_subscription WHERE subname = %s", name):
                migrate.query(f"ALTER SUBSCRIPTION {name} DISABLE")
                migrate.query(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)")
                migrate.query(f"DROP SUBSCRIPTION {name}")


def test_a_refusal_that_cannot_be_foreseen_comes_before_anything_is_done(migrate: Migrate) -> None:
    """The server refuses this one at once when it stands in a transaction, so it may be run again without."""
    migrate.query("CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY LIST (id)")
    migrate.query("CREATE TABLE part PARTITION OF parts FOR VALUES IN (1)")
    # The name is not found beforehand.
    migrate.write(_1='REINDEX TABLE U&"p\\0061rts";')
    assert migrate("up", "-dry-run").out == "1/u step (in one transaction)\n"
    assert migrate("up") == (0, "1/u step (T)\n", "")
    assert migrate.history("version, done") == [(1, True)]


def test_a_level_that_comes_too_late_fails_as_it_does_alone(migrate: Migrate) -> None:
    migrate.write(_1="CREATE TABLE a (i int); SELECT 1; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;")
    ran = migrate("up")
    assert ran.code == 1
    assert "SET TRANSACTION ISOLATION LEVEL must be called before any query" in ran.err
    assert migrate.rows() == []


@pytest.mark.parametrize(
    "text",
    [
        "SET transaction_isolation = 'serializable'; CREATE TABLE a (s text);"
        "INSERT INTO a VALUES (current_setting('transaction_isolation'));",
        "BEGIN; SET LOCAL transaction_isolation TO serializable; CREATE TABLE a (s text);"
        "INSERT INTO a VALUES (current_setting('transaction_isolation')); COMMIT;",
    ],
)
def test_a_level_as_a_setting_runs_without_our_transaction(migrate: Migrate, text: str) -> None:
    migrate.write(_1=text)
    assert migrate("up").code == 0
    assert migrate.query("SELECT s FROM a") == [("serializable",)]


def test_a_function_that_forbids_to_write_is_an_error_and_no_second_run(furnished: Migrate) -> None:
    furnished.query(
        "CREATE FUNCTION forbid() RETURNS text LANGUAGE sql AS 'SELECT set_config($$transaction_$$ || "
        "$$read_only$$, $$on$$, true)'"
    )
    furnished.write(_2="SELECT nextval('t_id_seq'); SELECT forbid();")
    ran = furnished("up")
    assert ran.code == 1
    assert "in a read-only transaction in line 0: TRUNCATE" in ran.err
    assert "Nothing of it was kept, the database is at version 1 and clean" in ran.err
    assert furnished.rows() == [(1, False)]
    assert furnished.query("SELECT last_value FROM t_id_seq") == [(1,)]


def test_a_file_that_forbids_to_write_behind_its_work(furnished: Migrate) -> None:
    furnished.write(_2="INSERT INTO t (n) VALUES (1); SET TRANSACTION READ ONLY; SELECT 1;")
    assert furnished("up") == (0, "2/u step (T)\n", "")
    assert furnished.query("SELECT id FROM t") == [(1,)]
    assert furnished.history("version, done") == [(1, True), (2, True)]
