"""How a server comes up, what it says, and why it may refuse to."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest
from harness import Server, children_of
from processes import wait_until_gone

from codeactions.examples import examples


def serve_and_fail(*options: str, **environment: str) -> str:
    """Start a server that must refuse; returns its one line of error."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("CODEACTIONS_") and k != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "-m", "codeactions", "serve", *options],
        env={**clean, "CODEACTIONS_PORT": "0", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("codeactions: ")]
    assert "Traceback" not in done.stderr
    return line


def test_the_printed_call_works_and_the_token_is_its_owners_alone(new_server: Callable[..., Server]) -> None:
    server = new_server(auth_token="").start()
    text = "\n".join(server.output)
    address = re.search(r"curl '(http://[^']+)'", text)
    assert address is not None, text
    assert httpx.get(address[1]).json() == {"hello": "you"}
    token = re.search(r"token: +(\S+)", text)
    assert token is not None, text
    file = server.data_dir / "token"
    assert file.read_text().strip() == token[1]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    answer = httpx.get(f"{server.base}/code?project_uuid=examples", headers={"Authorization": token[1]})
    assert [code["name"] for code in answer.json()] == [example.name for example in examples()]
    assert str(server.data_dir) in text
    assert "/docs" in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_and_the_next_start_has_the_data(
    new_server: Callable[..., Server], number: signal.Signals
) -> None:
    server = new_server().start()
    code_id = server.create("def Run(engine):\n    return 'kept'\n")
    everything = children_of(server.pid)
    assert server.stop(number) == 0
    wait_until_gone(everything)
    again = new_server().start()
    assert again.client.get(f"/endpoint/{code_id}").text == "kept"


def test_examples_are_deployed_only_into_a_new_database(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    for example in examples():
        assert server.client.delete(f"/code/{example.id}").status_code == 204
    server.stop()
    again = new_server().start()
    assert again.client.get("/code?project_uuid=examples").json() == []


def test_every_example_runs(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    hello, sandbox, totals = (example.id for example in examples())
    assert server.client.get(f"/endpoint/{hello}").json() == {"hello": "world"}
    seen = server.client.get(f"/endpoint/{sandbox}").json()
    assert (seen["user"], seen["processes"], seen["home"], seen["secrets"]) == (1000, [1], [], [])
    assert seen["shadow"] == "No such file or directory"
    body = '[{"item": "tea", "amount": 3}, {"item": "tea", "amount": 4}]'
    run = server.client.post(f"/run/{totals}", content=body).json()["result"]
    assert run["result"] == '{"totals": {"tea": 7}, "sum": 7}'


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = serve_and_fail("--port", str(port), "--data-dir", str(tmp_path))
    assert f"port {port} on 127.0.0.1 is in use" in line
    assert "--port" in line


def test_an_unreachable_database_is_one_clear_line_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://someone:very-secret@127.0.0.1:1/nothing"
    line = serve_and_fail(CODEACTIONS_DATA_DIR=str(tmp_path), DATABASE_URL=url)
    assert "127.0.0.1" in line
    assert "very-secret" not in line


@pytest.mark.parametrize(
    ("version", "dirty", "words"),
    [(3, True, ["dirty", "migrate", "force"]), (999, False, ["999", "newer", "migrate"])],
)
def test_a_dirty_or_newer_database_is_left_alone(
    database_url: str, tmp_path: Path, version: int, dirty: bool, words: list[str]
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)"
        )
        connection.execute("INSERT INTO schema_migrations VALUES (%s, %s)", (version, dirty))
    line = serve_and_fail(CODEACTIONS_DATA_DIR=str(tmp_path), DATABASE_URL=database_url)
    for word in words:
        assert word in line
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT version, dirty FROM schema_migrations").fetchall() == [(version, dirty)]


def test_a_second_server_on_one_data_folder_is_refused(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    line = serve_and_fail("--data-dir", str(server.data_dir))
    assert str(server.pid) in line
    assert server.healthy()


def test_a_bad_setting_is_named(tmp_path: Path) -> None:
    line = serve_and_fail(CODEACTIONS_DATA_DIR=str(tmp_path), CODEACTIONS_SLOTS="many")
    assert "CODEACTIONS_SLOTS" in line


# What a container without the right to make namespaces does: unshare and clone with their flags are refused.
WITHOUT_NAMESPACES = """
import os, struct, sys
from codeactions.sandbox.inside import syscalls
LOAD, EQUAL, BITS, RETURN = 0x20, 0x15, 0x45, 0x06
numbers = {"x86_64": (56, 272), "aarch64": (220, 97)}[syscalls.ARCHITECTURE]
program = [
    (LOAD, 0, 0, 0),
    (EQUAL, 3, 0, numbers[1]),
    (EQUAL, 0, 3, numbers[0]),
    (LOAD, 0, 0, 16),
    (BITS, 0, 1, 0x7E020000),
    (RETURN, 0, 0, 0x00050001),
    (RETURN, 0, 0, 0x7FFF0000),
]
syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
syscalls.Filter(b"".join(struct.pack("=HBBI", *line) for line in program)).install()
os.execv(sys.executable, [sys.executable, "-m", "codeactions", *sys.argv[1:]])
"""


def test_without_a_sandbox_the_server_refuses_unless_told_otherwise(
    new_server: Callable[..., Server], database_url: str
) -> None:
    server = new_server()
    server.command = [sys.executable, "-c", WITHOUT_NAMESPACES, "serve"]
    with pytest.raises(AssertionError, match="ended while starting"):
        server.start()
    (line,) = [line for line in server.output if line.startswith("codeactions: ")]
    assert "Operation not permitted" in line
    assert "doctor" in line
    assert not (server.data_dir / "postgres").exists()

    # Somebody else's database: without namespaces the embedded one needs programs that every user can reach.
    server = new_server(database_url=database_url)
    server.command = [sys.executable, "-c", WITHOUT_NAMESPACES, "serve", "--insecure-no-sandbox"]
    server.start()
    assert "NO ISOLATION" in "\n".join(server.output)
    assert server.client.get(f"/endpoint/{examples()[0].id}?name=x").json() == {"hello": "x"}
    assert server.client.get("/health").json()["parts"]["sandbox"]["level"] == "none"
    everything = children_of(server.pid)
    assert server.stop() == 0
    wait_until_gone(everything)
