"""Sudden deaths of the embedded PostgreSQL or of its server: it starts again with its data."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from integration.embedded_postgres.servers import answer, busy_backend, eventually, query, server, socket_dir, write

from codeactions.postgres.embedded.cluster import processes_in
from codeactions.postgres.embedded.server import EmbeddedPostgres


def test_ends_with_the_server(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    with server(data_dir) as process:
        assert answer(process).startswith("started")
        process.kill()
        process.wait()
    eventually(lambda: processes_in(data_dir / "postgres") == [])
    postgres.start()
    assert query(postgres, "SELECT 1") == 1


def test_start_at_once_after_the_server_was_killed(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    postgres.start()
    write(postgres)
    postgres.stop()
    for _ in range(5):
        with server(data_dir) as process:
            assert answer(process).startswith("started")
            process.kill()
            postgres.start()
        assert query(postgres, "SELECT answer FROM kept") == 42
        postgres.stop()


@pytest.mark.parametrize("moment", ["postgres.lock", "postgres.new/global", "postgres", "postgres/postmaster.pid"])
def test_server_killed_while_starting(postgres: EmbeddedPostgres, data_dir: Path, moment: str) -> None:
    with server(data_dir) as process:
        eventually((data_dir / moment).exists)
        process.kill()
    postgres.start()
    assert query(postgres, "SELECT 1") == 1
    assert not (data_dir / "postgres.new").exists()


def test_killed_postmaster_is_restarted(postgres: EmbeddedPostgres) -> None:
    assert not postgres.restart_if_dead()
    postgres.start()
    assert not postgres.restart_if_dead()
    write(postgres)
    pid, url = postgres.pid, postgres.url
    assert pid
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not postgres.is_running())
    assert postgres.restart_if_dead()
    assert postgres.pid not in (None, pid)
    assert postgres.url == url
    assert query(postgres, "SELECT answer FROM kept") == 42


def test_killed_postmaster_with_a_backend_that_does_not_notice(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    with busy_backend(postgres) as backend:
        assert postgres.pid
        os.kill(postgres.pid, signal.SIGKILL)
        eventually(lambda: not postgres.is_running())
        assert Path(f"/proc/{backend}").exists()
        assert postgres.restart_if_dead()
    assert query(postgres, "SELECT 1") == 1


def test_server_and_postmaster_killed(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    with server(data_dir) as process:
        pid = int(answer(process).split()[1])
        os.kill(pid, signal.SIGKILL)
        process.kill()
    postgres.start()
    assert query(postgres, "SELECT 1") == 1


def test_pid_of_the_last_one_is_another_process_now(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    """PostgreSQL alone would take our pid, of the same user, for a running postmaster."""
    postgres.start()
    assert postgres.pid
    os.kill(postgres.pid, signal.SIGKILL)
    eventually(lambda: processes_in(data_dir / "postgres") == [])
    with subprocess.Popen(["sleep", "60"]) as other:
        for name in (data_dir / "postgres/postmaster.pid", socket_dir(postgres) / ".s.PGSQL.5432.lock"):
            lines = name.read_text().split("\n", 1)
            name.write_text(f"{other.pid}\n{lines[1]}")
        try:
            assert postgres.restart_if_dead()
        finally:
            other.kill()


def test_half_made_database_is_made_again(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    (data_dir / "postgres.new" / "base").mkdir(parents=True)
    (data_dir / "postgres.new" / "PG_VERSION").write_text("18\n")
    (data_dir / "postgres").mkdir()
    postgres.start()
    assert query(postgres, "SELECT 1") == 1
    assert not (data_dir / "postgres.new").exists()
