"""Starts of the embedded PostgreSQL that are refused: one clear line each, and nothing left."""

import os
from pathlib import Path

import pytest
from integration.embedded_postgres.servers import ROOT, answer, query, server, socket_dir

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres.embedded.cluster import Cluster, processes_in
from codeactions.postgres.embedded.server import EmbeddedPostgres


def refusal(database: EmbeddedPostgres, code: ErrorCode, timeout: float = 30.0) -> str:
    with pytest.raises(Error) as caught:
        database.start(timeout)
    assert caught.value.code == code
    assert "\n" not in caught.value.message
    assert not database.is_running()
    return caught.value.message


def test_second_on_the_same_folder(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    postgres.start()
    second = EmbeddedPostgres(data_dir)
    assert f"process {os.getpid()}:" in refusal(second, ErrorCode.CONFLICT)
    second.stop()
    assert query(postgres, "SELECT 1") == 1
    with server(data_dir) as process:
        assert f"conflict the data folder {data_dir} is in use by process {os.getpid()}" in answer(process)
    assert query(postgres, "SELECT 1") == 1


def test_data_folder_is_a_file(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    data_dir.write_text("")
    assert f"{data_dir} is, or is below, a file" in refusal(postgres, ErrorCode.INVALID)
    assert "file" in refusal(EmbeddedPostgres(data_dir / "below"), ErrorCode.INVALID)


@pytest.mark.skipif(ROOT, reason="root may write anywhere")
def test_data_folder_may_not_be_written(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    data_dir.mkdir(mode=0o500)
    assert "CODEACTIONS_DATA_DIR" in refusal(postgres, ErrorCode.INVALID)


def test_other_major_version(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("16\n")
    assert "written by PostgreSQL 16 and this is 18" in refusal(postgres, ErrorCode.INVALID)


def test_folder_holds_something_else(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "notes.txt").write_text("mine")
    assert "is not a database" in refusal(postgres, ErrorCode.INVALID)
    assert (data_dir / "postgres" / "notes.txt").read_text() == "mine"


def test_damaged_database_is_refused_with_its_log(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    postgres.start()
    postgres.stop()
    (data_dir / "postgres" / "global" / "pg_control").unlink()
    assert "pg_control" in refusal(postgres, ErrorCode.INTERNAL)


def test_time_out_leaves_nothing(postgres: EmbeddedPostgres, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        # It may be quicker than any time that a test can name.
        patched.setattr(Cluster, "is_ready", lambda *_: False)
        refusal(postgres, ErrorCode.INTERNAL, 0.0)
        assert processes_in(data_dir) == []
    postgres.start()
    postgres.stop()
    with monkeypatch.context() as patched:
        patched.setattr(Cluster, "is_ready", lambda *_: False)
        assert "does not answer" in refusal(postgres, ErrorCode.INTERNAL, 0.0)
        assert processes_in(data_dir / "postgres") == []
    postgres.start()


def test_socket_folder_that_others_can_write(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    postgres.stop()
    folder = socket_dir(postgres).parent
    folder.mkdir()
    folder.chmod(0o777)
    try:
        assert f"{folder} is needed" in refusal(postgres, ErrorCode.CONFLICT)
        if ROOT:
            folder.chmod(0o700)
            os.chown(folder, 12345, 12345)
            assert "belongs to uid 12345" in refusal(postgres, ErrorCode.CONFLICT)
    finally:
        folder.rmdir()
