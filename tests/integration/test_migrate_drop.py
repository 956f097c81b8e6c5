"""`drop`: what goes and what stays, by default as with golang-migrate, and with -all."""

import io
import json

import psycopg
import pytest
from migrations import Migrate

QUESTION = "Are you sure you want to drop the entire database schema? [y/N]\n"
# One of each kind. The extension's members are types, functions and operators.
THINGS = """
CREATE EXTENSION vector;
CREATE TYPE mood AS ENUM ('good');
CREATE TYPE pair AS (one int, other mood);
CREATE DOMAIN word AS text;
CREATE TABLE plain (id serial PRIMARY KEY, place vector(3), how mood);
CREATE TABLE "odd ""na.me" (id bigint GENERATED ALWAYS AS IDENTITY);
CREATE TABLE parted (i int) PARTITION BY LIST (i);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE referring (i int REFERENCES plain);
CREATE VIEW of_plain AS SELECT * FROM plain;
CREATE VIEW of_nothing AS SELECT 1;
CREATE MATERIALIZED VIEW stored AS SELECT 1 AS i;
CREATE SEQUENCE counter;
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION f(text, VARIADIC mood[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION f(OUT a int, b mood) LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE "Do It"() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER watching BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION watch();
CREATE COLLATION bytes (PROVIDER = libc, LOCALE = 'C');
CREATE TEXT SEARCH CONFIGURATION searching (COPY = simple);
CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = simple);
CREATE OPERATOR #### (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
CREATE SCHEMA other;
CREATE TABLE other.kept (i int);
CREATE VIEW other.of_plain AS SELECT 1 FROM plain;
"""
TABLES = {"plain", 'odd "na.me', "parted", "parted_1", "referring", "schema_migrations", "schema_migrations_history"}
OTHERS = {"of_nothing", "stored", "counter", "pair"}
# Whatever is in the schema and belongs to no extension, and the lock table of another test's strategy.
LEFT = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND NOT EXISTS
    (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
UNION SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND NOT EXISTS
    (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
UNION SELECT oprname FROM pg_operator WHERE oprnamespace = 'public'::regnamespace AND NOT EXISTS
    (SELECT FROM pg_depend WHERE objid = pg_operator.oid AND deptype = 'e')
UNION SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typelem = 0 AND NOT EXISTS
    (SELECT FROM pg_depend WHERE objid = pg_type.oid AND deptype = 'e')
UNION SELECT collname FROM pg_collation WHERE collnamespace = 'public'::regnamespace
UNION SELECT cfgname FROM pg_ts_config WHERE cfgnamespace = 'public'::regnamespace
UNION SELECT dictname FROM pg_ts_dict WHERE dictnamespace = 'public'::regnamespace
"""
# By its line in the list: what is rare, and how it is made.
RARE = {
    "AGGREGATE every(*)": "AGGREGATE every(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0')",
    "OPERATOR -!(NONE, integer)": "OPERATOR -! (RIGHTARG = int, FUNCTION = int4um)",
    'OPERATOR FAMILY "A b" USING btree': 'OPERATOR FAMILY "A b" USING btree',
    "OPERATOR CLASS c USING hash\nOPERATOR FAMILY c USING hash": "OPERATOR CLASS c FOR TYPE int USING hash AS "
    "OPERATOR 1 = (int, int), FUNCTION 1 hashint4(int)",
    "CONVERSION c": "CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
    "STATISTICS s": "STATISTICS public.s ON a, b FROM other.t",
    "TEXT SEARCH TEMPLATE t": "TEXT SEARCH TEMPLATE t (LEXIZE = dsimple_lexize)",
    "TEXT SEARCH PARSER p": "TEXT SEARCH PARSER p (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, "
    "LEXTYPES = prsd_lextype)",
    "TYPE shell": "TYPE shell",
}
ROW_LOCK = {"scheme": "pgx4", "options": "x-lock-strategy=table"}


def left(migrate: Migrate) -> set[str]:
    return {name for (name,) in migrate.query(LEFT)}


@pytest.fixture
def full(migrate: Migrate) -> Migrate:
    """A schema with one of each kind of thing."""
    migrate.write(_1=THINGS)
    assert migrate("up").code == 0
    return migrate


class TestTables:
    def test_tables_go_and_all_else_stays(self, full: Migrate) -> None:
        assert left(full) >= TABLES | OTHERS
        assert full("drop", "-f") == (0, "", "")
        assert left(full) == OTHERS | {
            *("mood", "word"),
            *("f", "Do It", "total", "watch"),
            *("bytes", "searching", "words", "####"),
        }
        # What depends on a table goes with it, wherever it is; other schemas stay.
        assert full.query("SELECT relname FROM pg_class WHERE relnamespace = 'other'::regnamespace") == [("kept",)]

    def test_the_version_begins_anew(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int);")
        migrate("up")
        migrate("drop", "-f")
        # It is not made again by looking at it.
        assert migrate("version") == (1, "error: no migration\n", "")
        assert migrate.relations() == set()
        assert migrate("up") == (0, "1/u step (T)\n", "")
        assert migrate.history("id, version") == [(1, 1)]

    def test_a_version_table_in_another_schema_keeps_its_version(self, migrate: Migrate) -> None:
        migrate.query("CREATE SCHEMA ops")
        options = "x-migrations-table-quoted=1&x-migrations-table=%22ops%22.%22mig%22"
        migrate.write(_1="CREATE TABLE a (i int);")
        migrate("up", options=options)
        assert migrate("drop", "-f", options=options) == (0, "", "")
        assert migrate.relations() == set()
        assert migrate("up", options=options) == (0, "no change\n", "")

    @pytest.mark.parametrize("answer", ["", "\n", "yes\n", "n\n", "no y\n"])
    def test_it_asks(self, migrate: Migrate, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
        migrate("force", "1")
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert migrate("drop") == (1, QUESTION + "Aborted dropping the entire database schema\n", "")
        assert migrate.rows() == [(1, False)]

    @pytest.mark.parametrize("answer", ["y\n", " Y please\n"])
    def test_a_yes(self, migrate: Migrate, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
        migrate("force", "1")
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert migrate("drop") == (0, QUESTION + "Dropping the entire database schema\n", "")
        assert migrate.relations() == set()

    def test_dirty_does_not_matter(self, migrate: Migrate) -> None:
        migrate.write(_1="VACUUM nowhere;")
        migrate("up")
        assert migrate("drop", "-f").code == 0
        assert migrate.relations() == set()

    @pytest.mark.parametrize("kind", ["TABLE m (i int)", "TABLE m (i int) PARTITION BY LIST (i)"])
    def test_a_table_of_an_extension_is_left_and_named(self, migrate: Migrate, kind: str) -> None:
        migrate.query(f"CREATE EXTENSION vector; CREATE {kind}; ALTER EXTENSION vector ADD TABLE m")
        migrate.query("CREATE VIEW v AS SELECT 1 AS i; ALTER EXTENSION vector ADD VIEW v")
        migrate.query("CREATE TABLE a (i int); CREATE TABLE z (i int)")
        migrate("force", "3")
        left = "left: table m belongs to the extension vector\n"
        assert migrate("drop", "-f") == (0, left, "")
        assert migrate.relations() == {"m", "v"}
        migrate.query("CREATE TABLE a (i int); CREATE TYPE t AS ENUM ('a')")
        assert migrate("drop", "-f", "-all").err.endswith(f"TYPE t\n{left}")
        assert migrate.relations() == {"m", "v"}

    def test_a_table_of_an_extension_in_another_schema_is_nobodys_business(self, migrate: Migrate) -> None:
        migrate.query("CREATE SCHEMA other; CREATE EXTENSION vector; CREATE TABLE other.a (i int)")
        migrate.query("ALTER EXTENSION vector ADD TABLE other.a; CREATE TABLE a (i int)")
        assert migrate("drop", "-f") == (0, "", "")
        assert migrate.relations() == set()

    def test_a_table_that_cannot_be_dropped_stops_it(self, migrate: Migrate, url: str) -> None:
        migrate.query("CREATE TABLE a (i int); CREATE TABLE m (i int); CREATE TABLE z (i int)")
        migrate("force", "3")
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE m")
            ran = migrate("drop", "-f", options="lock_timeout=10")
        assert ran.code == 1
        # The statement is golang-migrate's, to the letter.
        statement = 'DROP TABLE IF EXISTS "m" CASCADE'
        assert ran.err == f"error: pq: canceling statement due to lock timeout in line 0: {statement}\n"
        # Those before it stay dropped, as there.
        assert "m" in migrate.relations()
        assert migrate.locks() == []

    def test_it_waits_for_the_lock(self, migrate: Migrate) -> None:
        migrate("force", "1")
        with migrate.locked():
            ran = migrate("-lock-timeout", "0", "drop", "-f")
        assert ran.code == 1
        assert ran.err.startswith("error: timeout: can't acquire database lock")
        assert migrate.rows() == [(1, False)]

    def test_the_table_of_the_lock_stays(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int);")
        migrate("up", **ROW_LOCK)
        assert migrate("drop", "-f", **ROW_LOCK).code == 0
        assert migrate.relations() == {"schema_lock", "schema_lock_pkey"}
        assert migrate.query("SELECT count(*) FROM schema_lock") == [(0,)]

    def test_one_with_an_odd_name_too(self, migrate: Migrate) -> None:
        odd = {"scheme": "pgx4", "options": "x-lock-strategy=table&x-lock-table=Odd%20lock"}
        migrate("force", "1", **odd)
        assert migrate("drop", "-f", **odd).code == 0
        assert migrate.relations() == {"Odd lock", "Odd lock_pkey"}
        assert migrate("force", "1", **odd).code == 0


class TestAll:
    def test_nothing_is_left_but_what_belongs_to_an_extension(self, full: Migrate) -> None:
        assert full("drop", "-f", "-all").code == 0
        assert left(full) == set()
        # The extension works as before.
        assert full.query("SELECT '[1,2]'::vector <-> '[1,2]'") == [(0.0,)]
        assert full.query("SELECT relname FROM pg_class WHERE relnamespace = 'other'::regnamespace") == [("kept",)]
        assert full("up", "-dry-run").code == 0

    def test_it_lists_them_before_it_asks(self, full: Migrate, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
        before = left(full)
        ran = full("drop", "-all")
        assert (ran.code, ran.out) == (1, "")
        listed, question = ran.err.split("Are you sure")
        assert "Aborted" in question
        assert 'TABLE "odd ""na.me"\n' in listed
        assert "FUNCTION f(text, VARIADIC mood[])\n" in listed
        assert 'PROCEDURE "Do It"()\n' in listed
        assert "AGGREGATE total(integer)\n" in listed
        assert "OPERATOR ####(integer, integer)\n" in listed
        assert "MATERIALIZED VIEW stored\n" in listed
        # Sequences of columns go with them, what is an extension's is not touched.
        assert "plain_id_seq" not in listed
        assert "vector" not in listed
        assert left(full) == before

    def test_in_json(self, migrate: Migrate) -> None:
        migrate.query('CREATE TABLE "A" (i int)')
        ran = migrate("-json", "drop", "-f", "-all")
        assert (ran.code, ran.err) == (0, "")
        assert [json.loads(line) for line in ran.out.splitlines()] == [
            {"event": "found", "kind": "TABLE", "name": '"A"'}
        ]

    def test_an_empty_schema(self, migrate: Migrate) -> None:
        assert migrate("drop", "-f", "-all") == (0, "", "")

    def test_a_renamed_table_and_the_sequence_of_its_column(self, migrate: Migrate) -> None:
        migrate.query("CREATE TABLE a (id bigint GENERATED ALWAYS AS IDENTITY); ALTER TABLE a RENAME TO z")
        assert migrate("drop", "-f", "-all") == (0, "TABLE z\n", "")
        assert migrate.relations() == set()

    def test_two_tables_that_refer_to_each_other(self, migrate: Migrate) -> None:
        migrate.query(
            "CREATE TABLE a (i int PRIMARY KEY, j int); CREATE TABLE b (i int PRIMARY KEY REFERENCES a);"
            "ALTER TABLE a ADD FOREIGN KEY (j) REFERENCES b"
        )
        assert migrate("drop", "-f", "-all").code == 0
        assert migrate.relations() == set()

    def test_a_range_type(self, migrate: Migrate) -> None:
        migrate.query("CREATE TYPE span AS RANGE (SUBTYPE = int4)")
        assert migrate("drop", "-f", "-all").err == "TYPE span\n"
        assert left(migrate) == set()

    def test_functions_and_types_that_are_called_as_postgresqls(self, migrate: Migrate) -> None:
        # As old schemas bring along what PostgreSQL has had since version 13.
        migrate.query("CREATE FUNCTION public.gen_random_uuid() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'")
        migrate.query("CREATE TYPE public.point AS ENUM ('a')")
        assert migrate("drop", "-f", "-all").code == 0
        assert left(migrate) == set()

    @pytest.mark.parametrize("line", RARE)
    def test_what_is_rare(self, migrate: Migrate, line: str) -> None:
        migrate.query(f"CREATE SCHEMA other; CREATE TABLE other.t (a int, b int); CREATE {RARE[line]}")
        assert migrate("drop", "-f", "-all") == (0, f"{line}\n", "")
        assert migrate("drop", "-f", "-all") == (0, "", "")

    def test_the_table_of_the_lock_is_not_listed(self, migrate: Migrate) -> None:
        migrate.query("CREATE COLLATION schema_lock (PROVIDER = libc, LOCALE = 'C')")
        migrate("up", **ROW_LOCK)
        ran = migrate("drop", "-f", "-all", **ROW_LOCK)
        assert ran == (0, "TABLE schema_migrations\nTABLE schema_migrations_history\nCOLLATION schema_lock\n", "")
        assert migrate.relations() == {"schema_lock", "schema_lock_pkey"}

    def test_an_operator_on_functions_of_postgresql(self, migrate: Migrate) -> None:
        migrate.query("CREATE OPERATOR public.#### (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)")
        migrate("drop", "-f", "-all")
        assert migrate.query("SELECT oprname FROM pg_operator WHERE oprnamespace = 'public'::regnamespace") == []


def test_a_schema_is_needed(migrate: Migrate) -> None:
    assert migrate("drop", "-f", options="search_path=nowhere") == (
        1,
        "error: failed to open database: no schema\n",
        "",
    )
