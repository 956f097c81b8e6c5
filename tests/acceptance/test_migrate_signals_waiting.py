"""Signals while `migrate` waits: for its lock, for a server, for an answer."""

import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
from acceptance.signals import SIGNALS, STOPPING, row
from gotool import GoTool
from harness import wait_until
from migrate_process import Gate, Migrate, backend_at, backends, is_asleep, migrate
from terminals import WITH_TERMINAL, Terminal


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
            with Migrate(database_url, folder, "-exit-stopped", "3", "-lock-timeout", "600", *words) as process:
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
            wait_until(lambda: is_asleep(process.pid), 20, "its waiting")
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
            wait_until(lambda: is_asleep(process.pid), 20, "its waiting")
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
