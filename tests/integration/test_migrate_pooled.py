"""`migrate` through a real PgBouncer, with session and with transaction pooling."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from gotool import GoTool
from migrations import PAUSE, Connection, Migrate, background, wait_for
from pgbouncer import pooled

from codeactions.migrate.database import pooled_lock

MODES = ["session", "transaction"]
FILES = {
    "_1": "CREATE TABLE a (i int, t text);\nCOPY a FROM stdin;\n1\tx\n\\.\n",
    "_2": "CREATE INDEX CONCURRENTLY a_i ON a (i);",
    "_2_down": "DROP INDEX a_i;",
    "_3": "CREATE TABLE b (i int);",
    "_3_down": "DROP TABLE b;",
}
WAITING = """SELECT 1 FROM pg_stat_activity
WHERE query LIKE 'SELECT pg_advisory_lock($1)%' AND wait_event_type = 'Lock'"""
DONE = (0, "1/u step (T)\n2/u step (T)\n3/u step (T)\n", "")


@pytest.fixture(params=MODES)
def pool(request: pytest.FixtureRequest, url: str) -> Iterator[str]:
    """The database through a pooler, in each mode."""
    with pooled(url, request.param) as found:
        yield found


@pytest.fixture
def sharing(url: str) -> Iterator[str]:
    """The database through a pooler with transaction pooling."""
    with pooled(url, "transaction") as found:
        yield found


@contextmanager
def busy(url: str, count: int) -> Iterator[list[Connection]]:
    """Hold connections of the pooler's for a block, each by a client of its own."""
    clients = [psycopg.connect(url) for _ in range(count)]
    for client in clients:
        client.execute("SELECT 1")
    yield clients
    for client in clients:
        client.close()


