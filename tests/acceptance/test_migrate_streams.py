"""Streams and terminals: closed, full or broken ones stop nothing, and people see how far it is."""

import fcntl
import os
import re
import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from acceptance.signals import STOPPING, row
from gotool import GoTool
from harness import wait_until
from migrate_process import Gate, Migrate, backend_at, has_taken_signals, migrate, write_files
from terminals import Terminal


class TestStreams:
    @pytest.mark.parametrize("closed", ["<&- >&- 2>&-", "<&-", "2>&-", ">&- 2>&-"])
    def test_closed_ones_are_nothing_to_it(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path, closed: str
    ) -> None:
        wrapper = ["sh", "-c", f'exec "$@" {closed}', "sh"]
        for words in (["up"], ["version"], ["-verbose", "status"], ["-json", "status"], ["down", "1"]):
            code, _ = migrate(database_url, folder, *words, wrapper=wrapper)
            assert code == 0, words
        assert row(database) == (3, False)
        # Without an input there is no yes.
        assert migrate(database_url, folder, "drop", wrapper=wrapper)[0] == 1
        assert migrate(database_url, folder, "-no-such-flag", wrapper=wrapper)[0] == 2
        assert row(database) == (3, False)

    def test_closed_ones_and_a_signal(self, database_url: str, database: psycopg.Connection[Any], folder: Path) -> None:
        wrapper = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
        with Gate(database_url) as gate, Migrate(database_url, folder, "up", wrapper=wrapper) as process:
            backend_at(database, "advisory_xact")
            process.signal(signal.SIGTERM)
            wait_until(lambda: has_taken_signals(process.pid), 20, "the signal being taken")
            gate.open()
            assert process.wait() == 0
        assert row(database) == (2, False)

    @pytest.mark.parametrize("redirection", ["2>&1", "2>&1 >/dev/null"])
    def test_a_reader_that_has_enough_does_not_stop_it(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path, redirection: str
    ) -> None:
        texts = {number: f"INSERT INTO a VALUES ({number});" for number in range(2, 30)}
        folder = write_files(tmp_path / "m", {1: "CREATE TABLE a (i int); INSERT INTO a VALUES (1);", **texts})
        shell = ["sh", "-c", f'("$@" {redirection}; echo $? >"$0") | head -1', str(tmp_path / "code")]
        with Migrate(database_url, folder, "up", wrapper=shell) as process:
            assert process.wait() == 0
        assert [line.split(" (")[0] for line in process.printed] == ["1/u step"]
        version, dirty = row(database) or (-1, False)
        assert not dirty
        assert database.execute("SELECT i FROM a ORDER BY 1").fetchall() == [(n,) for n in range(1, version + 1)]
        assert "Traceback" not in process.said
        assert (version, (tmp_path / "code").read_text()) == (29, "0\n")

    def test_a_full_pipe_holds_it_up_and_a_signal_is_heard_all_the_same(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        folder = write_files(tmp_path / "m", dict.fromkeys(range(1, 1000), "SELECT 1;"))
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        with open(reading) as stream, Migrate(database_url, folder, "-verbose", "up", stderr=writing) as process:
            os.close(writing)
            at = Path(f"/proc/{process.pid}/wchan")
            wait_until(lambda: "pipe" in at.read_text(), 20, "the pipe being full")
            process.signal(signal.SIGTERM)
            said = stream.read()
            assert process.wait() == 0
        assert said.count(STOPPING) == 1
        assert "migrations are left" in said
        assert row(database) == (said.count("Finished ") - 1, False)


class TestTerminal:
    def test_a_slow_file_shows_how_long_it_has_been_running(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        with (
            Terminal() as terminal,
            Gate(database_url) as gate,
            Migrate(database_url, folder, "up", stderr=terminal.slave) as process,
        ):
            wait_until(lambda: re.search(r"2 of 4: 2/u step \.\.\. \d+ s", terminal.seen), 20, "the seconds")
            gate.open()
            assert process.wait() == 0
            terminal.wait_for("4/u step")
            # Nothing of it stays: the line is cleared before the next one is printed.
            lines = [re.split("\r\x1b\\[K", line)[-1] for line in terminal.seen.split("\r\n")]
        assert [line.split(" (")[0] for line in lines] == [f"{n}/u step" for n in range(1, 5)] + [""]

    def test_waiting_for_the_lock_shows(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        with Terminal() as terminal, GoTool(database_url, folder) as tool:
            tool.lock()
            with Migrate(database_url, folder, "up", "1", stderr=terminal.slave) as process:
                terminal.wait_for("waiting for another migration to end ... ")
                tool.unlock()
                assert process.wait() == 0
                terminal.wait_for("1/u step")
            assert re.split("\r\x1b\\[K", terminal.seen)[-1].startswith("1/u step")

    def test_hints_are_for_people(self, database_url: str, folder: Path) -> None:
        write_files(folder, {1: "SELEC 1;"})
        hint = "Nothing of it was kept, the database is at no version and clean"
        with Terminal() as terminal, Migrate(database_url, folder, "up", stderr=terminal.slave) as process:
            assert process.wait() == 1
            terminal.wait_for(hint)
            assert "\r\nerror: migration failed: syntax error" in "\r\n" + terminal.seen
        # A program gets golang-migrate's words and no others.
        code, said = migrate(database_url, folder, "up")
        assert code == 1
        assert hint not in said
