"""Several migrate one database at once, or in turns: our processes, and golang-migrate (`GoTool`)."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from gotool import (
    GATE,
    Gate,
    GoTool,
    GoToolError,
    Migrate,
    backend_at,
    backends,
    lock_number,
    migrate,
    write_files,
)
from harness import wait_until

RAN = "INSERT INTO ran VALUES ({});"
FILES = {
    1: "CREATE TABLE ran (version bigint); CREATE TABLE big (i int);" + RAN.format(1),
    2: RAN.format(2) + "SELECT pg_sleep(0.3);",
    3: "CREATE INDEX CONCURRENTLY i3 ON big (i);",
    4: "BEGIN;" + RAN.format(4) + "SELECT pg_sleep(0.2); COMMIT;",
    5: "CREATE UNIQUE INDEX CONCURRENTLY i5 ON big (i);",
    6: RAN.format(6),
}
DOWN = {
    6: "DELETE FROM ran WHERE version = 6;",
    5: "DROP INDEX CONCURRENTLY i5;",
    4: "DELETE FROM ran WHERE version = 4;",
    3: "DROP INDEX i3;",
    2: "DELETE FROM ran WHERE version = 2;",
    1: "DROP TABLE ran, big;",
}
OURS = [f"{version}/u step (T)" for version in FILES]
GO = [f"{version}/u step" for version in FILES]


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "m", FILES, DOWN)


def require_done_once(database: psycopg.Connection[Any], *, deadlocks: int = 0) -> None:
    """Each file ran exactly once and the server had to break nothing up."""
    assert database.execute("SELECT version, dirty FROM schema_migrations").fetchall() == [(6, False)]
    assert database.execute("SELECT version FROM ran ORDER BY 1").fetchall() == [(1,), (2,), (4,), (6,)]
    indexes = "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname ~ '^i[0-9]$'"
    assert sorted(database.execute(indexes).fetchall()) == [("i3", True), ("i5", True)]
    seen = database.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert seen == (deadlocks,)


def history(database: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return database.execute(
        "SELECT version, direction, done, split_part(tool, ' ', 1) FROM schema_migrations_history ORDER BY id"
    ).fetchall()


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


class TestOurs:
    @pytest.mark.parametrize("count", [2, 5, 10])
    def test_at_once(self, database_url: str, database: psycopg.Connection[Any], folder: Path, count: int) -> None:
        with contextlib.ExitStack() as stack:
            words = ("-lock-timeout", "60", "up")
            processes = [stack.enter_context(Migrate(database_url, folder, *words)) for _ in range(count)]
            said = [(process.wait(60), process.lines) for process in processes]
        assert [code for code, _ in said] == [0] * count
        # One did it all, and the others waited for that.
        lines = sorted((lines for _, lines in said), key=len)
        assert lines[:-1] == [["no change\n"]] * (count - 1)
        assert [line.split()[0] for line in lines[-1]] == [f"{version}/u" for version in FILES]
        require_done_once(database)
        assert history(database) == [(version, "up", True, "codeactions") for version in FILES]

    def test_the_others_wait_for_an_index_that_is_being_built(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        assert migrate(database_url, folder, "up", "2")[0] == 0
        with psycopg.connect(database_url) as writer, contextlib.ExitStack() as stack:
            writer.execute("INSERT INTO big VALUES (1)")
            first = stack.enter_context(Migrate(database_url, folder, "up"))
            backend_at(database, "CREATE INDEX CONCURRENTLY i3")
            others = [stack.enter_context(Migrate(database_url, folder, "up")) for _ in range(2)]
            wait_until(lambda: len(backends(database, "pg_try_advisory_lock")) == 2, 20, "two waiting")
            writer.commit()
            assert [process.wait() for process in (first, *others)] == [0, 0, 0]
        require_done_once(database)

    def test_up_and_down_at_once_take_turns(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        with Migrate(database_url, folder, "up") as up:
            backend_at(database, "pg_sleep")
            with Migrate(database_url, folder, "down", "-all") as down:
                assert (up.wait(), down.wait()) == (0, 0)
        assert [line.split()[0] for line in down.lines] == [f"{version}/d" for version in DOWN]
        assert database.execute("SELECT version FROM schema_migrations").fetchall() == []

    def test_different_spellings_of_one_database_meet_at_the_table(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        # Another path in the URL is another lock, for golang-migrate as well.
        name = database.info.dbname
        other = database_url.replace(f"/{name}?", f"?dbname={name}&")
        folder = write_files(tmp_path / "m", {1: "CREATE TABLE ran (version int);" + RAN.format(1) + GATE})
        with Gate(database_url) as gate, Migrate(database_url, folder, "up") as first:
            backend_at(database, "advisory_xact")
            with Migrate(other, folder, "up") as second:
                # It tries the table's lock, rolls back and sleeps, again and again.
                wait_until(lambda: backends(database, "ROLLBACK"), 20, "the second one at the table")
                gate.open()
                assert (first.wait(), second.wait()) == (0, 1)
        assert "from no version to version 1 meanwhile, by another migration" in second.said
        assert database.execute("SELECT version FROM ran").fetchall() == [(1,)]


class TestServers:
    def test_three_bring_our_own_migrations_up_at_once(
        self, database_url: str, database: psycopg.Connection[Any]
    ) -> None:
        program = "import sys; from codeactions.migrate.apply import upgrade; print(upgrade(sys.argv[1]))"
        command = [sys.executable, "-c", program, database_url]
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        try:
            answers = {process.communicate(timeout=40)[0] for process in processes}
        finally:
            for process in processes:
                process.kill()
                process.wait()
        (latest,) = answers
        assert [process.returncode for process in processes] == [0, 0, 0]
        assert history(database) == [(n, "up", True, "codeactions") for n in range(1, int(latest) + 1)]
        with GoTool(database_url, Path(__file__).parents[2] / "migrations") as tool:
            assert tool.version() == latest.strip()
            assert tool.up() == ["no change"]


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
                # It is dirty while the Go tool works, which is nobody's business.
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
        """It waits in the server, and CREATE INDEX CONCURRENTLY waits for whoever does: the server ends one of them.

        That is golang-migrate's own trouble with itself. Who looks for deadlocks first is the one that is ended.
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


