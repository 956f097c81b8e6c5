"""One migration at a time: golang-migrate's lock, as an advisory lock or as a row, and what others see of it."""

import subprocess
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from migrations import PAUSE, Migrate, Ran, background, pid_running, wait_for

from codeactions.domain.errors import ErrorCode
from codeactions.migrate import apply, plan
from codeactions.migrate.apply import upgrade
from codeactions.migrate.database import libpq, lock, session
from codeactions.migrate.database.connect import APPLICATION
from codeactions.migrate.database.version import Recorded
from codeactions.migrate.failure import MigrationError
from codeactions.migrate.source import files

SCHEMES = ["postgres", "postgresql", "pgx", "pgx4", "pgx5"]
COMMAND = "import sys; from codeactions.migrate.command.main import main; sys.exit(main())"


def wait_until_other(migrate: Migrate, pid: int, text: str) -> None:
    """Until a migration's backend that is not `pid` is, or was last, at a statement with `text` in it."""
    query = """SELECT 1 FROM pg_stat_activity WHERE application_name = %s AND pid <> %s
               AND datname = current_database() AND position(%s IN query) > 0"""
    wait_for(lambda: migrate.query(query, APPLICATION, pid, text))


class TestNumber:
    @pytest.mark.parametrize(
        ("path", "schema", "table", "number"),
        [
            ("/mydb", "public", "schema_migrations", 616192132),
            ("/shop", "app", "schema_migrations", 2582123737),
            ("/my db", "ops", "db_migrations", 3769403419),
            ("mydb", "public", "schema_migrations", 2103762914),
            ("/t", "public", "schema_migrations", 2670802960),
            ("/t", "app", "my_mig", 1247474678),
        ],
    )
    def test_golang_migrates(self, path: str, schema: str, table: str, number: int) -> None:
        """As they were seen in pg_locks while it ran, or worked out from its documentation."""
        assert lock.number(path, schema, table) == number

    def test_of_the_row_it_has_the_database_only(self) -> None:
        assert lock.number("/mydb") == zlib.crc32(b"/mydb") * 1486364155 % 2**32

    @pytest.mark.parametrize(
        ("options", "path", "schema", "table"),
        [
            ("", "/shared", "public", "schema_migrations"),
            ("search_path=app", "/shared", "app", "schema_migrations"),
            ("x-migrations-table=a.b", "/shared", "public", "a.b"),
            ("x-migrations-table-quoted=1&x-migrations-table=%22app%22.%22m%22", "/shared", "app", "m"),
        ],
    )
    def test_what_a_run_holds(self, migrate: Migrate, options: str, path: str, schema: str, table: str) -> None:
        migrate.query("CREATE SCHEMA app")
        migrate.write(_1=PAUSE)
        with migrate.paused(lambda: migrate("up", options=options)) as (result, _):
            assert migrate.locks() == [lock.number(path, schema, table)]
        assert result.result().code == 0

    @pytest.mark.parametrize(
        ("path", "counts"), [("/shared", "/shared"), ("/sh%61red", "/shared"), ("/other", "/other"), ("", "shared")]
    )
    def test_the_path_counts_as_it_is_spelled(self, migrate: Migrate, path: str, counts: str) -> None:
        # The key dbname says where to connect to, if it is there.
        url = migrate.url.replace("/shared?", f"{path}?dbname=shared&")
        with session.opened(url) as opened:
            assert isinstance(opened.lock, lock.AdvisoryLock)
            assert opened.lock.key == lock.number(counts, "public", "schema_migrations")
            assert opened.connection.run("SELECT current_database()") == [("shared",)]

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_every_scheme_has_the_same(self, migrate: Migrate, scheme: str) -> None:
        migrate.write(_1="SELECT 1;", _1_down="SELECT 1;")
        with migrate.locked():
            ran = migrate("-lock-timeout", "0", "up", scheme=scheme)
        assert ran.err.startswith("error: timeout: can't acquire database lock")
        assert migrate("up", scheme=scheme) == (0, "1/u step (T)\n", "")
        assert migrate("version", scheme=scheme) == (0, "1\n", "")
        assert migrate("down", "1", scheme=scheme) == (0, "1/d step (T)\n", "")


