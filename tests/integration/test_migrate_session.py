"""The session is restored after each file: `up` in one run and file by file come to the same."""

import pytest
from migrations import PAUSE, Migrate

DEFINED = "CREATE TABLE IF NOT EXISTS found (s text);"
BY_FUNCTION = "CREATE FUNCTION sets() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {} END $$; SELECT sets();"
ADVISORY = "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())"
# What a file leaves behind, and an expression that shows it to the next file.
LEFT = [
    ("SET statement_timeout = '50ms';", "current_setting('statement_timeout')"),
    ("SET lock_timeout = '1ms'; SET idle_in_transaction_session_timeout = '1h';", "current_setting('lock_timeout')"),
    ("SET search_path = pg_catalog;", "current_setting('search_path')"),
    ("SELECT set_config('search_path', '', false);", "current_setting('search_path')"),
    (BY_FUNCTION.format("SET work_mem = '1MB';"), "current_setting('work_mem')"),
    (BY_FUNCTION.format("PERFORM set_config('TimeZone', 'Asia/Tokyo', false);"), "current_setting('TimeZone')"),
    ("SET my.app = 'x';", "coalesce(current_setting('my.app', true), '')"),
    ("SET ROLE test_reader;", "current_user::text"),
    ("SET SESSION AUTHORIZATION test_reader;", "session_user::text"),
    ("SET SESSION AUTHORIZATION test_reader; SET ROLE NONE;", "current_user::text"),
    ("SET default_transaction_read_only = on;", "current_setting('transaction_read_only')"),
    ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;", "current_setting('transaction_read_only')"),
    (
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE;",
        "current_setting('transaction_isolation')",
    ),
    ("SET session_replication_role = replica;", "current_setting('session_replication_role')"),
    ("SET standard_conforming_strings = off;", "'\\\\'"),
    ("SET client_encoding = 'LATIN1';", "'ä'"),
    ("SET row_security = off; SET check_function_bodies = off;", "current_setting('check_function_bodies')"),
    ("SET application_name = 'mine';", "current_setting('application_name')"),
    ("CREATE TEMP TABLE t (i int);", "coalesce(to_regclass('pg_temp.t')::text, 'none')"),
    ("CREATE TEMP TABLE t (i int) ON COMMIT DELETE ROWS; SET temp_buffers = '1MB'; SELECT * FROM t;",
     "coalesce(to_regclass('pg_temp.t')::text, 'none')"),
    ("PREPARE p AS SELECT 1;", "(SELECT count(*) FROM pg_prepared_statements)::text"),
    ("DECLARE c CURSOR WITH HOLD FOR SELECT 1;", "(SELECT count(*) FROM pg_cursors)::text"),
    ("LISTEN news;", "(SELECT count(*) FROM pg_listening_channels())::text"),
    ("SELECT pg_advisory_lock(5), pg_advisory_lock(5), pg_advisory_lock_shared(5);", f"{ADVISORY}::text"),
    ("SELECT pg_advisory_lock(-1), pg_advisory_lock(-7, 2147483647);", f"{ADVISORY}::text"),
    ("SELECT pg_advisory_lock_shared(-9), pg_advisory_lock_shared(-1, 0);", f"{ADVISORY}::text"),
    ("SELECT pg_advisory_xact_lock(6), pg_advisory_lock(6);", f"{ADVISORY}::text"),
    ("SELECT pg_advisory_unlock_all();", f"{ADVISORY}::text"),
    ("CREATE SEQUENCE q; SELECT nextval('q');", "(SELECT count(*) FROM pg_sequences WHERE last_value > 1)::text"),
]  # fmt: skip
# Each by itself, in a transaction of the file's own, without any.
WAYS = ["{}", "BEGIN; {} COMMIT;", "{} COMMIT; SELECT 1;"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("left", "shown"), LEFT)
def test_the_next_file_finds_a_fresh_session(migrate: Migrate, left: str, shown: str, way: str) -> None:
    if "work_mem" in left or "TimeZone" in left:
        way = way.replace("COMMIT; SELECT 1;", "COMMIT; SELECT sets();")
    migrate.query("CREATE ROLE test_reader")
    text = f"INSERT INTO public.found VALUES ({shown});"
    files = {"_1": DEFINED, "_2": way.format(left), "_3": text}
    migrate.write(**files)
    assert migrate("up") == (0, "1/u step (T)\n2/u step (T)\n3/u step (T)\n", "")
    together = migrate.query("SELECT s FROM found")
    assert migrate.history("version, done") == [(1, True), (2, True), (3, True)]
    assert migrate.locks() == []
    migrate.query("DROP TABLE found, schema_migrations; DROP FUNCTION IF EXISTS sets(); DROP SEQUENCE IF EXISTS q")
    for number in range(1, 4):
        assert migrate("up", "1") == (0, f"{number}/u step (T)\n", "")
    assert migrate.query("SELECT s FROM found") == together


def test_a_slower_statement_after_a_file_with_a_time_out(migrate: Migrate) -> None:
    migrate.write(_1="SET statement_timeout = '50ms';", _2="SELECT pg_sleep(0.2);")
    assert migrate("up") == (0, "1/u step (T)\n2/u step (T)\n", "")


