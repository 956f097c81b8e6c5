"""Any part that builds sources may be killed: a deploy fails or succeeds as a whole, and the next one works."""

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from harness import Server, children_of, wait_until
from processes import everything_of, wait_for_parts, wait_until_gone

# Takes the compiler a second or more, so that it can be met at its work.
SLOW_GO = (
    'package action\n\nimport "codeactions"\n\nfunc Run(engine *codeactions.Engine) error '
    '{ return engine.Result.Set("slow") }\n'
    + "".join(f"func f{n}(x [64]int) [64]int {{ x[{n % 64}] += {n}; return x }}\n" for n in range(6_000))
)
pytestmark = pytest.mark.timeout(600)  # on a fresh machine Go's library is compiled first
FIELDS = {"name": "n", "language": "go", "type": "endpoint", "project_uuid": "p"}


@pytest.fixture
def server(new_server: Callable[..., Server]) -> Server:
    """One that has Go."""
    server = new_server(languages="go", build_seconds=50).start()
    server.wait_for_language("go")
    return server


def deploy(server: Server, mark: str) -> httpx.Response:
    return server.client.post("/code", params=FIELDS, content=f"{SLOW_GO}// {mark}\n".encode())


def compilers(server: Server) -> list[int]:
    """Those at work below the server."""
    found = []
    for pid in children_of(server.pid):
        try:
            if Path(f"/proc/{pid}/comm").read_text().strip() in ("compile", "link"):
                found.append(pid)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("part", ["supervisor", "launcher", "zygote", "build"])
def test_a_killed_part_fails_the_deploy_and_the_next_one_works(server: Server, part: str) -> None:
    before = wait_for_parts(server, builds=True)
    with ThreadPoolExecutor(1) as executor:
        answer = executor.submit(deploy, server, part)
        wait_until(lambda: compilers(server), 20, "the compiler being at work")
        victim = wait_for_parts(server, builds=True).runs[0] if part == "build" else getattr(before, part)
        os.kill(victim, signal.SIGKILL)
        result = answer.result(60)
    if part == "zygote":  # a build under way is the launcher's child, and goes on
        assert result.status_code == 201, result.text
    elif part == "build":
        assert (result.status_code, result.json()["error_type"]) == (400, "invalid_source")
        assert "its process was ended by SIGKILL" in result.json()["error"]["message"]
    else:
        assert result.status_code == 503, result.text
    wait_until(lambda: not compilers(server), 20, "the end of the compiler")
    wait_until(lambda: deploy(server, f"{part} again").status_code == 201, 60, "a deploy that works")
    if part in ("supervisor", "launcher"):
        wait_until_gone([before.launcher, before.zygote])
    assert server.healthy()


def test_a_killed_server_takes_its_compilers_along_and_keeps_no_half_of_anything(
    server: Server, new_server: Callable[..., Server]
) -> None:
    with ThreadPoolExecutor(1) as executor:
        answer = executor.submit(deploy, server, "killed")
        wait_until(lambda: compilers(server), 20, "the compiler being at work")
        everything = everything_of(server)
        server.kill()
        with pytest.raises(httpx.HTTPError):
            answer.result(20)
    wait_until_gone(everything)
    again = new_server(languages="go", build_seconds=50).start()
    assert again.client.get("/code", params={"project_uuid": "p"}).json() == []
    again.wait_for_language("go")
    code_id = again.create(SLOW_GO + "// killed\n", language="go")
    assert again.client.get(f"/endpoint/{code_id}").text == "slow"


def test_the_same_deploy_many_times_at_once_with_kills_between_ends_well(server: Server) -> None:
    stop = threading.Event()

    def work(worker: int) -> list[int]:
        return [deploy(server, f"{worker % 2} {number}").status_code for number in range(4)]

    def kill() -> int:
        kills = 0
        while not stop.wait(0.7) and kills < 6:
            parts = wait_for_parts(server, builds=True)
            os.kill([parts.launcher, parts.supervisor][kills % 2], signal.SIGKILL)
            kills += 1
        return kills

    with ThreadPoolExecutor(5) as executor:
        killer = executor.submit(kill)
        results = [code for done in list(executor.map(work, range(4))) for code in done]
        stop.set()
        assert killer.result(60) > 0
    assert set(results) <= {201, 503}
    wait_until(lambda: deploy(server, "last").status_code == 201, 60, "a deploy that works")
    stored = server.client.get("/code", params={"project_uuid": "p"}).json()
    assert len(stored) == results.count(201) + 1
    assert server.healthy()
