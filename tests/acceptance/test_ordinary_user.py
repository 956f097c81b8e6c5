"""Without root: all walls but a host uid for each slot, and rlimits where no cgroup is to be had."""

import os
import pwd
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import ordinary_user
import pytest
from harness import Server, children_of
from processes import wait_until_gone

from codeactions.examples import examples

MEMORY = "def Run(engine):\n    return len(bytearray(1 << 30))\n"
FORKS = """
import os, time
def Run(engine):
    count = 0
    try:
        while True:
            if os.fork() == 0:
                time.sleep(60)
            count += 1
    except BlockingIOError:
        return count
"""
FOREVER = "def Run(engine):\n    while True:\n        pass\n"
FILES = """
def Run(engine):
    found = []
    for path in ("/etc/shadow", engine.params["data"]):
        try:
            open(path).read()
        except IsADirectoryError:
            found.append(path)
        except OSError:
            continue
        else:
            found.append(path)
    return found
"""


@pytest.fixture(scope="module")
def unprivileged() -> Iterator[Server]:
    """A server that runs as nobody."""
    if os.geteuid() != 0:
        pytest.skip("not root: every other test runs as an ordinary user already")
    home = Path(f"/tmp/codeactions-tests-ordinary-{os.getpid()}")
    home.mkdir(mode=0o700)
    os.chown(home, pwd.getpwnam(ordinary_user.USER).pw_uid, -1)
    server = Server(home / "data", slots=4, warm=1)
    server.command = [sys.executable, ordinary_user.__file__, str(home), *server.command]
    try:
        yield server.start()
        everything = children_of(server.pid)
        assert server.stop() == 0
        wait_until_gone(everything)
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()
        shutil.rmtree(home)


def test_it_serves_behind_reduced_walls_and_says_so(unprivileged: Server) -> None:
    assert unprivileged.client.get(f"/endpoint/{examples()[0].id}?name=x").json() == {"hello": "x"}
    assert unprivileged.client.get("/health").json()["parts"]["sandbox"]["level"] == "reduced"
    assert os.stat(f"/proc/{unprivileged.pid}").st_uid == pwd.getpwnam(ordinary_user.USER).pw_uid


def test_memory_and_processes_are_limited_without_cgroups(unprivileged: Server) -> None:
    answer = unprivileged.call(MEMORY)
    assert (answer.status_code, answer.json()["error_type"]) == (500, "memory")
    assert int(unprivileged.call(FORKS).text) <= 64
    assert unprivileged.healthy()


def test_time_is_limited(unprivileged: Server) -> None:
    answer = unprivileged.call(FOREVER, timeout_seconds=5)
    assert (answer.status_code, answer.json()["error_type"]) == (504, "timeout")
    assert unprivileged.healthy()


def test_the_servers_own_files_are_out_of_reach(unprivileged: Server) -> None:
    data = str(unprivileged.data_dir / "postgres.log")
    assert unprivileged.call(FILES, params={"data": data}).json() == []
    assert unprivileged.healthy()
