"""One migration at a time: how long golang-migrate's lock is waited for, and what others see of it."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from gotool import GoTool
from migrations import PAUSE, Clock, Migrate, Ran, background, pid_running, wait_for

from codeactions.migrate import apply, plan
from codeactions.migrate.about import APPLICATION
from codeactions.migrate.database import lock, session, version_table
from codeactions.migrate.database.version_table import RecordedVersion
from codeactions.migrate.errors import ErrorCode, MigrationError
from codeactions.migrate.files import directory as files

COMMAND = "import sys; from codeactions.migrate.main import main; sys.exit(main())"


def wait_until_other(migrate: Migrate, pid: int, text: str) -> None:
    """Until a migration's backend that is not `pid` is, or was last, at a statement with `text` in it."""
    query = """SELECT 1 FROM pg_stat_activity WHERE application_name = %s AND pid <> %s
               AND datname = current_database() AND position(%s IN query) > 0"""
    wait_for(lambda: migrate.query(query, APPLICATION, pid, text))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which the lock and the version table are waited for."""
    found = Clock()
    monkeypatch.setattr(lock, "time", found)
    monkeypatch.setattr(version_table, "time", found)
    return found


def test_an_index_and_a_golang_migrate_that_waits_are_told_apart(migrate: Migrate) -> None:
    """That tool waits in the server, where each of the two then waits for the other."""
    migrate.write(_1=f"CREATE TABLE a (i int); {PAUSE}", _2="CREATE INDEX CONCURRENTLY a_i ON a (i);")
    waiting = f"SELECT 1 FROM pg_locks WHERE objid = {migrate.lock_number()} AND NOT granted"
    with (
        migrate.paused(lambda: migrate("up", options="deadlock_timeout=50")) as (result, _),
        background(lambda: GoTool(migrate.url, migrate.directory)) as other,
    ):
        wait_for(lambda: migrate.query(waiting))
        migrate.query("SELECT pg_advisory_unlock(4711)")
        ran = result.result(60)
        other.result(60).connection.close()
    assert ran.code == 1
    assert "deadlock detected" in ran.err
    assert "The index waited for a golang-migrate that waits for the lock" in ran.err
    assert "DROP INDEX a_i" in ran.err
    assert migrate.rows() == [(2, True)]


class TestTimeout:
    def test_the_holder_is_named_when_the_time_is_over(self, migrate: Migrate, clock: Clock) -> None:
        migrate.write(_1="SELECT 1;")
        migrate.query("SET application_name = 'another tool'")
        migrate.query(f"SELECT pg_advisory_lock({migrate.lock_number()}) /* by\n   hand */")
        (since,) = migrate.query(
            "SELECT to_char(backend_start, 'YYYY-MM-DD HH24:MI:SSOF') FROM pg_stat_activity "
            "WHERE pid = pg_backend_pid() /* last */"
        )[0]
        ran = migrate("-lock-timeout", "100", "up")
        assert clock.now == pytest.approx(100)
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

    def test_to_the_server_it_names_the_way_out(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;")
        migrate.query("SELECT pg_advisory_lock(%s)", migrate.lock_number())
        with pytest.raises(MigrationError, match="another migration is running") as caught:
            migrate.upgrade(lock_timeout=0)
        assert caught.value.code is ErrorCode.CONFLICT
        assert f"`SELECT pg_terminate_backend({migrate.database.info.backend_pid})`" in caught.value.message
        assert "`codeactions migrate up`" in caught.value.message

    def test_the_query_that_the_holder_is_at(self, migrate: Migrate) -> None:
        migrate.write(_1=PAUSE)
        with migrate.paused(lambda: migrate.upgrade()) as (result, pid):
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
            assert migrate.upgrade(lock_timeout=0) == 1

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
            return migrate.upgrade(progress=lines.append)

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
            migrate.paused(lambda: migrate.upgrade()) as (first, pid),
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
                apply.run(opened, plan.up(found, -1), RecordedVersion(-1, False), apply.Progress())
            assert opened.table.read() == RecordedVersion(1, False)
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
    def test_who_holds_the_table_is_named_in_the_end(
        self, migrate: Migrate, clock: Clock, command: str, mode: str
    ) -> None:
        migrate.write(_1="SELECT 1;", _2="SELECT 2;")
        migrate("up", "1")
        with migrate.database.transaction():
            migrate.query(f"LOCK TABLE schema_migrations IN {mode} MODE")
            ran = migrate("-lock-timeout", "1", command, "1")
        assert ran.code == 1
        assert f"was locked by others (pid {migrate.database.info.backend_pid}): end them" in ran.err
        assert migrate.rows() == [(1, False)]
        assert migrate(command, "1").code == 0
