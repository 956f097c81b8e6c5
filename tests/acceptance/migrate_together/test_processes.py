"""Several processes of ours, or servers, migrate one database at once."""

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from acceptance.migrate_together.steps import DOWN, FILES, RAN, history, require_done_once
from gotool import GoTool
from harness import wait_until
from migrate_process import GATE, Gate, Migrate, backend_at, backends, migrate, write_files


class TestOurs:
    @pytest.mark.parametrize("count", [2, 5, 10])
    def test_at_once(self, database_url: str, database: psycopg.Connection[Any], folder: Path, count: int) -> None:
        write_files(folder, {2: RAN.format(2) + GATE})
        with Gate(database_url) as gate, contextlib.ExitStack() as stack:
            words = ("-lock-timeout", "60", "up")
            processes = [stack.enter_context(Migrate(database_url, folder, *words)) for _ in range(count)]
            others = count - 1
            wait_until(lambda: len(backends(database, "pg_try_advisory_lock")) == others, 40, "all others waiting")
            gate.open()
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
        write_files(folder, {2: RAN.format(2) + GATE})
        with Gate(database_url) as gate, Migrate(database_url, folder, "up") as up:
            backend_at(database, "advisory_xact")
            with Migrate(database_url, folder, "down", "-all") as down:
                wait_until(lambda: backends(database, "pg_try_advisory_lock"), 20, "the second one waiting")
                gate.open()
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
        program = "import sys; from codeactions.node.migrations import upgrade; print(upgrade(sys.argv[1]))"
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
        with GoTool(database_url, Path(__file__).parents[3] / "migrations") as tool:
            assert tool.version() == latest.strip()
            assert tool.up() == ["no change"]