def test_what_the_url_sets_stays(migrate: Migrate) -> None:
    migrate.query("CREATE SCHEMA app; CREATE ROLE test_owner; GRANT ALL ON SCHEMA app TO test_owner")
    migrate.write(
        _1="SET search_path = public; SET work_mem = '1MB'; SET application_name = 'mine'; RESET ROLE;",
        _2="CREATE TABLE found AS SELECT current_setting('work_mem') AS memory, current_user::text AS role, "
        "current_setting('application_name') AS name;",
    )
    url = "search_path=app,public&work_mem=3MB&application_name=ours&role=test_owner"
    assert migrate("up", options=url).code == 0
    assert migrate.query("SELECT memory, role, name FROM app.found") == [("3MB", "test_owner", "ours")]
    assert migrate.query("SELECT version FROM app.schema_migrations") == [(2,)]


@pytest.mark.parametrize(
    "text",
    [
        "SET ROLE test_reader;",
        "SET LOCAL ROLE test_reader;",
        "SET SESSION AUTHORIZATION test_reader;",
        "SET search_path = '';",
        "SET search_path = evil, pg_catalog;",
        "SET default_transaction_read_only = on;",
        "SET lock_timeout = 1;",
        "SET LOCAL lock_timeout = 1;",
        "SET transaction_timeout = '1min';",
        "SET client_encoding = 'LATIN1';",
        "SET row_security = off;",
        "SET session_replication_role = replica;",
        "SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601';",
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_the_version_is_written_whatever_a_file_sets(migrate: Migrate, text: str, way: str) -> None:
    migrate.query("CREATE ROLE test_reader; CREATE SCHEMA evil")
    migrate.query(
        "CREATE FUNCTION evil.wrong(timestamptz, interval) RETURNS timestamptz LANGUAGE sql RETURN NULL::timestamptz; "
        "CREATE OPERATOR evil.- (LEFTARG = timestamptz, RIGHTARG = interval, FUNCTION = evil.wrong)"
    )
    migrate.write(_1=way.format(text))
    (migrate.directory / "2_größe.up.sql").write_text(way.format(text))
    assert migrate("up") == (0, "1/u step (T)\n2/u größe (T)\n", "")
    assert migrate.rows() == [(2, False)]
    assert migrate.history("version, title, begun_at IS NOT NULL") == [(1, "step", True), (2, "größe", True)]


def test_what_is_deferred_runs_with_what_the_file_set(migrate: Migrate) -> None:
    migrate.write(
        _1="""CREATE TABLE found (s text);
        CREATE TABLE a (i int);
        CREATE FUNCTION notes() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO public.found VALUES (current_setting('my.app')); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER t AFTER INSERT ON a DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION notes();""",
        _2="SET my.app = 'x'; INSERT INTO a VALUES (1);",
    )
    assert migrate("up").code == 0
    assert migrate.query("SELECT s FROM found") == [("x",)]


def test_our_own_lock_is_held_all_the_time(migrate: Migrate) -> None:
    held = """INSERT INTO found SELECT objid::text FROM pg_locks
        WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND mode = 'ExclusiveLock';"""
    migrate.write(
        _1=DEFINED + held,
        _2=f"SELECT pg_advisory_lock({migrate.lock_number()}), pg_advisory_lock_shared({migrate.lock_number()});",
        _3=held,
        _4="SELECT pg_advisory_unlock_all();",
        _5=held,
        _6="DISCARD ALL;",
        _7=held,
    )
    assert migrate("up").code == 0
    assert migrate.query("SELECT s FROM found") == [(str(migrate.lock_number()),)] * 4
    assert migrate.locks() == []


def test_with_a_lock_in_a_table_too(migrate: Migrate) -> None:
    migrate.write(_1="SELECT pg_advisory_lock(5); SET ROLE test_reader;", _2="SELECT 2;")
    migrate.query("CREATE ROLE test_reader")
    assert migrate("up", options="x-lock-strategy=table", scheme="pgx").code == 0
    assert migrate.query("SELECT * FROM schema_lock") == []


def test_the_server_restores_it_too(migrate: Migrate) -> None:
    migrate.write(_1="SET statement_timeout = '50ms'; SET search_path = '';", _2="CREATE TABLE a (i int); COMMIT;")
    assert migrate.upgrade() == 2
    assert migrate.rows() == [(2, False)]


def test_a_lock_that_another_migration_gets_meanwhile_is_told(migrate: Migrate) -> None:
    migrate.write(_1="SELECT pg_advisory_unlock_all(); " + PAUSE, _2="SELECT 2;")
    with migrate.paused(lambda: migrate("up")) as (result, _), migrate.locked():
        migrate.query("SELECT pg_advisory_unlock_all()")  # the gate
        ran = result.result(60)
    assert ran.code == 0
    assert ran.err.startswith(
        "1/u step (T)\n2/u step (T)\nwarning: the lock was not held to the end: a file gave it back"
    )
