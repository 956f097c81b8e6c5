"""Slots, the queue before them, and callers that go away: nothing is lost, waiting is not running."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psycopg
import pytest
from harness import Server, running_server, wait_until
from integration.answers import refused

SLEEPER = "import time\ndef Run(engine):\n    time.sleep(float(engine.params['s']))\n    return 'slept'\n"
QUICK = "def Run(engine):\n    return 'quick'\n"


@pytest.fixture
def narrow(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with one slot, which nobody tries JavaScript in, and one caller that may wait for it, for 3 seconds."""
    folder = tmp_path_factory.mktemp("narrow")
    narrow = {"slots": 1, "queue": 1, "queue_seconds": 3, "warm": 0, "languages": "python"}
    with running_server(folder, database_url, **narrow) as server:
        yield server


def metric(server: Server, name: str) -> float:
    """The value of one series."""
    lines = server.client.get("/metrics").text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + " ")), 0.0)


def test_a_full_queue_and_a_slot_that_does_not_come_are_503_and_leave_no_run(narrow: Server, database_url: str) -> None:
    code_id = narrow.create(SLEEPER)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(narrow.client.get, f"/endpoint/{code_id}?s=7")
        wait_until(lambda: metric(narrow, "ca_slots_busy") == 1, what="the first run")
        second = threads.submit(narrow.client.get, f"/endpoint/{code_id}?s=0")
        wait_until(lambda: metric(narrow, "ca_slots_waiting") == 1, what="the second caller's waiting")
        third = narrow.client.post(f"/run/{code_id}?s=0")
        assert not second.done(), "a full queue is told at once"
        assert refused(third, 503, "busy") == "all 1 slots are busy and 1 callers wait"
        assert third.headers["retry-after"] == "1"
        assert refused(second.result(), 503, "busy") == "no slot became free within 3 s"
        assert second.result().headers["retry-after"] == "1"
        assert not first.done(), "who waits is told while the slot is busy"
        assert first.result().text == "slept"
    with psycopg.connect(database_url) as connection:
        statuses = connection.execute("SELECT status FROM coderuns").fetchall()
    assert statuses == [("completed",)]
    assert metric(narrow, 'ca_http_errors_total{code="busy"}') == 2
    assert narrow.healthy()


def test_waiting_for_a_slot_is_recorded_apart_from_running(narrow: Server) -> None:
    sleeper, quick = narrow.create(SLEEPER), narrow.create(QUICK)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(narrow.client.get, f"/endpoint/{sleeper}?s=2")
        wait_until(lambda: metric(narrow, "ca_slots_busy") == 1, what="the first run")
        answer = narrow.client.get(f"/endpoint/{quick}")
        assert first.result().text == "slept"
    assert answer.text == "quick"
    extra = narrow.record(answer)["extra"]
    slept = narrow.record(first.result())["extra"]
    assert extra["duration_ms"] < extra["queue_ms"]
    assert slept["queue_ms"] < 2000 <= slept["duration_ms"], "of the two seconds, it slept, and waited for nothing"


def test_callers_are_served_in_the_order_they_came(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("ordered")
    with running_server(folder, database_url, slots=1, queue=8, queue_seconds=10, languages="python") as server:
        code_id = server.create(SLEEPER)
        with ThreadPoolExecutor() as threads:
            answers = []
            for place in range(5):
                # The first runs until all the others wait behind it.
                seconds = 0.1 if place else 3
                answers.append(threads.submit(server.client.get, f"/endpoint/{code_id}?s={seconds}&place={place}"))
                wait_until(lambda: metric(server, "ca_slots_busy") == 1, what="the first run")
                wait_until(lambda place=place: metric(server, "ca_slots_waiting") == place, what="the queue")
            assert [answer.result().status_code for answer in answers] == [200] * 5
        records = [server.record(answer.result()) for answer in answers]
        assert [record["params"]["place"] for record in sorted(records, key=lambda record: record["id"])] == list(
            "01234"
        )


def test_a_run_goes_on_and_is_recorded_when_its_caller_hangs_up(server: Server) -> None:
    code_id = server.create(SLEEPER)
    address = urlsplit(server.base)

    def status() -> str:
        data = server.client.get("/coderun", params={"code_id": code_id}).json()["data"]
        return str(data[0]["status"]) if data else ""

    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"GET /endpoint/%s?s=3 HTTP/1.1\r\nHost: x\r\n\r\n" % code_id.encode())
        wait_until(lambda: status() == "started", what="the run's beginning")
    assert status() == "started"
    wait_until(lambda: status() == "completed", what="the run's end")
    [run] = server.client.get("/coderun", params={"code_id": code_id}).json()["data"]
    assert (run["result"], run["extra"]["status_code"]) == ("slept", 200)
    assert run["extra"]["duration_ms"] >= 3000


def test_runs_in_parallel_share_commits(server: Server) -> None:
    callers = 16  # the server's slots: all run at the same time
    code_id = server.create('def Run(engine):\n    engine.log.info("x")\n    return engine.params["n"]\n')
    numbers = [str(n) for n in range(callers)]
    database_url = server._environment["DATABASE_URL"]
    begun = "SELECT count(*) FROM coderuns WHERE code_id = %s"
    with (
        psycopg.connect(database_url) as holder,
        psycopg.connect(database_url, autocommit=True) as connection,
        ThreadPoolExecutor(callers) as threads,
    ):
        holder.execute("LOCK TABLE codelogs")  # no end can be written: all of them have to wait
        calls = [threads.submit(server.client.get, f"/endpoint/{code_id}?n={n}") for n in numbers]

        def all_ended() -> bool:
            counted = connection.execute(begun, [code_id]).fetchone() == (callers,)
            return counted and metric(server, "ca_slots_busy") == 0

        wait_until(all_ended, 20, "the end of all runs")
        holder.rollback()
        answers = [call.result() for call in calls]
    assert [answer.text for answer in answers] == numbers, "each caller gets the answer of its own run"
    # xmin is the transaction that wrote a row as it stands: the run's end, and its log lines.
    ends = "SELECT xmin::text FROM coderuns WHERE code_id = %s AND status = 'completed'"
    logs = "SELECT count(*) FROM codelogs l JOIN coderuns r ON r.id = l.run_id WHERE r.code_id = %s AND l.xmin = r.xmin"
    with psycopg.connect(server._environment["DATABASE_URL"]) as connection:
        transactions = [row[0] for row in connection.execute(ends, [code_id])]
        together = connection.execute(logs, [code_id]).fetchone()
    assert len(transactions) == len(numbers)
    assert len(set(transactions)) < len(numbers)
    assert together == (len(numbers),), "a run's log is written in the same transaction as its end"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE coderuns SET status = 'failed' WHERE id = %s",
        "UPDATE coderuns SET status = 'started' WHERE id = %s",
        "UPDATE coderuns SET result = 'forged' WHERE id = %s",
        "UPDATE coderuns SET extra = '{}' WHERE id = %s",
    ],
)
@pytest.mark.parametrize("source", [QUICK, "def Run(engine):\n    1 / 0\n"], ids=["completed", "failed"])
def test_a_finished_run_cannot_be_changed_even_by_hand(server: Server, source: str, change: str) -> None:
    answer = server.call(source)
    before = json.dumps(server.record(answer))
    with (
        psycopg.connect(server._environment["DATABASE_URL"], autocommit=True) as connection,
        pytest.raises(psycopg.Error, match="a finished run never changes"),
    ):
        connection.execute(change, [answer.headers["x-run-id"]])
    assert json.dumps(server.record(answer)) == before
