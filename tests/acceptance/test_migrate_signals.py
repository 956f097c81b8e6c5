"""Signals, terminals and streams: what is under way is ended and recorded, and no more is begun."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from gotool import GATE, Gate, GoTool, Migrate, backend_at, backends, migrate, wait_until_asleep, write_files
from harness import any_moment, wait_until

STOPPING = "Stopping after this running migration ..."
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
# What follows it runs with a terminal of its own, which is the standard input's.
WITH_TERMINAL = [sys.executable, "-c", "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"]


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The second file of four stands at the gate."""
    up = {1: "CREATE TABLE a (i int);", 2: "INSERT INTO a VALUES (2);" + GATE, 3: "SELECT 3;", 4: "SELECT 4;"}
    return write_files(tmp_path / "m", up, {4: "", 3: "", 2: "", 1: "DROP TABLE a;"})


def row(database: psycopg.Connection[Any]) -> tuple[Any, ...] | None:
    return database.execute("SELECT version, dirty FROM schema_migrations").fetchone()


class Terminal:
    """A terminal on which a process writes, and what was seen there."""

    def __init__(self) -> None:
        self._master, self.slave = pty.openpty()
        self._seen = bytearray()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)
        os.close(self.slave)
        os.close(self._master)

    @property
    def seen(self) -> str:
        """As it came, with the terminal's own line ends."""
        return self._seen.decode()

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.seen, 20, f"{text!r} on the terminal")

    def _read(self) -> None:
        while not self._ended.is_set():
            if select.select([self._master], [], [], 0.05)[0]:
                with contextlib.suppress(OSError):
                    self._seen += os.read(self._master, 65536)


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
            assert process.wait() == 1
        assert "Cancelling the running statement ...\n" in process.said
        assert "error: migration failed: canceling statement due to user request" in process.said
        assert row(database) == (1, False)
        assert database.execute("SELECT i FROM a").fetchall() == []
        assert migrate(database_url, folder, "up")[0] == 0

    def test_outside_of_a_transaction_it_leaves_a_dirty_version_and_says_the_way_out(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        write_files(folder, {2: "BEGIN;" + GATE + "COMMIT;"})
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
            with Migrate(database_url, folder, "up") as process:
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
                    any_moment(0.001)
                # One that comes when all is done and recorded ends it at once.
                assert process.wait() in (0, 1, -signal.SIGTERM)
            assert "Traceback" not in process.said
            version, dirty = row(database) or (-1, False)
            assert not dirty
            assert database.execute("SELECT i FROM a ORDER BY 1").fetchall() == [(n,) for n in range(1, version + 1)]
        assert migrate(database_url, folder, "up")[0] == 0
        assert row(database) == (399, False)


class TestWhileItWaits:
    @pytest.mark.parametrize("number", SIGNALS)
    @pytest.mark.parametrize("words", [["up"], ["force", "3"], ["drop", "-f"]])
    def test_for_the_lock_it_stops_at_once_and_has_done_nothing(
        self,
        database_url: str,
        database: psycopg.Connection[Any],
        folder: Path,
        number: signal.Signals,
        words: list[str],
    ) -> None:
        with GoTool(database_url, folder) as tool:
            tool.lock()
            with Migrate(database_url, folder, "-exit-stopped", "3", "-lock-timeout", "60", *words) as process:
                wait_until(lambda: backends(database, "pg_try_advisory_lock"), 20, "the wait for the lock")
                process.signal(number)
                assert process.wait() == 3
            assert row(database) is None
        assert process.lines[0] == f"{STOPPING}\n"
        assert process.lines[1].startswith("Stopped: before anything was done")

    @pytest.mark.parametrize("words", [["up"], ["force", "3"], ["drop", "-f"]])
    def test_for_the_lock_which_it_gets_in_the_same_moment_it_has_done_nothing(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path, words: list[str]
    ) -> None:
        assert migrate(database_url, folder, "up", "1")[0] == 0
        with GoTool(database_url, folder) as tool:
            tool.lock()
            with Migrate(database_url, folder, "-exit-stopped", "3", *words) as process:
                wait_until(lambda: backends(database, "pg_try_advisory_lock"), 20, "the wait for the lock")
                process.signal(signal.SIGSTOP)
                wait_until(lambda: not backends(database, active=True), 20, "its standing still")
                tool.unlock()
                process.signal(signal.SIGTERM)
                process.signal(signal.SIGCONT)
                assert process.wait() == 3
        assert row(database) == (1, False)

    @pytest.mark.parametrize("number", SIGNALS)
    def test_for_a_server_that_never_answers_it_ends_at_once(self, folder: Path, number: signal.Signals) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.settimeout(20)
            port = listening.getsockname()[1]
            with Migrate(f"postgres://u@127.0.0.1:{port}/d?sslmode=disable", folder, "up") as process:
                connection, _ = listening.accept()
                with connection:
                    assert connection.recv(8)
                    process.signal(number)
                    assert process.wait() == -number
        assert process.said == ""

    @pytest.mark.parametrize(
        ("words", "answer"),
        [
            (["down"], "Not applying all down migrations"),
            (["drop"], "Aborted dropping the entire database schema"),
        ],
    )
    @pytest.mark.parametrize("number", SIGNALS)
    def test_for_an_answer_a_signal_is_a_no(
        self,
        database_url: str,
        database: psycopg.Connection[Any],
        folder: Path,
        words: list[str],
        answer: str,
        number: signal.Signals,
    ) -> None:
        assert migrate(database_url, folder, "up")[0] == 0
        with Migrate(database_url, folder, *words, stdin=subprocess.PIPE) as process:
            process.wait_for("[y/N]")
            wait_until_asleep(process.pid)
            process.signal(number)
            assert process.wait() == 1
        assert process.lines[1:] == [f"{answer}\n"]
        assert row(database) == (4, False)

    def test_for_an_answer_on_a_terminal_ctrl_c_is_a_no(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        assert migrate(database_url, folder, "up")[0] == 0
        with (
            Terminal() as terminal,
            Migrate(
                database_url,
                folder,
                "down",
                wrapper=WITH_TERMINAL,
                stdin=terminal.slave,
                stdout=terminal.slave,
                stderr=terminal.slave,
            ) as process,
        ):
            terminal.wait_for("[y/N]")
            wait_until_asleep(process.pid)
            terminal.type("\x03")
            assert process.wait() == 1
            terminal.wait_for("Not applying all down migrations")
            assert "Traceback" not in terminal.seen
        assert row(database) == (4, False)

    def test_ctrl_c_on_a_terminal_stops_between_two_files(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        with (
            Terminal() as terminal,
            Gate(database_url) as gate,
            Migrate(
                database_url,
                folder,
                "up",
                wrapper=WITH_TERMINAL,
                stdin=terminal.slave,
                stdout=terminal.slave,
                stderr=terminal.slave,
            ) as process,
        ):
            backend_at(database, "advisory_xact")
            terminal.type("\x03")
            terminal.wait_for(STOPPING)
            gate.open()
            assert process.wait() == 0
            terminal.wait_for("2 migrations are left")
        assert row(database) == (2, False)


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
        # Nobody can say yes.
        assert migrate(database_url, folder, "drop", wrapper=wrapper)[0] == 1
        assert migrate(database_url, folder, "-no-such-flag", wrapper=wrapper)[0] == 2
        assert row(database) == (3, False)

    def test_closed_ones_and_a_signal(self, database_url: str, database: psycopg.Connection[Any], folder: Path) -> None:
        wrapper = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
        with Gate(database_url) as gate, Migrate(database_url, folder, "up", wrapper=wrapper) as process:
            backend_at(database, "advisory_xact")
            process.signal(signal.SIGTERM)
            # Only once it was heard: an unheard one would kill it.
            wait_until_asleep(process.pid)
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
