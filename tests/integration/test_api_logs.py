"""`/codelog`: what runs wrote, read back."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from harness import Server
from integration.answers import refused

FORTY_FIVE = "def Run(engine):\n    for n in range(45):\n        engine.log.debug('line %d', n)\n"


def listed(server: Server, **params: Any) -> dict[str, Any]:
    """The answer of the list, with the lines reduced to their content."""
    answer = server.client.get("/codelog", params=params)
    assert answer.status_code == 200, answer.text
    return {**answer.json(), "data": [line["content"] for line in answer.json()["data"]]}


def test_a_line_can_be_read_alone_and_says_where_it_belongs(server: Server) -> None:
    answer = server.call("def Run(engine):\n    engine.log.error('grüße')\n")
    run_id = answer.headers["x-run-id"]
    [line] = server.client.get("/codelog", params={"run_id": run_id}).json()["data"]
    assert set(line) == {"id", "run_id", "code_id", "type", "content", "created_at"}
    assert (line["run_id"], line["type"], line["content"]) == (run_id, "error", "grüße")
    record = server.record(answer)
    assert line["code_id"] == record["code_id"]
    begun, at, ended = (
        datetime.fromisoformat(text) for text in (record["created_at"], line["created_at"], record["updated_at"])
    )
    assert begun <= at <= ended
    assert UUID(line["id"])
    assert server.client.get(f"/codelog/{line['id']}").json() == line


def test_the_lines_of_a_run_come_in_order_in_pages_of_20(server: Server) -> None:
    run_id = server.call(FORTY_FIVE).headers["x-run-id"]
    lines = [f"line {n}" for n in range(45)]
    for page, part in ((1, lines[:20]), (2, lines[20:40]), (3, lines[40:]), (4, [])):
        assert listed(server, run_id=run_id, page=page) == {
            "data": part, "total": 45, "page": page, "last_page": 3,
        }  # fmt: skip


def test_the_lines_of_a_code_come_newest_run_first_and_in_order_within_a_run(server: Server) -> None:
    code_id = server.create("def Run(engine):\n    for n in 'abc':\n        print(engine.params.get('r') + n)\n")
    for r in "123":
        server.client.get(f"/endpoint/{code_id}?r={r}")
    found = listed(server, code_id=code_id)
    assert (found["total"], found["last_page"]) == (9, 1)
    assert [line[0] for line in found["data"]] == list("333222111")
    assert sorted(found["data"]) == [r + n for r in "123" for n in "abc"]


def test_no_lines_are_one_empty_page(server: Server) -> None:
    run_id = server.call("def Run(engine):\n    pass\n").headers["x-run-id"]
    for params in ({"run_id": run_id}, {"run_id": str(uuid4())}, {"code_id": str(uuid4())}):
        assert listed(server, **params) == {"data": [], "total": 0, "page": 1, "last_page": 1}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("", "run_id, code_id"),
        ("run_id={id}&code_id=nope", "code_id"),
        ("run_id=nope", "run_id"),
        ("code_id=nope", "code_id"),
        ("code_id=", "code_id"),
        ("run_id={id}&page=0", "page"),
        ("run_id={id}&page=x", "page"),
        ("run_id={id}&level=info", "level"),
    ],
)
def test_a_wrong_question_is_refused(server: Server, query: str, named: str) -> None:
    assert named in refused(server.client.get("/codelog?" + query.format(id=uuid4())))


def test_a_line_that_is_not_there_is_not_found(server: Server) -> None:
    unknown = uuid4()
    assert refused(server.client.get(f"/codelog/{unknown}"), 404, "not_found") == f"there is no log {unknown}"
    assert "log_id" in refused(server.client.get("/codelog/nope"))