class TestTimeout:
    def test_the_holder_is_named_when_the_time_is_over(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;")
        migrate.query("SET application_name = 'another tool'")
        migrate.query(f"SELECT pg_advisory_lock({migrate.lock_number()}) /* by\n   hand */")
        (since,) = migrate.query(
            "SELECT to_char(backend_start, 'YYYY-MM-DD HH24:MI:SSOF') FROM pg_stat_activity "
            "WHERE pid = pg_backend_pid() /* last */"
        )[0]
        ran = migrate("-lock-timeout", "1", "up")
        holder = f"pid {migrate.database.info.backend_pid} (application another tool, connected since {since}, last: "
        assert ran.code == 1
        # The first line is golang-migrate's; the second has the query on one line, however many it has.
        first, second, rest = ran.err.split("\n")
        assert first == "error: timeout: can't acquire database lock"
        assert second.startswith(f"It is held by {holder}SELECT to_char(")
        assert second.endswith("or wait longer with -lock-timeout SECONDS.")
        assert rest == ""
        migrate.query("SELECT pg_advisory_unlock(%s)", migrate.lock_number())
        assert migrate("up").code == 0

    def test_it_is_waited_for_until_then(self, migrate: Migrate) -> None:
        waited: list[float] = []
        with migrate.locked(), session.opened(migrate.url) as opened:
            held = lock.held(opened.lock, 0.5, waiting=waited.append)
            with pytest.raises(MigrationError, match=r"after 0\.5 s the lock is still held"), held:
                pytest.fail("it was held twice")
        assert waited
        assert max(waited) < 0.5

    def test_to_the_server_it_names_the_way_out(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;")
        migrate.query("SELECT pg_advisory_lock(%s)", migrate.lock_number())
        with pytest.raises(MigrationError, match="another migration is running") as caught:
            upgrade(migrate.url, directory=migrate.directory, lock_timeout=0.2)
        assert caught.value.code is ErrorCode.CONFLICT
        assert f"`SELECT pg_terminate_backend({migrate.database.info.backend_pid})`" in caught.value.message
        assert "`codeactions migrate up`" in caught.value.message

    def test_the_query_that_the_holder_is_at(self, migrate: Migrate) -> None:
        migrate.write(_1=PAUSE)
        with migrate.paused(lambda: upgrade(migrate.url, directory=migrate.directory)) as (result, pid):
            ran = migrate("-lock-timeout", "0", "up")
        assert f"held by pid {pid} (application codeactions migrate, connected since " in ran.err
        assert f", at: {PAUSE})" in ran.err
        assert result.result() == 1

    def test_whose_query_may_not_be_seen(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;")
        migrate.query("CREATE ROLE test_stranger LOGIN; GRANT CREATE ON SCHEMA public TO test_stranger")
        migrate.query("SELECT pg_advisory_lock(%s)", migrate.lock_number())
        ran = migrate("-lock-timeout", "0", "up", url=migrate.url.replace("postgres@", "test_stranger@"))
        assert f"held by pid {migrate.database.info.backend_pid} (application unnamed" in ran.err

    @pytest.mark.parametrize("command", [["up"], ["down", "1"], ["goto", "1"], ["force", "1"], ["drop", "-f"]])
    def test_no_time_at_all(self, migrate: Migrate, command: list[str]) -> None:
        migrate.write(_1="SELECT 1;", _2="SELECT 2;")
        migrate("up")
        with migrate.locked():
            ran = migrate("-lock-timeout", "0", *command)
        assert ran.code == 1
        assert ran.err.startswith("error: timeout: can't acquire database lock\nIt is held by pid ")
        assert migrate.rows() == [(2, False)]
        # Free, it is had at once.
        assert migrate("-lock-timeout", "0", *command).code == 0

    def test_a_current_database_is_not_waited_for_by_the_server(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;")
        migrate("up")
        with migrate.locked():
            assert upgrade(migrate.url, directory=migrate.directory, lock_timeout=0) == 1

    def test_waiting_can_be_watched_and_stopped(self, migrate: Migrate) -> None:
        waited: list[float] = []
        with migrate.locked(), session.opened(migrate.url) as opened:
            held = lock.held(opened.lock, 600, waiting=waited.append, stopped=lambda: len(waited) == 3)
            with held as is_held:
                assert is_held is False
        assert waited == sorted(waited)
        assert len(waited) == 3
        assert migrate.locks() == []


class TestTogether:
    def test_several_threads_at_once_all_succeed_and_each_file_runs_once(self, migrate: Migrate) -> None:
        count, lines = 4, list[str]()
        barrier = threading.Barrier(count)
        migrate.write(**{f"_{version}": f"CREATE TABLE t{version} (i int);" for version in range(1, 6)})

        def one() -> int:
            barrier.wait()
            return upgrade(migrate.url, directory=migrate.directory, progress=lines.append)

        with ThreadPoolExecutor(count) as pool:
            results = [pool.submit(one) for _ in range(count)]
            assert [result.result(60) for result in results] == [5] * count
        assert [line.split()[0] for line in lines] == [f"{version}/u" for version in range(1, 6)]
        assert migrate.history("version") == [(1,), (2,), (3,), (4,), (5,)]

    def test_two_processes_the_second_waits_and_finds_nothing_to_do(self, migrate: Migrate) -> None:
        migrate.write(_1=PAUSE)
        words = [sys.executable, "-c", COMMAND, "-path", str(migrate.directory), "-database", migrate.url, "up"]

        def process() -> tuple[int, str]:
            done = subprocess.run(words, stderr=subprocess.PIPE, text=True, timeout=60)
            return done.returncode, done.stderr

        with ThreadPoolExecutor(1) as pool, migrate.paused(process) as (first, pid):
            second = pool.submit(process)
            # It asks again and again, and sleeps in between.
            wait_until_other(migrate, pid, "pg_try_advisory_lock")
        assert first.result()[1].startswith("1/u step (")
        assert second.result() == (0, "no change\n")
        assert migrate.history("version") == [(1,)]

    def test_an_index_built_concurrently_does_not_wait_for_who_waits(self, migrate: Migrate) -> None:
        """Waiting in the server for the lock, each would wait for the other, as with golang-migrate."""
        migrate.write(_1="CREATE TABLE a (i int);", _2="CREATE INDEX CONCURRENTLY a_i ON a (i);", _3="SELECT 3;")
        migrate("up", "1")
        waited: list[float] = []

        def second() -> bool:
            with session.opened(migrate.url) as opened, lock.held(opened.lock, 30, waiting=waited.append) as held:
                return held

        with psycopg.connect(migrate.url) as writer:
            writer.execute("INSERT INTO a VALUES (1)")
            with background(lambda: migrate("up")) as first:
                pid_running(migrate.database, "CONCURRENTLY")
                with background(second) as other:
                    wait_for(lambda: len(waited) > 1)
                    writer.rollback()
                    assert first.result(30) == (0, "2/u step (T)\n3/u step (T)\n", "")
                    assert other.result(30) is True

    def test_with_another_number_they_meet_at_the_table(self, migrate: Migrate) -> None:
        """Two spellings of one database are two locks."""
        migrate.write(_1=PAUSE)
        other = migrate.url.replace("/shared?", "?dbname=shared&")
        with (
            ThreadPoolExecutor(1) as pool,
            migrate.paused(lambda: upgrade(migrate.url, directory=migrate.directory)) as (first, pid),
        ):
            second = pool.submit(migrate, "up", url=other)
            wait_until_other(migrate, pid, "ROLLBACK")  # it tries the lock, rolls back and sleeps, again and again
        ran: Ran = second.result()
        assert first.result() == 1
        assert ran.code == 1
        assert "the database went from no version to version 1 meanwhile, by another migration" in ran.err
        assert migrate.history("version") == [(1,)]

    def test_a_version_that_moved_meanwhile_stops_the_step(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int);", _2="SELECT 1;")
        found = files.read_directory(migrate.directory)
        with session.opened(migrate.url) as opened:
            opened.table.ensure()
            migrate.query("INSERT INTO schema_migrations VALUES (1, false)")
            with pytest.raises(MigrationError, match="went from no version to version 1 meanwhile"):
                apply.run(opened, plan.up(found, -1), Recorded(-1, False), apply.Progress())
            assert opened.table.read() == Recorded(1, False)
        assert "a" not in migrate.relations()

    def test_a_reader_of_the_version_holds_nothing_up(self, migrate: Migrate) -> None:
        """A pg_dump for instance, which golang-migrate's TRUNCATE waits for."""
        migrate.write(_1="SELECT 1;", _2="SELECT 2;")
        migrate("up", "1")
        with psycopg.connect(migrate.url) as reader:
            assert reader.execute("SELECT version FROM schema_migrations").fetchone() == (1,)
            assert migrate("up").code == 0

    @pytest.mark.parametrize("command", ["up", "force"])
    @pytest.mark.parametrize("mode", ["SHARE", "ACCESS EXCLUSIVE"])
    def test_who_holds_the_table_is_named_in_the_end(self, migrate: Migrate, command: str, mode: str) -> None:
        migrate.write(_1="SELECT 1;", _2="SELECT 2;")
        migrate("up", "1")
        with migrate.database.transaction():
            migrate.query(f"LOCK TABLE schema_migrations IN {mode} MODE")
            ran = migrate("-lock-timeout", "1", command, "1")
        assert ran.code == 1
        assert f"was locked by others (pid {migrate.database.info.backend_pid}): end them" in ran.err
        assert migrate.rows() == [(1, False)]
        assert migrate(command, "1").code == 0


class TestRelease:
    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (["up"], 0),
            (["up", "1"], 0),
            (["up", "9"], 1),
            (["down", "1"], 0),
            (["down", "9"], 1),
            (["goto", "1"], 0),
            (["goto", "9"], 1),
            (["force", "7"], 0),
            (["drop", "-f"], 0),
            (["up", "-late", "refuse"], 1),
        ],
    )
    def test_it_is_free_after_every_command(self, migrate: Migrate, words: list[str], code: int) -> None:
        migrate.write(_1="SELECT 1;", _3="SELECT 3;", _4="SELECT 4;")
        migrate("goto", "3")
        migrate.write(_2="SELECT 2;")
        assert migrate(*words).code == code
        assert migrate.locks() == []

    @pytest.mark.parametrize(
        "text",
        [
            "SELECT 1/0;",
            "VACUUM nowhere;",
            "BEGIN; SELECT 1/0;",
            "BEGIN;",
            "DROP TABLE schema_migrations;",
            "\0",
            "COPY x",
        ],
    )
    def test_after_every_failure_of_a_file(self, migrate: Migrate, text: str) -> None:
        migrate.write(_1=text)
        assert migrate("up").code == 1
        assert migrate.locks() == []

    def test_a_signal_that_cancels_it_is_not_the_last_word(self) -> None:
        released: list[str] = []

        class Cancelled:
            """Two more signals come while it is given back."""

            def take(self) -> bool:
                return True

            def release(self) -> None:
                released.append("tried")
                if len(released) < 3:
                    raise libpq.ServerError(libpq.QUERY_CANCELED, "canceling statement due to user request")

            def refusal(self, waited: float) -> MigrationError:
                raise NotImplementedError

        with lock.held(Cancelled(), 0) as is_held:
            assert is_held
        assert len(released) == 3

    def test_a_stop_that_comes_with_the_lock_is_told(self, migrate: Migrate) -> None:
        asked: list[bool] = []

        def stopped() -> bool:
            # Not before the lock is had, but then at once.
            asked.append(bool(migrate.locks()))
            return asked[-1]

        with session.opened(migrate.url) as opened:
            with lock.held(opened.lock, 10, stopped=stopped) as is_held:
                assert is_held is False
            assert migrate.locks() == []
        assert asked == [False, True]
