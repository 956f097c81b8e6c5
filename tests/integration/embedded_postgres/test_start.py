"""The embedded PostgreSQL, for real: its start, its stop, and what both leave."""

import os
import signal
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from integration.embedded_postgres.servers import busy_backend, query, socket_dir, write

from codeactions.postgres.embedded.cluster import processes_in
from codeactions.postgres.embedded.log import LIMIT
from codeactions.postgres.embedded.server import EmbeddedPostgres


def test_first_start(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    postgres.start()
    assert postgres.is_running()
    assert str(postgres.pid) in repr(postgres)
    assert query(postgres, "SELECT current_database()") == "codeactions"
    assert query(postgres, "SHOW server_encoding") == "UTF8"
    assert query(postgres, "SELECT upper('é')") == "É"  # without any locale of the machine
    for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert query(postgres, f"SHOW {setting}") == "on"
    # Ctrl-C is not for it
    assert postgres.pid
    assert os.getsid(postgres.pid) == postgres.pid
    # not one port, and a socket that nobody else reaches
    assert query(postgres, "SHOW listen_addresses") == ""
    found = socket_dir(postgres).stat()
    assert stat.S_IMODE(found.st_mode) == 0o700
    assert found.st_uid == (data_dir / "postgres").stat().st_uid
    assert len(str(socket_dir(postgres) / ".s.PGSQL.5432")) <= 107
    # never as root
    assert Path(f"/proc/{postgres.pid}").stat().st_uid != 0
    dumped = subprocess.run([postgres.bin_dir / "pg_dump", postgres.url], capture_output=True, check=True)
    assert b"PostgreSQL database dump complete" in dumped.stdout


def test_start_twice_does_nothing(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    pid = postgres.pid
    postgres.start()
    assert postgres.pid == pid


def test_restart_keeps_data_and_url(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    postgres.start()
    write(postgres)
    url = postgres.url
    postgres.stop()
    assert not postgres.is_running()
    second = EmbeddedPostgres(data_dir)
    second.start()
    try:
        assert second.url == url
        assert query(second, "SELECT answer FROM kept") == 42
    finally:
        second.stop()


def test_lives_longer_than_the_thread_that_started_it(postgres: EmbeddedPostgres) -> None:
    thread = threading.Thread(target=postgres.start)
    thread.start()
    thread.join()
    pid = postgres.pid
    assert query(postgres, "SELECT pg_sleep(0.3)") == ""
    assert postgres.pid == pid


def test_stop_leaves_nothing(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    postgres.start()
    folder = socket_dir(postgres)
    with busy_backend(postgres):
        postgres.stop()
    assert processes_in(data_dir / "postgres") == []
    assert not folder.parent.exists()
    assert not (data_dir / "postgres" / "postmaster.pid").exists()
    postgres.stop()


def test_stop_of_one_that_hangs(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    postgres.start()
    assert postgres.pid
    os.kill(postgres.pid, signal.SIGSTOP)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("codeactions.postgres.embedded.postmaster.QUIT_SECONDS", 0.1)
        postgres.stop(timeout=0.1)
    assert processes_in(data_dir / "postgres") == []
    postgres.start()


def test_no_descriptor_leaks(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    open_in_postmaster = [os.readlink(file) for file in Path(f"/proc/{postgres.pid}/fd").iterdir()]
    assert not [name for name in open_in_postmaster if name.endswith("postgres.lock")]
    postgres.stop()
    before = len(os.listdir("/proc/self/fd"))
    threads = threading.active_count()
    for _ in range(5):
        postgres.start()
        query(postgres, "SELECT 1")
        postgres.stop()
    assert len(os.listdir("/proc/self/fd")) == before
    assert threading.active_count() == threads


def test_spaces_and_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path / ("a long näme with ' and \" and $HOME " + "x" * 150) / ("y" * 150)
    database = EmbeddedPostgres(folder)
    database.start()
    try:
        assert query(database, "SELECT 1") == 1
    finally:
        database.stop()


def test_folders_above_keep_their_modes(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    data_dir = private / "data"
    above = [private, *private.parents]
    before = [(folder.stat().st_mode, folder.stat().st_uid) for folder in above]
    database = EmbeddedPostgres(data_dir)
    database.start()
    try:
        assert query(database, "SELECT 1") == 1
    finally:
        database.stop()
    assert [(folder.stat().st_mode, folder.stat().st_uid) for folder in above] == before
    assert data_dir.stat().st_uid == os.geteuid()
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((data_dir / "postgres").stat().st_mode) == 0o700


def test_log_is_bounded(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    data_dir.mkdir()
    log = data_dir / "postgres.log"
    log.write_bytes(b"")
    os.truncate(log, LIMIT + 1)
    postgres.start()
    assert log.stat().st_size < LIMIT
    assert (data_dir / "postgres.log.1").stat().st_size == LIMIT + 1
