"""How a server comes up, what it says, and why it may refuse to."""

import contextlib
import json
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
from harness import Server, children_of, clean_environment, wait_until
from processes import wait_until_gone
from rabbitmq import free_ports
from terminals import Terminal

from codeactions import __version__
from codeactions.examples import examples


def serve_and_fail(*options: str, **environment: str) -> str:
    """Start a server that must refuse; returns its one line of error."""
    done = subprocess.run(
        [sys.executable, "-m", "codeactions", "serve", *options],
        env=clean_environment(**{"CODEACTIONS_PORT": "0", **environment}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("codeactions: ")]
    assert "Traceback" not in done.stderr
    return line


def introduction_of(server: Server) -> str:
    """All that it has said, with the last line of its introduction: `start` waits for the first one only."""
    wait_until(lambda: any(line.startswith("SIGTERM stops ") for line in server.output), what="the last line")
    return "\n".join(server.output)


def test_the_printed_call_works_and_the_token_is_its_owners_alone(new_server: Callable[..., Server]) -> None:
    server = new_server(auth_token="").start()
    text = introduction_of(server)
    address = re.search(r"curl '(http://[^']+)'", text)
    assert address is not None, text
    assert httpx.get(address[1]).json() == {"hello": "you"}
    file = server.data_dir / "token"
    assert re.search(r"^  token: +in (.+)$", text, re.MULTILINE)[1] == str(file)  # type: ignore[index]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    token = file.read_text().strip()
    assert token not in text, "a pipe is no terminal"
    answer = httpx.get(f"{server.base}/code?project_uuid=examples", headers={"Authorization": token})
    assert [code["name"] for code in answer.json()] == [example.name for example in examples()]
    assert str(server.data_dir) in text
    assert "/docs" in text


def test_the_token_is_shown_once_and_only_on_a_terminal(tmp_path: Path) -> None:
    environment = clean_environment(CODEACTIONS_PORT="0", CODEACTIONS_LANGUAGES="python")
    for number in range(2):
        with Terminal() as terminal:
            process = subprocess.Popen(
                [sys.executable, "-m", "codeactions", "serve", "--data-dir", str(tmp_path / "data")],
                env=environment,
                stdin=terminal.slave,
                stdout=terminal.slave,
                stderr=terminal.slave,
                start_new_session=True,
            )
            try:
                terminal.wait_for("the database too.", seconds=60)
            finally:
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0
            token = (tmp_path / "data" / "token").read_text().strip()
            assert (token in terminal.seen) is (number == 0)
            assert str(tmp_path / "data" / "token") in terminal.seen
            key = (tmp_path / "data" / "secret.key").read_text().strip()
            assert key not in terminal.seen


def test_the_printed_history_works_as_it_is_printed(new_server: Callable[..., Server]) -> None:
    server = new_server(auth_token="").start()
    [line] = [line for line in introduction_of(server).splitlines() if line.startswith("  history: ")]
    done = subprocess.run(["sh", "-c", line.removeprefix("  history: ")], capture_output=True, text=True, timeout=30)
    assert json.loads(done.stdout)["total"] == 0, done.stderr


def test_an_example_that_is_gone_or_protected_is_not_offered(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    hello = examples()[0].id
    protected = server.client.put(f"/code/{hello}/protection", json={"kind": "token"})
    assert protected.status_code == 200, protected.text
    server.stop()
    again = new_server().start()
    assert "curl" not in introduction_of(again)
    assert again.client.delete(f"/code/{hello}").status_code == 204
    again.stop()
    assert "curl" not in introduction_of(new_server().start())


def test_a_database_of_ones_own_goes_on(new_server: Callable[..., Server], database_url: str) -> None:
    server = new_server(database_url=database_url).start()
    assert "\nSIGTERM stops the server; its database goes on." in introduction_of(server)


LOST = {
    "a full disk": "exec > /dev/full",
    "a full disk for all": "exec > /dev/full 2> /dev/full",
    "closed": "exec <&- >&- 2>&-",
}


@pytest.mark.parametrize("output", [*LOST, "a reader that is gone"])
def test_a_server_serves_when_its_output_is_lost(tmp_path: Path, output: str) -> None:
    (port,) = free_ports(1)
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "codeactions", "serve", "--data-dir", str(tmp_path / "data"), "--port", str(port)]
    process = subprocess.Popen(
        ["sh", "-c", f'{LOST.get(output, ":")}; exec "$@"', "sh", *command],
        env=clean_environment(CODEACTIONS_LANGUAGES="python"),
        stdout=writing,
        start_new_session=True,
    )
    os.close(writing)

    def answers() -> bool:
        assert process.poll() is None
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        return False

    try:
        wait_until(answers, 60, "the server's answer")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_the_root_says_what_this_is(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    answer = httpx.get(server.base)
    assert answer.json() == {"name": "codeactions", "version": __version__, "docs": "/docs", "health": "/health"}
    for accept, content_type in {
        "*/*": "application/json",
        "application/xml": "application/json",
        "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8": "text/html",
        "text/plain": "text/plain",
        "application/json, text/html": "application/json",
    }.items():
        answer = httpx.get(server.base, headers={"Accept": accept})
        assert answer.headers["content-type"].startswith(content_type), accept
        assert "codeactions" in answer.text
        assert "/docs" in answer.text
    head = httpx.head(server.base)
    assert (head.status_code, head.content) == (200, b"")
    assert httpx.post(server.base).status_code == 405


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
