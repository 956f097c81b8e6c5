"""What `codeactions.migrate.statements` says of SQL, held against what a real server does with it."""

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from codeactions.migrate.statements.kind import may_end_transaction, outside_transaction
from codeactions.migrate.statements.split import is_blank, pieces

# Each statement has a `;` where it does not end it, and leaves something that can be looked at afterwards.
SCRIPT = r"""
-- a comment; with 'half a string
/* a comment; /* in; it */ "another; */
CREATE TABLE notes (id int, "a;""b" text DEFAULT 'x;''y');
CREATE TABLE log (note text);
INSERT INTO notes VALUES (1, E'a\';b'), (2, '\'), (3, $$;'$$), (4, $é_1$;$$;$é$$é_1$), (5, U&'\003B;'), (6, 'B;')
    ON CONFLICT DO NOTHING -- ;
;
INSERT INTO notes VALUES (6, N';'), (7, E'a' -- ;
    'b\';'), (8, 'a' /* ; */ || ';');
CREATE FUNCTION quoted() RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
    -- it's here;
    EXECUTE $$ INSERT INTO log VALUES ('quoted;') $$;
    RETURN 'quoted';
END;
$body$;
CREATE OR REPLACE FUNCTION atomic(a int) RETURNS text LANGUAGE sql
BEGIN /* ; */ ATOMIC
    INSERT INTO log SELECT CASE a WHEN 1 THEN CASE WHEN true THEN 'one;' END ELSE 'other' END;
    SELECT x.end AS end FROM (SELECT CASE WHEN a = 1 THEN 'yes' END AS "end") AS x;
END;
CREATE PROCEDURE clear() BEGIN ATOMIC DELETE FROM log; DELETE FROM notes WHERE id > $1$2; END;
CREATE PROCEDURE clear() BEGIN ATOMIC DELETE FROM log; DELETE FROM notes WHERE id > 5; END;
CREATE FUNCTION begin() RETURNS int RETURN CASE WHEN true THEN 1 END;
CREATE RULE noted AS ON UPDATE TO notes DO ALSO (INSERT INTO log VALUES ('a;)'); INSERT INTO log VALUES ('b'));
DO $$ BEGIN UPDATE notes SET id = id; PERFORM quoted(); PERFORM atomic(1); END $$;
CREATE TABLE a$b$ (c$ int);
PREPARE "p;" (int, int) AS SELECT $1+$2;
SELECT 'last', 1 -1, 2 / 1"""


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """As the migrate command has one: each statement on its own, none prepared by the driver."""
    with psycopg.connect(database_url, autocommit=True, prepare_threshold=None) as opened:
        yield opened


def test_each_piece_is_one_statement(connection: psycopg.Connection[Any]) -> None:
    broken = b"$1$2"
    sent = 0
    for piece in pieces(SCRIPT.encode()):
        assert not is_blank(piece)
        if broken in piece:
            # The server and the cut agree on where it ends: just this one statement is refused.
            with pytest.raises(psycopg.Error):
                connection.execute(piece)
            continue
        cursor = connection.execute(piece)
        assert cursor.nextset() is None, piece
        sent += 1
    # By the line they begin with: counted by hand, not by the code under test.
    assert sent == sum(
        line.startswith(("CREATE", "INSERT", "DO", "PREPARE", "SELECT")) and "$1$2" not in line
        for line in SCRIPT.splitlines()
    )
    rows = connection.execute("TABLE notes ORDER BY id, 2").fetchall()
    assert rows[:5] == [(1, "a';b"), (2, "\\"), (3, ";'"), (4, ";$$;$é$"), (5, ";;")]
    notes = connection.execute("SELECT note FROM log ORDER BY 1").fetchall()
    assert notes == [("a;)",), ("b",), ("one;",), ("quoted;",)]
    assert connection.execute('SELECT atomic(1), "begin"()').fetchone() == ("yes", 1)
    connection.execute("CALL clear()")
    assert connection.execute("SELECT max(id) FROM notes").fetchone() == (5,)


