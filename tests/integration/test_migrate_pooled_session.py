"""What `migrate` restores after a file, through a real PgBouncer: its own settings, and nothing of other clients'."""

import psycopg
import pytest
from migrations import Migrate, wait_for
from pgbouncer import pooled

from codeactions.migrate.database import pooled_lock

MODES = ["session", "transaction"]
BY_ROW = "&x-lock-strategy=table"
OWN_LOCKS = "locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"


def by_row(pool: str) -> str:
    """The same URL with a row as the lock, so that one connection to the server is enough, and known to be the one."""
    return pool.replace("postgres://", "pgx4://") + BY_ROW


@pytest.mark.parametrize("mode", MODES)
def test_what_the_pooler_set_at_the_start_is_there_for_each_file(
    migrate: Migrate, url: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RESET returns to what the pooler's connection began with, which is the database's default."""
    # As where all is in another encoding: the default of a database without a pooler is not asked for.
    of_role = "ALTER ROLE postgres IN DATABASE shared {} client_encoding"
    migrate.query(of_role.format("SET") + " = 'LATIN1'")
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    monkeypatch.setenv("PGAPPNAME", "deploy")
    shown = "current_setting('TimeZone'), current_setting('application_name'), 'größe'"
    migrate.write(
        _1="CREATE TABLE found (zone text, name text, word text); SET TimeZone = 'UTC'; SET client_encoding = LATIN1;",
        _2=f"INSERT INTO found VALUES ({shown});",
        _3=f"BEGIN; INSERT INTO found VALUES ({shown}); COMMIT;",
        _4=f"INSERT INTO found VALUES ({shown}); COMMIT; SELECT 1;",
        _5=f"INSERT INTO found VALUES ({shown});",
    )
    try:
        with pooled(url, mode) as pool:
            assert migrate("up", url=pool).code == 0
    finally:
        migrate.query(of_role.format("RESET"))
    assert set(migrate.query("SELECT * FROM found")) == {("Asia/Tokyo", "deploy", "größe")}


@pytest.mark.parametrize("mode", MODES)
def test_what_the_url_sets_counts_for_our_own_statements_too(migrate: Migrate, url: str, mode: str) -> None:
    """The owner of all tables is the role of the URL, as without a pooler."""
    migrate.query(
        "CREATE ROLE test_owner; CREATE SCHEMA app AUTHORIZATION test_owner; CREATE PROCEDURE app.commits() "
        "LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$; GRANT ALL ON PROCEDURE app.commits TO test_owner"
    )
    migrate.write(_1="CREATE TABLE a (i int);", _2="CALL commits();", _3="RESET ROLE; SELECT 3;")
    with pooled(url, mode) as pool:
        found = pool + "&search_path=app&role=test_owner"
        preview = migrate("up", "-dry-run", url=found).out
        assert "2/u step (outside of a transaction: CALL of commits, which commits)" in preview
        assert migrate("up", url=found).code == 0
    owners = "SELECT DISTINCT tableowner, count(*) FROM pg_tables WHERE schemaname = 'app' GROUP BY 1"
    assert migrate.query(owners) == [("test_owner", 3)]
    assert migrate.query("SELECT version, dirty FROM app.schema_migrations") == [(3, False)]
    assert migrate.query("SELECT count(*) FROM app.schema_migrations_history") == [(3,)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", ["{}", "BEGIN; {} COMMIT;"])
def test_the_next_file_finds_a_fresh_session(migrate: Migrate, url: str, mode: str, way: str) -> None:
    migrate.query("CREATE ROLE test_reader")
    left = (
        "CREATE TABLE found (s text); CREATE TEMP TABLE t (i int); PREPARE p AS SELECT 1; LISTEN news; "
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1; SET statement_timeout = '50ms'; SET search_path = ''; "
        "SET default_transaction_read_only = on; SET session_replication_role = replica; SET ROLE test_reader;"
    )
    shown = (
        "SELECT concat_ws(' ', current_user, current_setting('search_path'), current_setting('statement_timeout'), "
        "current_setting('session_replication_role'), to_regclass('pg_temp.t'), "
        "(SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors), "
        "(SELECT count(*) FROM pg_listening_channels()));"
    )
    migrate.write(_1=way.format(left), _2="INSERT INTO found " + shown, _3="INSERT INTO found " + shown)
    with pooled(url, mode) as pool:
        assert migrate("up", "2", url=pool) == (0, "1/u step (T)\n2/u step (T)\n", "")
        assert migrate("up", url=pool) == (0, "3/u step (T)\n", "")
    assert migrate.query("SELECT s FROM found") == [('postgres "$user", public 0 origin 0 0 0',)] * 2


def test_what_other_clients_have_on_the_connection_stays(migrate: Migrate, url: str) -> None:
    migrate.write(_1="CREATE TABLE a (i int); PREPARE p AS SELECT 1;", _2="PREPARE p AS SELECT 2;", _3="VACUUM a")
    with pooled(url, "transaction", size=1) as pool, psycopg.connect(pool, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(5)", prepare=True)
        assert migrate("up", url=by_row(pool)) == (0, "1/u step (T)\n2/u step (T)\n3/u step (T)\n", "")
        # Refused if the statement is no longer there.
        other.execute("SELECT pg_advisory_lock(5)", prepare=True)
        assert migrate.query(f"SELECT objid FROM pg_locks WHERE {OWN_LOCKS}") == [(5,)]


@pytest.mark.parametrize("text", ["SELECT pg_advisory_unlock_all();", "DISCARD ALL;"])
def test_a_pool_of_one_gets_the_lock_back_that_a_file_gave_away(
    migrate: Migrate, url: str, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(pooled_lock, "_ROOM", 0.2)
    held = f"INSERT INTO found SELECT objid FROM pg_locks WHERE {OWN_LOCKS};"
    migrate.write(_1="CREATE TABLE found (key oid);" + held, _2=text, _3=held)
    with pooled(url, "session", size=1) as pool:
        assert migrate("up", url=pool) == (0, "1/u step (T)\n2/u step (T)\n3/u step (T)\n", "")
        wait_for(lambda: migrate.locks() == [])
    assert migrate.query("SELECT key::bigint FROM found") == [(migrate.lock_number(),)] * 2
