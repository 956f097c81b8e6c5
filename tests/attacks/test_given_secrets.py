"""Attacks on the secrets that runs are given: they are in no other run, no process of the server, and on no disk."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

from attacks.attacker import ATTEMPTS, processes_named, success
from attacks.test_secrets import SEARCH
from harness import Server, children_of, wait_until

USE = """
import os
VALUE = os.environ["CANARY"]
def Run(engine):
    kept = [engine.secrets["CANARY"] * 100, os.environ["CANARY"] * 100, VALUE]
    return len(kept)
"""


def test_a_secret_is_not_in_the_memory_of_a_later_run_of_another_project(
    server: Server, project: str, canary: str
) -> None:
    own, other = server.create(SEARCH, project_uuid=project), server.create(SEARCH)
    use = server.create(USE, project_uuid=project)
    assert canary in success(server, server.client.post(f"/endpoint/{own}")).text, "it would find what is there"
    for _ in range(6):
        success(server, server.client.post(f"/endpoint/{use}"))
        assert success(server, server.client.post(f"/endpoint/{other}")).json() == []


def test_runs_at_once_find_the_secrets_of_their_own_project_alone(server: Server) -> None:
    values = {f"project-{uuid4()}": "KANARI-" + secrets.token_hex(16) for _ in range(4)}
    codes = {}
    for name, value in values.items():
        server.client.post("/secret", json={"project_uuid": name, "name": "CANARY", "value": value})
        codes[server.create(SEARCH, project_uuid=name)] = value
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda code: server.client.post(f"/endpoint/{code}"), [*codes, *codes]))
    for value, answer in zip([*codes.values(), *codes.values()], answers, strict=True):
        assert success(server, answer).json() == [value]


PROC = """
def Run(engine):
    told = {}
    for pid in [name for name in os.listdir("/proc") if name.isdigit()] + ["1"]:
        for name in ("environ", "cmdline", "mem", "task/1/environ", "cwd/environ"):
            told[f"{pid}/{name}"] = str(attempt(lambda: open(f"/proc/{pid}/{name}", "rb").read(1 << 20)))
    return [told, dict(os.environ), engine.secrets.get("CANARY"), engine.variables.get("CANARY")]
"""


def test_a_run_of_another_project_finds_none_of_it_in_proc_while_it_is_used(
    server: Server, project: str, canary: str
) -> None:
    hold = "def Run(engine):\n    name_process('secret-holder')\n    yield 'held'\n    signal.pause()\n"
    code = server.create(ATTEMPTS + hold, project_uuid=project)
    with server.client.stream("GET", f"/endpoint/{code}") as held:
        pieces = held.iter_raw()  # kept, or the connection would be closed with it
        assert next(pieces) == b"held"
        told = success(server, server.call(ATTEMPTS + PROC))
        seen = {pid: _told_of(pid) for pid in [server.pid, *children_of(server.pid)]}
        assert processes_named("secret-holder"), "it held the secret until now"
    wait_until(lambda: not processes_named("secret-holder"), what="the end of the run that its caller has left")
    assert canary not in told.text
    assert told.json()[2:] == [None, None]
    assert len(seen) > 3
    assert [pid for pid, content in seen.items() if canary.encode() in content] == []


def test_a_secret_is_on_no_disk_and_in_no_log(server: Server, project: str, canary: str) -> None:
    use = server.create(USE, project_uuid=project)
    answer = success(server, server.client.post(f"/endpoint/{use}"))
    server.client.get("/health")
    places = [path for path in server.data_dir.rglob("*") if path.is_file()]
    places += [path for path in server.temporary_dir.rglob("*") if path.is_file()]
    assert len(places) > 3
    assert [str(path) for path in places if canary.encode() in path.read_bytes()] == []
    assert canary not in str(server.record(answer))
    assert canary not in "\n".join(server.output)


def test_a_code_that_moves_away_takes_no_secret_along(server: Server, project: str) -> None:
    code = server.create("def Run(engine):\n    return engine.secrets.keys()\n", project_uuid=project)
    assert server.client.post(f"/endpoint/{code}").json() == ["CANARY"]
    server.client.patch(f"/code/{code}", json={"project_uuid": f"{project}-2"})
    assert server.client.post(f"/endpoint/{code}").json() == []


def _told_of(pid: int) -> bytes:
    """Environment and words of a process, as the host shows them."""
    found = b""
    for name in ("environ", "cmdline"):
        try:
            found += Path(f"/proc/{pid}/{name}").read_bytes()
        except OSError:
            continue
    return found