@pytest.mark.parametrize("opening", ["'", "E'a\\'", '"', "$$", "$a$ $$", "/* /* */", "("])
def test_the_server_too_sees_no_end_in_the_rest(connection: psycopg.Connection[Any], opening: str) -> None:
    whole, rest = pieces(f"CREATE TABLE made (); SELECT {opening}; CREATE TABLE not_made ();".encode())
    connection.execute(whole)
    with pytest.raises(psycopg.errors.SyntaxError):
        connection.execute(rest)
    assert connection.execute("SELECT to_regclass('made') IS NULL, to_regclass('not_made') IS NULL").fetchone() == (
        False,
        True,
    )


# All of these are refused before the server looks at what they name.
REFUSED = [
    "COMMIT PREPARED 'none'",
    "ROLLBACK PREPARED 'none'",
    "CREATE INDEX CONCURRENTLY none ON things (id)",
    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS things_pkey ON things (id)",
    "DROP INDEX CONCURRENTLY IF EXISTS none",
    "REINDEX TABLE CONCURRENTLY things",
    "REINDEX (VERBOSE) INDEX CONCURRENTLY things_pkey",
    "REINDEX (CONCURRENTLY) TABLE things",
    "REINDEX (VERBOSE, CONCURRENTLY 'on') TABLE things",
    "REINDEX SCHEMA public",
    "REINDEX (VERBOSE) DATABASE none",
    "REINDEX SYSTEM none",
    "VACUUM",
    "VACUUM (ANALYZE) things",
    "CLUSTER",
    "CLUSTER VERBOSE",
    "CLUSTER (VERBOSE)",
    "CREATE DATABASE none",
    "DROP DATABASE IF EXISTS none",
    "ALTER DATABASE none SET TABLESPACE pg_default",
    "ALTER DATABASE none WITH TABLESPACE pg_default",
    "ALTER DATABASE none TABLESPACE pg_default",
    "CREATE TABLESPACE none LOCATION '/none'",
    "DROP TABLESPACE IF EXISTS none",
    "ALTER SYSTEM SET work_mem = '4MB'",
    "ALTER SYSTEM RESET work_mem",
    "DISCARD ALL",
    "ALTER TABLE parts DETACH PARTITION part CONCURRENTLY",
    "ALTER TABLE IF EXISTS ONLY public.parts DETACH PARTITION public.part CONCURRENTLY",
    "CREATE SUBSCRIPTION none CONNECTION 'connect = false' PUBLICATION none",
    "CREATE SUBSCRIPTION none CONNECTION '' PUBLICATION none WITH (create_slot, copy_data = false)",
    "ALTER SUBSCRIPTION sub REFRESH PUBLICATION",
    "ALTER SUBSCRIPTION sub SET PUBLICATION other",
    "ALTER SUBSCRIPTION sub ADD PUBLICATION other WITH (copy_data = false)",
    "ALTER SUBSCRIPTION sub DROP PUBLICATION pub WITH (refresh = on)",
]
ENDING = ["COMMIT", "COMMIT WORK", "END", "ROLLBACK", "ROLLBACK TRANSACTION", "ABORT", "PREPARE TRANSACTION 'none'"]
ALLOWED = [
    "DO $$ BEGIN PERFORM 'COMMIT; VACUUM'; END $$",
    "CREATE INDEX again ON things (id)",
    "DROP INDEX again",
    "REINDEX TABLE things",
    "REINDEX (VERBOSE, CONCURRENTLY false) TABLE things",
    "REINDEX (CONCURRENTLY 'off') INDEX things_pkey",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY view",
    "ANALYZE things",
    "CLUSTER things USING things_pkey",
    "CLUSTER things",
    "CLUSTER (VERBOSE) things",
    "DISCARD PLANS",
    "DISCARD TEMP",
    "DISCARD SEQUENCES",
    "SAVEPOINT a",
    "ROLLBACK TO a",
    "ROLLBACK WORK TO SAVEPOINT a",
    "RELEASE a",
    "PREPARE transaction AS SELECT 1",
    "ALTER TABLE parts DETACH PARTITION part",
    "ALTER TYPE mood ADD VALUE 'new'",
    "CREATE SUBSCRIPTION other CONNECTION '' PUBLICATION none WITH (connect = false, slot_name = NONE)",
    "ALTER SUBSCRIPTION sub SET PUBLICATION other WITH (refresh = false)",
    "ALTER SUBSCRIPTION other SET (slot_name = NONE)",
    "DROP SUBSCRIPTION other",
    "DROP SUBSCRIPTION IF EXISTS none",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END",
]