class TestInTurns:
    def test_each_goes_on_where_the_other_stopped(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        with GoTool(database_url, folder) as tool:
            assert tool.up(2) == GO[:2]
        assert migrate(database_url, folder, "version") == (0, "2\n")
        assert migrate(database_url, folder, "up") == (0, "\n".join(OURS[2:]) + "\n")
        with GoTool(database_url, folder) as tool:
            assert tool.version() == "6"
            assert tool.up() == ["no change"]
            assert tool.down(1) == ["6/d step"]
        assert migrate(database_url, folder, "goto", "1")[1].split("\n")[:-1] == [
            f"{version}/d step (T)" for version in (5, 4, 3, 2)
        ]
        with GoTool(database_url, folder) as tool:
            assert tool.version() == "1"
            tool.force(2)
        assert migrate(database_url, folder, "down", "2") == (0, "2/d step (T)\n1/d step (T)\n")
        with GoTool(database_url, folder) as tool:
            with pytest.raises(GoToolError, match="no migration"):
                tool.version()
            assert tool.up() == GO
        assert migrate(database_url, folder, "status", "-check")[0] == 0
        assert migrate(database_url, folder, "up") == (0, "no change\n")
        require_done_once(database)
        assert history(database)[-6:] == [(version, "up", True, "unknown") for version in FILES]

    @pytest.mark.parametrize("first", ["ours", "its"])
    def test_what_one_leaves_dirty_the_other_refuses_until_it_is_forced(
        self, database_url: str, tmp_path: Path, first: str
    ) -> None:
        folder = write_files(tmp_path / "m", {1: "SELECT 1;", 2: "BEGIN; COMMIT; SELECT 1/0;"})
        dirty = "Dirty database version 2. Fix and force version."
        if first == "ours":
            assert migrate(database_url, folder, "up")[0] == 1
            with GoTool(database_url, folder) as tool:
                assert tool.version() == "2 (dirty)"
                with pytest.raises(GoToolError, match=dirty):
                    tool.up()
            assert migrate(database_url, folder, "force", "1") == (0, "")
        else:
            with GoTool(database_url, folder) as tool, pytest.raises(GoToolError, match="division by zero"):
                tool.up()
            code, said = migrate(database_url, folder, "up")
            assert (code, said.splitlines()[0]) == (1, f"error: {dirty}")
            with GoTool(database_url, folder) as tool:
                tool.force(1)
        write_files(folder, {2: "SELECT 2;"})
        assert migrate(database_url, folder, "up") == (0, "2/u step (T)\n")


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
            # Of those that only look, nobody has to wait.
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
