"""A server's data moves to another folder, by the installed program, while the server runs."""

import subprocess
import sys
from pathlib import Path

import pytest
from harness import clean_environment, running_server

SOURCE = """
def Run(engine):
    engine.log.info("für %s", engine.params.get("name"))
    return {"hello": engine.params.get("name")}
"""
PROGRAM = Path(sys.executable).with_name("codeactions")


@pytest.mark.skipif(not PROGRAM.exists(), reason="the package is not installed with its programs")
def test_codes_and_their_history_move_to_another_data_folder(tmp_path: Path) -> None:
    def codeactions(*words: str) -> str:
        command = [str(PROGRAM), *words]
        done = subprocess.run(
            command, env=clean_environment(), cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    with running_server(tmp_path / "old") as server:
        code_id = server.create(SOURCE)
        answer = server.client.get(f"/endpoint/{code_id}", params={"name": "Ünï 🐍"})
        record, logs = server.record(answer), server.logs(answer)
        assert (record["status"], logs) == ("completed", [("info", "für Ünï 🐍")])
        codeactions("backup", "moved.sql", "--data-dir", "old")
        assert server.healthy()
    said = codeactions("restore", "moved.sql", "--data-dir", "new")
    assert f"start the server with `{PROGRAM} serve --data-dir new`" in said, "as it can be typed here"
    assert "copy the old secret.key to new/secret.key before the start" in said
    with running_server(tmp_path / "new") as server:
        assert server.record(answer) == record
        assert server.logs(answer) == logs
        history = server.client.get("/coderun", params={"code_id": code_id}).json()
        assert [run["id"] for run in history["data"]] == [record["id"]]
        assert server.client.get(f"/endpoint/{code_id}", params={"name": "again"}).json() == {"hello": "again"}
        assert server.client.get("/coderun", params={"code_id": code_id}).json()["total"] == 2