@pytest.fixture
def furnished(connection: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """With what the statements above name. The subscription has no connection that anything could come by."""
    connection.execute(b"""
        CREATE TABLE things (id int PRIMARY KEY);
        CREATE MATERIALIZED VIEW view AS SELECT id FROM things;
        CREATE UNIQUE INDEX ON view (id);
        CREATE TABLE parts (id int) PARTITION BY LIST (id);
        CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);
        CREATE TYPE mood AS ENUM ('old');
        CREATE SUBSCRIPTION sub CONNECTION '' PUBLICATION pub, more WITH (connect = false, slot_name = none_such);
    """)
    yield connection
    connection.rollback()
    # A database with a subscription cannot be dropped.
    connection.execute("ALTER SUBSCRIPTION sub DISABLE")
    connection.execute("ALTER SUBSCRIPTION sub SET (slot_name = NONE)")
    connection.execute("DROP SUBSCRIPTION sub")


@pytest.mark.parametrize("statement", REFUSED)
def test_what_is_named_is_refused_in_a_transaction(furnished: psycopg.Connection[Any], statement: str) -> None:
    assert outside_transaction(statement.encode()) is not None
    furnished.execute("BEGIN")
    # Else the server asks for that first. No worker starts before the commit that never comes.
    furnished.execute("ALTER SUBSCRIPTION sub ENABLE")
    with pytest.raises(psycopg.errors.ActiveSqlTransaction):
        furnished.execute(statement.encode())
    furnished.execute("ROLLBACK")


@pytest.mark.parametrize("statement", ENDING)
def test_what_controls_the_transaction_ends_it(connection: psycopg.Connection[Any], statement: str) -> None:
    assert outside_transaction(statement.encode()) is not None
    assert may_end_transaction(statement.encode())
    connection.execute("BEGIN")
    # Prepared transactions are switched off unless configured; the attempt ends this one all the same.
    with contextlib.suppress(psycopg.errors.ObjectNotInPrerequisiteState):
        connection.execute(statement.encode())
    assert connection.info.transaction_status == TransactionStatus.IDLE


def test_all_else_runs_in_one_transaction(furnished: psycopg.Connection[Any]) -> None:
    file = ";\n".join(ALLOWED).encode()
    assert outside_transaction(file) is None
    furnished.execute("BEGIN")
    furnished.execute(file)
    assert furnished.info.transaction_status == TransactionStatus.INTRANS
    furnished.execute("ROLLBACK")
    assert furnished.execute("SELECT to_regclass('part') IS NOT NULL").fetchone() == (True,)


@pytest.mark.parametrize("statement", ["DO $$ BEGIN COMMIT; END $$", "CALL committing()"])
def test_a_commit_out_of_sight_is_left_to_the_server(connection: psycopg.Connection[Any], statement: str) -> None:
    connection.execute("CREATE PROCEDURE committing() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'")
    assert outside_transaction(statement.encode()) is None
    connection.execute("BEGIN")
    # 2D000, not the 25001 of all the others.
    with pytest.raises(psycopg.errors.InvalidTransactionTermination):
        connection.execute(statement.encode())
    connection.execute("ROLLBACK")
    connection.execute(statement.encode())
    assert connection.info.transaction_status == TransactionStatus.IDLE
