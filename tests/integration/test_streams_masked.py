"""Secrets in answers that go out while their run goes on: the caller gets them, the record does not."""

from typing import Any

import httpx
import pytest
from harness import Server, wait_until

SECRET = "a-Secret/of+the project"
IN_TWO = """
def Run(engine):
    secret = engine.secrets["STREAMED"]
    yield "before " + secret[:9]
    yield secret[9:] + " after"
"""
CUT = """
import time
def Run(engine):
    yield "before " + engine.secrets["STREAMED"][:12]
    raise ValueError("no")
"""
WORK = """
import time
def Run(engine):
    engine.background(time.sleep, float(engine.params["seconds"]))
    return "before " + engine.secrets["STREAMED"]
"""


@pytest.fixture(scope="module", autouse=True)
def secret(server: Server) -> None:
    fields = {"project_uuid": "streamed", "name": "STREAMED", "value": SECRET}
    answer = server.client.post("/secret", json=fields)
    assert answer.status_code == 201, answer.text


def ended(server: Server, answer: httpx.Response) -> dict[str, Any]:
    """The record of a run, once it is over."""
    wait_until(lambda: server.record(answer)["status"] != "started", 30, "the end of the run")
    return server.record(answer)


def test_a_secret_across_two_pieces_is_masked_in_the_record_alone(server: Server) -> None:
    code_id = server.create(IN_TWO, project_uuid="streamed")
    answer = server.client.get(f"/endpoint/{code_id}")
    assert answer.text == f"before {SECRET} after"
    record = ended(server, answer)
    assert record["result"] == "before *** after"
    assert record["extra"]["result_bytes"] == len(answer.content)
    assert "result_cut" not in record["extra"]
    told = server.client.post(f"/run/{code_id}")
    assert told.json()["result"]["result"] == answer.text


def test_a_secret_in_which_the_answer_was_cut_leaves_no_beginning(server: Server) -> None:
    code_id = server.create(CUT, project_uuid="streamed")
    with server.client.stream("GET", f"/endpoint/{code_id}") as answer, pytest.raises(httpx.RemoteProtocolError):
        answer.read()
    assert ended(server, answer)["result"] == "before ***"


def test_a_secret_in_an_answer_with_work_after_it_is_masked_from_the_start(server: Server) -> None:
    code_id = server.create(WORK, project_uuid="streamed", timeout=5)  # which ends the work of 60 s
    answer = server.client.get(f"/endpoint/{code_id}?seconds=60")
    assert answer.text == f"before {SECRET}"
    record = server.record(answer)
    assert (record["status"], record["result"]) == ("started", "before ***")
    told = server.client.post(f"/run/{code_id}?seconds=60").json()["result"]
    assert (told["status"], told["result"]) == ("started", answer.text)
    record = ended(server, server.client.get(f"/endpoint/{code_id}?seconds=0"))
    assert (record["status"], record["result"]) == ("completed", "before ***")
