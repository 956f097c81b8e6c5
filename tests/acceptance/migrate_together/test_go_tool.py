"""Our processes and golang-migrate (`GoTool`) migrate one database at once, by one lock."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from acceptance.migrate_together.steps import GO, OURS, RAN, history, require_done_once
from gotool import GoTool, lock_number
from harness import wait_until
from migrate_process import GATE, Gate, Migrate, backend_at, backends, migrate, write_files


@contextlib.contextmanager
def background(database_url: str, folder: Path) -> Iterator["Future[list[str]]"]:
    """GoTool's `up` in a thread; ended by force if it is not done with at the end of the block."""

    def up() -> list[str]:
        with GoTool(database_url, folder) as tool:
            return tool.up()

    with ThreadPoolExecutor(1) as executor, psycopg.connect(database_url, autocommit=True) as connection:
        future = executor.submit(up)
        try:
            yield future
        finally:
            if not future.done():
                nameless = "datname = current_database() AND application_name = '' AND pid <> pg_backend_pid()"
                connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {nameless}".encode())


def go_waits(database: psycopg.Connection[Any]) -> bool:
    """Whether a GoTool stands at the lock, in the server."""
    query = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND query LIKE 'SELECT pg_advisory_lock(%'"
    return database.execute(query).fetchone() is not None