class TestBoth:
    def test_up_and_down_and_nothing_stays_locked(self, migrate: Migrate, pool: str) -> None:
        migrate.write(**FILES)
        assert migrate("up", url=pool) == DONE
        assert migrate("up", url=pool) == (0, "no change\n", "")
        assert migrate("version", url=pool).err == "3\n"
        assert migrate("down", "2", url=pool) == (0, "3/d step (T)\n2/d step (T)\n", "")
        assert migrate("status", "-check", url=pool).code == 1
        assert migrate("force", "3", url=pool).code == 0
        assert migrate.locks() == []
        assert migrate("drop", "-f", url=pool) == (0, "", "")

    def test_settings_of_the_url_and_the_environment_count(
        self, migrate: Migrate, pool: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PGOPTIONS", r"-c statement_timeout=7s --work-mem=3MB -capp.note=a\ b")
        migrate.query('CREATE SCHEMA "odd,one"; CREATE SCHEMA app')
        migrate.write(
            _1="""CREATE TABLE seen AS SELECT current_setting('statement_timeout') AS timeout,
                current_setting('work_mem') AS memory, current_setting('DateStyle') AS style,
                current_setting('extra_float_digits') AS digits, current_setting('app.note') AS note""",
            _2="VACUUM seen",
            _3="BEGIN; CREATE TABLE alone AS SELECT current_setting('statement_timeout') AS timeout; COMMIT;",
        )
        found = pool + '&search_path=app,"odd%2Cone"'
        assert migrate("up", url=found) == DONE
        assert migrate.query("SELECT * FROM app.seen") == [("7s", "3MB", "ISO, MDY", "2", "a b")]
        assert migrate.query("SELECT * FROM app.alone") == [("7s",)]
        assert migrate("version", url=found).err == "3\n"
        assert migrate.query("SELECT version FROM app.schema_migrations") == [(3,)]

    @pytest.mark.parametrize("failing", ["VACUUM nowhere", "COMMIT; BEGIN; SELECT 1"])
    def test_nothing_of_it_is_left_to_the_next_client(self, migrate: Migrate, pool: str, failing: str) -> None:
        migrate.write(**FILES)
        migrate.query("CREATE SCHEMA app")
        migrate.write(_4=failing)
        assert migrate("up", url=pool + "&search_path=app&statement_timeout=7s").code == 1
        assert migrate.query("SELECT version FROM app.schema_migrations") == [(4,)]
        shown = "SELECT current_setting('search_path'), current_setting('statement_timeout')"
        with busy(pool, 4) as clients:  # all that it has
            assert {client.execute(shown).fetchone() for client in clients} == {('"$user", public', "0")}

    def test_a_failure_leaves_the_version_before_it(self, migrate: Migrate, pool: str) -> None:
        migrate.write(_1="SELECT 1;", _2="CREATE TABLE a (i int); SELECT 1/0;")
        assert migrate("up", url=pool).code == 1
        assert migrate.rows() == [(1, False)]
        assert migrate.locks() == []
        assert "a" not in migrate.relations()

    def test_the_server_at_start_does_the_same(self, migrate: Migrate, pool: str) -> None:
        migrate.write(**FILES)
        assert migrate.upgrade(pool) == migrate.upgrade(pool) == 3
        assert migrate.locks() == []

    @pytest.mark.parametrize("word", ["-e", "-S 100"])
    def test_an_option_that_cannot_be_set_later_is_named(self, migrate: Migrate, pool: str, word: str) -> None:
        ran = migrate("version", url=f"{pool}&options={word.replace(' ', '%20')}")
        assert ran.code == 1
        assert ran.err.startswith("error: failed to open database: pq: unsupported startup parameter: options\n")
        assert f"not {word.split()[0]}." in ran.err

    def test_it_keeps_out_a_migration_that_connects_itself(
        self, migrate: Migrate, pool: str, database: Connection
    ) -> None:
        migrate.write(_1=PAUSE, _2="SELECT 2;")
        with migrate.paused(lambda: migrate("up", url=pool)) as (result, _):
            ran = migrate("-lock-timeout", "0", "up")
            assert ran.err.startswith("error: timeout: can't acquire database lock\nIt is held by pid ")
            with background(lambda: GoTool(migrate.url, migrate.directory)) as other:
                wait_for(lambda: database.execute(WAITING).fetchone())
                database.execute("SELECT pg_advisory_unlock(4711)")
                assert result.result(60).code == 0
                with other.result(60) as tool:
                    assert tool.version() == "2"

    def test_it_is_kept_out_by_another_through_the_pooler(self, migrate: Migrate, pool: str) -> None:
        migrate.write(_1=PAUSE, _2="SELECT 2;")
        with migrate.paused(lambda: migrate("up", url=pool)) as (result, _):
            ran = migrate("-lock-timeout", "0", "up", url=pool)
            assert ran.err.startswith("error: timeout: can't acquire database lock\n")
            assert not result.done()
        assert result.result(60) == (0, "1/u step (T)\n2/u step (T)\n", "")


class TestTransactions:
    def test_a_lock_that_another_client_left_on_a_connection_is_not_taken_for_free(
        self, migrate: Migrate, url: str
    ) -> None:
        migrate.write(_1="SELECT 1;")
        with pooled(url, "transaction", size=2) as pool:
            # As a golang-migrate that died leaves it: the pooler's connection lives on.
            with psycopg.connect(pool, autocommit=True, prepare_threshold=None) as died:
                died.execute(f"SELECT pg_advisory_lock({migrate.lock_number()})")
            ran = migrate("-lock-timeout", "0", "up", url=pool)
            assert ran.err.startswith("error: timeout: can't acquire database lock\nIt is held by pid ")
            migrate.query("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE objid = %s", migrate.lock_number())
            # The pooler may notice only at the next use.
            wait_for(lambda: migrate("up", url=pool).code == 0)

    def test_other_clients_between_the_statements(self, migrate: Migrate, sharing: str) -> None:
        migrate.write(**FILES)
        with busy(sharing, 2):
            assert migrate("up", url=sharing) == DONE
        assert migrate.locks() == []

    def test_one_connection_is_too_few_and_a_row_is_the_way_out(
        self, migrate: Migrate, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pooled_lock, "_TURN", 0.2)
        migrate.write(_1="SELECT 1;")
        with pooled(url, "transaction", size=1) as pool:
            ran = migrate("up", url=pool)
            assert ran.code == 1
            assert "the pooler has only one connection to the server for us" in ran.err
            assert "x-lock-strategy=table" in ran.err
            wait_for(lambda: not migrate.locks())
            row = pool.replace("postgres://", "pgx4://") + "&x-lock-strategy=table"
            assert migrate("up", url=row) == (0, "1/u step (T)\n", "")

    def test_a_lock_that_is_lost_is_told(self, migrate: Migrate, sharing: str) -> None:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        migrate.write(_1=cut)
        ran = migrate("up", url=sharing)
        assert ran.code == 0
        assert ran.err.startswith("1/u step (T)\nwarning: the lock was not held to the end")
        assert "x-lock-strategy=table" in ran.err


class TestSessions:
    def test_one_connection_is_enough(self, migrate: Migrate, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pooled_lock, "_ROOM", 0.2)
        migrate.write(**FILES)
        with pooled(url, "session", size=1) as pool:
            assert migrate("up", url=pool) == DONE
            assert migrate.locks() == []
            with migrate.locked():
                assert migrate("-lock-timeout", "0", "up", url=pool).code == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_pooler_that_drops_settings_without_a_word(migrate: Migrate, url: str, mode: str) -> None:
    migrate.query("CREATE SCHEMA app")
    migrate.write(_1="CREATE TABLE a (i int);")
    with pooled(url, mode, ignored="options") as pool:
        assert migrate("up", url=pool + "&search_path=app").code == 0
    assert migrate.relations() == set()
    assert migrate.query("SELECT version FROM app.schema_migrations") == [(1,)]
