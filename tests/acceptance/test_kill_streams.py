"""Parts that die, stop or stay away while an answer goes out, or while there is work after it."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from harness import Server, wait_until
from processes import everything_of, wait_for_parts, wait_until_gone

STREAM = """
import os, time
def Run(engine):
    yield "begun"
    while not engine.params.get("seconds"):
        time.sleep(0.05)
        yield "."
    time.sleep(float(engine.params["seconds"]))
"""
WORK = "import time\ndef Run(engine):\n    engine.background(time.sleep, 30)\n    return 'answer'\n"


@contextlib.contextmanager
def stream_in_flight(server: Server, code_id: str, **params: str) -> Iterator[tuple[httpx.Response, Iterator[bytes]]]:
    """A stream whose beginning has come."""
    with server.client.stream("GET", f"/endpoint/{code_id}", params=params) as answer:
        pieces = answer.iter_raw()
        assert next(pieces).startswith(b"begun")
        yield answer, pieces


def is_cut(pieces: Iterator[bytes]) -> bool:
    """Take what still comes, and tell whether the connection was closed in the middle."""
    try:
        for _ in pieces:
            pass
    except httpx.HTTPError:
        return True
    return False


def ended(server: Server, answer: httpx.Response) -> dict[str, Any]:
    """The record of a run, once it is over."""
    wait_until(lambda: server.record(answer)["status"] != "started", 60, "the end of the run")
    return server.record(answer)


@pytest.mark.parametrize("part", ["launcher", "supervisor"])
def test_a_killed_launcher_cuts_its_streams_and_ends_the_work(new_server: Callable[..., Server], part: str) -> None:
    server = new_server().start()
    code_id = server.create(STREAM)
    working = server.client.get(f"/endpoint/{server.create(WORK)}")
    with stream_in_flight(server, code_id) as (answer, pieces):
        os.kill(getattr(wait_for_parts(server), part), signal.SIGKILL)
        assert is_cut(pieces)
    for run, text in ((answer, "begun"), (working, "answer")):
        record = ended(server, run)
        assert (record["status"], record["extra"]["error"]["type"]) == ("failed", "lost")
        assert record["result"].startswith(text)
    wait_until(server.healthy, what="health after the launcher's death")


def test_a_server_that_stops_cuts_streams_and_ends_work_on_record(new_server: Callable[..., Server]) -> None:
    server = new_server(stop_seconds=1).start()
    code_id = server.create(STREAM)
    working = server.client.get(f"/endpoint/{server.create(WORK)}")
    everything = everything_of(server)
    with stream_in_flight(server, code_id) as (answer, pieces):
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        assert is_cut(pieces)
    assert server.process.wait(30) == 0
    wait_until_gone(everything)
    assert not [line for line in server.output if "Traceback" in line or "Exception" in line]
    again = new_server().start()
    for run, text in ((answer, "begun"), (working, "answer")):
        record = again.record(run)
        error = record["extra"]["error"]
        assert (record["status"], error["type"], error["message"]) == ("failed", "cancelled", "the server stopped")
        assert record["result"].startswith(text)


def test_after_a_killed_server_every_run_that_had_begun_to_answer_is_on_record(
    new_server: Callable[..., Server],
) -> None:
    server = new_server().start()
    code_id = server.create(STREAM)
    working = server.client.get(f"/endpoint/{server.create(WORK)}")
    everything = everything_of(server)
    with stream_in_flight(server, code_id) as (answer, pieces):
        server.process.kill()  # type: ignore[union-attr]
        assert is_cut(pieces)
    wait_until_gone(everything)
    again = new_server().start()
    assert ended(again, answer)["extra"]["error"]["type"] == "lost"
    record = ended(again, working)
    assert (record["result"], record["extra"]["error"]["type"]) == ("answer", "lost")


def test_a_killed_database_keeps_what_had_begun_to_answer(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    code_id = server.create(STREAM)
    with stream_in_flight(server, code_id, seconds="2") as (answer, pieces):
        postmaster = wait_for_parts(server).postmaster
        assert postmaster is not None
        os.kill(postmaster, signal.SIGKILL)
        assert not is_cut(pieces), "it comes back in time for the end"
    wait_until(server.healthy, 30, "health after the database's death")
    assert (server.record(answer)["status"], server.record(answer)["result"]) == ("completed", "begun")


def test_a_stream_whose_end_cannot_be_recorded_is_cut(postgres: Any, database_url: str, tmp_path: Path) -> None:
    server = Server(tmp_path / "data", database_url, languages="python", record_seconds=1).start()
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    code_id = server.create(STREAM)
    try:
        with psycopg.connect(postgres.url, autocommit=True) as administrator:
            with stream_in_flight(server, code_id, seconds="6") as (answer, pieces):
                administrator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
                administrator.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
                )
                assert is_cut(pieces)
            administrator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        wait_until(server.healthy, 30, "health with the database")
        assert ended(server, answer)["extra"]["error"]["type"] == "lost"
    finally:
        server.stop()
