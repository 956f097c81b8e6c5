"""kill -9 of any part at any moment: nothing stays running, no run stays `started`, no answer without a record."""

import contextlib
import os
import random
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from harness import Server, wait_until
from processes import command_of, everything_of, parts_of, wait_for_parts, wait_until_gone

SLEEP = "import time\ndef Run(engine):\n    time.sleep(float(engine.params.get('seconds', 30)))\n    return 'slept'\n"
QUICK = "def Run(engine):\n    return engine.params.get('n')\n"


def runs_of(server: Server, code_id: str, **filters: str) -> list[dict[str, object]]:
    """Every run of a code."""
    found: list[dict[str, object]] = []
    page = 1
    while True:
        answer = server.client.get("/coderun", params={"code_id": code_id, "page": page, **filters}).json()
        found += answer["data"]
        if page >= answer["last_page"]:
            return found
        page += 1


def started(server: Server, code_id: str) -> list[dict[str, object]]:
    return runs_of(server, code_id, status="started")


def error_type(run: dict[str, object]) -> object:
    extra = run["extra"]
    assert isinstance(extra, dict)
    return extra["error"]["type"]


@contextlib.contextmanager
def call_in_flight(server: Server, code_id: str):  # type: ignore[no-untyped-def]
    """A call that is in its sandbox when the block begins; yields a future of its answer."""
    with ThreadPoolExecutor(1) as executor:
        answer = executor.submit(server.client.get, f"/endpoint/{code_id}")
        wait_until(lambda: started(server, code_id), what="the run being started")
        yield answer


def test_a_killed_run_is_recorded_as_killed(new_server: Callable[..., Server]) -> None:
    server = new_server(slots=1, warm=0).start()
    code_id = server.create(SLEEP)
    with call_in_flight(server, code_id) as answer:
        runs = wait_until(lambda: wait_for_parts(server).runs, what="its process")
        os.kill(runs[0], signal.SIGKILL)
        assert answer.result(20).status_code == 500
        assert answer.result().json()["error_type"] == "killed"
    assert error_type(runs_of(server, code_id)[0]) == "killed"
    assert server.healthy()


def test_a_killed_zygote_is_replaced_and_runs_in_flight_go_on(new_server: Callable[..., Server]) -> None:
    server = new_server(slots=4, warm=1).start()
    code_id = server.create(SLEEP.replace("30", "2"))
    before = wait_for_parts(server)
    with call_in_flight(server, code_id) as answer:
        os.kill(before.zygote, signal.SIGKILL)
        assert answer.result(20).text == "slept"
    wait_until(server.healthy, what="health after a zygote's death")
    assert wait_for_parts(server).zygote != before.zygote


@pytest.mark.parametrize("part", ["launcher", "supervisor"])
def test_a_killed_launcher_loses_its_runs_and_is_replaced(new_server: Callable[..., Server], part: str) -> None:
    server = new_server(slots=4, warm=1).start()
    code_id = server.create(SLEEP)
    before = wait_for_parts(server)
    with call_in_flight(server, code_id) as answer:
        os.kill(getattr(before, part), signal.SIGKILL)
        assert answer.result(20).json()["error_type"] == "lost"
    assert error_type(runs_of(server, code_id)[0]) == "lost"
    wait_until_gone([before.launcher, before.zygote, *before.runs])
    wait_until(server.healthy, what="health after the launcher's death")


def test_a_killed_database_is_started_again(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    code_id = server.create(SLEEP.replace("30", "1"))
    with call_in_flight(server, code_id) as answer:
        postmaster = parts_of(server).postmaster
        assert postmaster is not None
        os.kill(postmaster, signal.SIGKILL)
        result = answer.result(40)
        assert result.status_code in (200, 503), result.text
    wait_until(server.healthy, 30, "health after the database's death")
    run = runs_of(server, code_id)[0]
    if result.status_code == 200:
        assert run["status"] == "completed"
    wait_until(lambda: not started(server, code_id), 30, "no run being left as started")


def test_after_a_killed_server_nothing_runs_and_no_run_stays_started(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    code_id = server.create(SLEEP)
    with ThreadPoolExecutor(3) as executor:
        calls = [executor.submit(server.client.get, f"/endpoint/{code_id}") for _ in range(3)]
        wait_until(lambda: len(started(server, code_id)) == 3, what="three runs being started")
        everything = everything_of(server)
        server.kill()
        for call in calls:
            with pytest.raises(httpx.HTTPError):
                call.result(20)
    wait_until_gone(everything)
    again = new_server().start()
    wait_until(lambda: not started(again, code_id), 30, "no run being left as started")
    assert [error_type(run) for run in runs_of(again, code_id)] == ["lost"] * 3
    assert again.healthy()
    assert again.stop() == 0


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_killing_parts_at_random_under_load_never_answers_for_a_run_that_is_not_on_record(
    new_server: Callable[..., Server],
) -> None:
    server = new_server(slots=8, warm=2).start()
    code_id = server.create(QUICK)
    stop = threading.Event()
    answered: list[tuple[str, str]] = []

    def call(worker: int) -> None:
        with httpx.Client(base_url=server.base, timeout=40) as client:
            for number in range(100_000):
                if stop.is_set():
                    return
                with contextlib.suppress(httpx.HTTPError):
                    answer = client.get(f"/endpoint/{code_id}", params={"n": f"{worker}-{number}"})
                    assert answer.status_code in (200, 500, 503), answer.text
                    if answer.status_code == 200:
                        answered.append((answer.headers["x-run-id"], answer.text))

    choose = random.Random(20261123)
    with ThreadPoolExecutor(6) as executor:
        workers = [executor.submit(call, worker) for worker in range(6)]
        for _ in range(20):
            parts = wait_for_parts(server)
            victims = [parts.launcher, parts.zygote, parts.supervisor, *parts.runs[:2], parts.postmaster]
            victim = choose.choice(victims)
            if victim is not None and command_of(victim):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
            stop.wait(choose.uniform(0.1, 1.5))
        stop.set()
        for worker in workers:
            worker.result(60)
    wait_until(server.healthy, 30, "health after all that")
    wait_until(lambda: not started(server, code_id), 30, "no run being left as started")
    recorded = {run["id"]: run for run in runs_of(server, code_id)}
    assert len(answered) > 50
    for run_id, text in answered:
        assert recorded[run_id]["status"] == "completed"
        assert recorded[run_id]["result"] == text