class TestWithTheGoTool:
    @pytest.fixture
    def slow(self, tmp_path: Path) -> Path:
        up = {1: "CREATE TABLE ran (version int);" + RAN.format(1), 2: RAN.format(2) + GATE, 3: RAN.format(3)}
        return write_files(
            tmp_path / "slow", up, {3: "DELETE FROM ran WHERE version = 3;", 2: "", 1: "DROP TABLE ran;"}
        )

    def test_it_waits_for_ours_and_finds_nothing_to_do(
        self, database_url: str, database: psycopg.Connection[Any], slow: Path
    ) -> None:
        with Gate(database_url) as gate, Migrate(database_url, slow, "up") as ours:
            backend_at(database, "advisory_xact")
            with background(database_url, slow) as go:
                wait_until(lambda: go_waits(database), 20, "the Go tool at the lock")
                gate.open()
                assert ours.wait() == 0
                assert go.result(20) == ["no change"]
        assert len(ours.lines) == 3
        assert database.execute("SELECT version FROM ran ORDER BY 1").fetchall() == [(1,), (2,), (3,)]

    def test_ours_waits_for_it_and_finds_nothing_to_do(
        self, database_url: str, database: psycopg.Connection[Any], slow: Path
    ) -> None:
        with Gate(database_url) as gate, background(database_url, slow) as go:
            at = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND query LIKE '%xact%'"
            wait_until(lambda: database.execute(at).fetchone(), 20, "the Go tool at its file")
            with Migrate(database_url, slow, "up") as ours:
                wait_until(lambda: backends(database, "pg_try_advisory_lock"), 20, "ours at the lock")
                # It is dirty while the Go tool works, and nothing here minds.
                assert database.execute("SELECT version, dirty FROM schema_migrations").fetchall() == [(2, True)]
                assert migrate(database_url, slow, "version") == (0, "2 (dirty)\n")
                gate.open()
                assert go.result(20) == ["1/u step", "2/u step", "3/u step"]
                assert (ours.wait(), ours.said) == (0, "no change\n")
        assert database.execute("SELECT version FROM ran ORDER BY 1").fetchall() == [(1,), (2,), (3,)]
        assert history(database) == [(version, "up", True, "unknown") for version in (1, 2, 3)]

    def test_many_of_both(self, database_url: str, database: psycopg.Connection[Any], slow: Path) -> None:
        with contextlib.ExitStack() as stack:
            gate = stack.enter_context(Gate(database_url))
            gate.open()
            ours = [stack.enter_context(Migrate(database_url, slow, "up")) for _ in range(3)]
            go = [stack.enter_context(background(database_url, slow)) for _ in range(3)]
            assert [process.wait() for process in ours] == [0, 0, 0]
            lines = [line for future in go for line in future.result(20)] + "".join(p.said for p in ours).splitlines()
        assert sorted(line.split()[0] for line in lines) == ["1/u", "2/u", "3/u", *["no"] * 5]
        assert database.execute("SELECT version FROM ran ORDER BY 1").fetchall() == [(1,), (2,), (3,)]

    def test_its_own_index_is_not_disturbed_by_ours_waiting(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        assert migrate(database_url, folder, "up", "2")[0] == 0
        with psycopg.connect(database_url) as writer, background(database_url, folder) as go:
            writer.execute("INSERT INTO big VALUES (1)")
            at = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CON%' AND state = 'active'"
            wait_until(lambda: database.execute(at).fetchone(), 20, "the Go tool at its index")
            with Migrate(database_url, folder, "up") as ours:
                wait_until(lambda: backends(database, "pg_try_advisory_lock"), 20, "ours at the lock")
                writer.commit()
                assert go.result(20) == GO[2:]
                assert (ours.wait(), ours.said) == (0, "no change\n")
        require_done_once(database)

    @pytest.mark.parametrize("loser", ["ours", "its"])
    def test_our_index_and_its_waiting_end_in_something_true(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path, loser: str
    ) -> None:
        """It waits in the server, and CREATE INDEX CONCURRENTLY waits for every such session: the server ends one.

        golang-migrate has this trouble with itself. The session that looks for deadlocks first is the one that ends.
        """
        assert migrate(database_url, folder, "up", "2")[0] == 0
        patience = "&deadlock_timeout=" + ("100ms" if loser == "ours" else "60s")
        its_patience = "&options=-c%20deadlock_timeout%3D" + ("60s" if loser == "ours" else "5s")
        with psycopg.connect(database_url) as writer:
            writer.execute("INSERT INTO big VALUES (1)")
            with Migrate(database_url + patience, folder, "up") as ours:
                backend_at(database, "CREATE INDEX CONCURRENTLY i3")
                with background(database_url + its_patience, folder) as go:
                    wait_until(lambda: go_waits(database), 20, "the Go tool at the lock")
                    writer.commit()
                    code, error = ours.wait(), go.exception(20)
        if loser == "its":
            assert code == 0
            assert "try lock failed" in str(error)
        else:
            assert code == 1
            assert "error: migration failed: deadlock detected" in ours.said
            assert "`migrate force 2`" in ours.said
            assert "DROP INDEX i3" in ours.said
            assert "Dirty database version 3." in str(error)
            database.execute("DROP INDEX i3")
            assert migrate(database_url, folder, "force", "2")[0] == 0
            assert migrate(database_url, folder, "up") == (0, "\n".join(OURS[2:]) + "\n")
        require_done_once(database, deadlocks=1)


class TestLockTimeout:
    def test_it_is_obeyed_and_the_holder_is_named(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        with GoTool(database_url, folder) as tool:
            tool.lock()
            code, said = migrate(database_url, folder, "-lock-timeout", "1", "up")
            assert code == 1
            assert said.startswith("error: timeout: can't acquire database lock")
            assert f"pid {tool.pid} " in said
            # Commands that only read do not wait.
            assert migrate(database_url, folder, "-lock-timeout", "0", "version") == (1, "error: no migration\n")
            assert migrate(database_url, folder, "-lock-timeout", "0", "status")[0] == 0
            assert migrate(database_url, folder, "-lock-timeout", "0", "up", "-dry-run")[0] == 0
            assert database.execute("SELECT count(*) FROM schema_migrations").fetchone() == (0,)
            tool.unlock()
            assert migrate(database_url, folder, "-lock-timeout", "0", "up", "1")[0] == 0

    def test_both_have_the_same_number(
        self, database_url: str, folder: Path, database: psycopg.Connection[Any]
    ) -> None:
        key = lock_number("public", "schema_migrations", f"/{database.info.dbname}")
        with GoTool(database_url, folder) as tool:
            assert tool.key == key
            tool.lock()
            locks = "SELECT classid, objid, objsubid FROM pg_locks WHERE locktype = 'advisory' AND pid = %s"
            assert database.execute(locks, (tool.pid,)).fetchall() == [(0, key, 1)]
        write_files(folder, {1: GATE})
        with Gate(database_url), Migrate(database_url, folder, "up"):
            pid = backend_at(database, "advisory_xact")
            assert (0, key, 1) in database.execute(locks, (pid,)).fetchall()
