"""Signals: what is under way is ended and recorded, and no more is begun."""

import os
import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from acceptance.signals import SIGNALS, STOPPING, row
from harness import wait_until
from migrate_process import GATE, Gate, Migrate, backend_at, backends, has_taken_signals, migrate, write_files


class TestTheFirstSignal:
    @pytest.mark.parametrize("number", SIGNALS)
    def test_lets_the_running_file_end_and_begins_no_other(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path, number: signal.Signals
    ) -> None:
        with Gate(database_url) as gate, Migrate(database_url, folder, "up") as process:
            backend_at(database, "advisory_xact")
            process.signal(number)
            process.wait_for(STOPPING)
            assert row(database) == (1, False)
            gate.open()
            assert process.wait() == 0
        assert [line.split(" (")[0] for line in process.lines[::2]] == ["1/u step", "2/u step"]
        assert process.lines[1] == f"{STOPPING}\n"
        assert process.lines[3:] == ["Stopped: 2 migrations are left; run `migrate up` to go on\n"]
        assert row(database) == (2, False)
        assert database.execute("SELECT i FROM a").fetchall() == [(2,)]
        assert migrate(database_url, folder, "up") == (0, "3/u step (T)\n4/u step (T)\n")

    def test_the_exit_code_can_be_chosen(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        with Gate(database_url) as gate, Migrate(database_url, folder, "-exit-stopped", "3", "up", "3") as process:
            backend_at(database, "advisory_xact")
            process.signal(signal.SIGTERM)
            process.wait_for(STOPPING)
            gate.open()
            assert process.wait() == 3
        assert "1 migration is left" in process.said
        # Without a signal it is not used.
        assert migrate(database_url, folder, "-exit-stopped", "3", "up")[0] == 0

    def test_during_the_last_file_nothing_is_left(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        with Gate(database_url) as gate, Migrate(database_url, folder, "-exit-stopped", "3", "up", "2") as process:
            backend_at(database, "advisory_xact")
            process.signal(signal.SIGTERM)
            process.wait_for(STOPPING)
            gate.open()
            assert process.wait() == 0
        assert "left" not in process.said

    def test_goes_for_down_and_goto_too(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        write_files(folder, {}, {3: GATE})
        assert migrate(database_url, folder, "up")[0] == 0
        for words in (["down", "-all"], ["goto", "1"]):
            with Gate(database_url) as gate, Migrate(database_url, folder, *words) as process:
                backend_at(database, "advisory_xact")
                process.signal(signal.SIGINT)
                process.wait_for(STOPPING)
                gate.open()
                assert process.wait() == 0
            assert row(database) == (2, False)
            assert migrate(database_url, folder, "up")[0] == 0

    def test_as_json(self, database_url: str, database: psycopg.Connection[Any], folder: Path) -> None:
        with Gate(database_url) as gate, Migrate(database_url, folder, "-json", "up") as process:
            backend_at(database, "advisory_xact")
            process.signal(signal.SIGTERM)
            wait_until(lambda: len(process.printed) == 2, 20, "the event")
            gate.open()
            assert process.wait() == 0
        assert '"event": "signal"' in process.printed[1]
        assert '{"event": "stopped", "left": 2}\n' in process.printed
        assert process.said == ""


class TestTheSecondSignal:
    @pytest.mark.parametrize("number", SIGNALS)
    def test_cancels_the_statement(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path, number: signal.Signals
    ) -> None:
        with Gate(database_url), Migrate(database_url, folder, "up") as process:
            backend_at(database, "advisory_xact")
            process.signal(number)
            process.wait_for(STOPPING)
            process.signal(number)
            # The gate stays closed, so only a cancel ends the statement.
            assert process.wait() == 1
        assert "Cancelling the running statement ...\n" in process.said
        assert "error: migration failed: canceling statement due to user request" in process.said
        assert row(database) == (1, False)
        assert database.execute("SELECT i FROM a").fetchall() == []
        assert migrate(database_url, folder, "up")[0] == 0

    def test_outside_of_a_transaction_it_leaves_a_dirty_version_and_says_the_way_out(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        write_files(folder, {2: "BEGIN;" + GATE + "COMMIT; SELECT 1;"})
        with Gate(database_url), Migrate(database_url, folder, "up") as process:
            backend_at(database, "advisory_xact")
            process.signal(signal.SIGINT)
            process.wait_for(STOPPING)
            process.signal(signal.SIGTERM)
            assert process.wait() == 1
        assert row(database) == (2, True)
        assert "`migrate force 1`" in process.said
        assert "`migrate force 2`" in process.said

    def test_ends_a_wait_for_the_version_table_too(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        assert migrate(database_url, folder, "up", "1")[0] == 0
        with psycopg.connect(database_url) as other:
            other.execute("LOCK TABLE schema_migrations IN SHARE MODE")
            with Migrate(database_url, folder, "-lock-timeout", "600", "up") as process:
                wait_until(lambda: backends(database, "LOCK TABLE") or backends(database, "ROLLBACK"), 20, "the wait")
                process.signal(signal.SIGTERM)
                process.wait_for(STOPPING)
                process.signal(signal.SIGTERM)
                assert process.wait() in (0, 1)
        assert row(database) == (1, False)

    def test_several_leave_the_version_right_whatever_they_hit(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        many = {number: f"INSERT INTO a VALUES ({number});" for number in range(2, 400)}
        folder = write_files(tmp_path / "m", {1: "CREATE TABLE a (i int); INSERT INTO a VALUES (1);", **many})
        for _ in range(6):
            with Migrate(database_url, folder, "up") as process:
                process.wait_for("/u step")
                for _ in range(4):
                    process.signal(signal.SIGTERM)
                    # Two that are pending at once would count as one.
                    wait_until(lambda: has_taken_signals(process.pid), 20, "the signal being taken")
                # One that comes when all is done and recorded ends it at once.
                assert process.wait() in (0, 1, -signal.SIGTERM)
            assert "Traceback" not in process.said
            version, dirty = row(database) or (-1, False)
            assert not dirty
            assert database.execute("SELECT i FROM a ORDER BY 1").fetchall() == [(n,) for n in range(1, version + 1)]
        assert migrate(database_url, folder, "up")[0] == 0
        assert row(database) == (399, False)


class TestIgnoredSignals:
    def test_under_nohup_a_closed_terminal_stops_nothing(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        with (
            Gate(database_url) as gate,
            Migrate(database_url, folder, "up", wrapper=["nohup"]) as process,
        ):
            backend_at(database, "advisory_xact")
            process.signal(signal.SIGHUP)
            process.signal(signal.SIGHUP)
            gate.open()
            assert process.wait() == 0
        assert STOPPING not in process.said
        assert row(database) == (4, False)

    def test_sigint_is_heard_all_the_same(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        """A script's shell has it ignored in all that it starts with `&`, and golang-migrate hears it there."""
        script = ["sh", "-c", '"$@" & child=$!; trap "" INT; echo $child; wait $child', "sh"]
        with Gate(database_url) as gate, Migrate(database_url, folder, "up", wrapper=script) as process:
            backend_at(database, "advisory_xact")
            os.kill(int(process.printed[0]), signal.SIGINT)
            process.wait_for(STOPPING)
            gate.open()
            assert process.wait() == 0
        assert row(database) == (2, False)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
    def test_what_was_ignored_at_the_start_stays_so_and_the_others_work(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path, number: signal.Signals
    ) -> None:
        ignoring = ["sh", "-c", f'trap "" {number.name.removeprefix("SIG")}; exec "$@"', "sh"]
        other = next(candidate for candidate in SIGNALS if candidate is not number)
        with Gate(database_url) as gate, Migrate(database_url, folder, "up", wrapper=ignoring) as process:
            backend_at(database, "advisory_xact")
            process.signal(number)
            process.signal(number)
            process.signal(other)
            process.wait_for(STOPPING)
            gate.open()
            assert process.wait() == 0
        assert process.said.count(STOPPING) == 1
        assert "Cancelling" not in process.said
        assert row(database) == (2, False)
