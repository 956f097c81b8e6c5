"""`/run`, `/endpoint` and `/coderun`: what is run, what is recorded of it, and how the history is read."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from harness import Server, running_server
from integration.answers import refused

HELLO = "def Run(engine):\n    engine.log.info('hi')\n    return {'hello': engine.params.get('name')}\n"
RUN_FIELDS = {
    "id", "code_id", "status", "result", "extra", "params", "body", "headers", "created_at", "updated_at",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["flow", "endpoint"])
def test_a_code_of_either_type_is_run_with_the_token_and_answers_its_record(server: Server, kind: str) -> None:
    code_id = server.create(HELLO, type=kind)
    answer = server.client.post(f"/run/{code_id}?name=x", content=b"body")
    assert answer.status_code == 200
    assert set(answer.json()) == {"code_id", "result"}
    assert answer.json()["code_id"] == code_id
    run = answer.json()["result"]
    assert set(run) == RUN_FIELDS
    assert (run["status"], run["result"], run["code_id"]) == ("completed", '{"hello": "x"}', code_id)
    assert answer.headers["x-run-id"] == run["id"]
    assert server.record(answer) == run, "what is answered is what the history holds"


def test_a_flow_is_no_endpoint(server: Server) -> None:
    code_id = server.create(HELLO, type="flow")
    for prefix in ("/endpoint", "/action/endpoint"):
        for method in ("GET", "POST"):
            answer = server.client.request(method, f"{prefix}/{code_id}")
            assert refused(answer, 404, "not_found") == f"there is no endpoint {code_id}"
    assert server.client.get("/coderun", params={"code_id": code_id}).json()["total"] == 0


def test_what_does_not_exist_cannot_be_run(server: Server) -> None:
    unknown = uuid4()
    assert refused(server.client.post(f"/run/{unknown}"), 404, "not_found") == f"there is no code {unknown}"
    assert str(unknown) in refused(server.client.get(f"/endpoint/{unknown}"), 404, "not_found")
    for malformed in ("nope", "1", "%00", "x" * 300, f"{unknown}0"):
        assert refused(server.client.get(f"/endpoint/{malformed}/x"), 404, "not_found")


def test_a_failed_run_answers_its_record_without_the_traceback(server: Server) -> None:
    code_id = server.create("def Run(engine):\n    raise ValueError('mine')\n", type="flow")
    answer = server.client.post(f"/run/{code_id}")
    assert answer.status_code == 500
    told = answer.json()
    assert set(told) == {"error", "run_id", "error_type", "code_id", "result"}
    assert told["error"]["code"] == "internal"
    assert (told["error_type"], told["run_id"]) == ("exception", answer.headers["x-run-id"])
    assert told["result"]["extra"]["error"]["traceback"] == ""
    assert "line 2, in Run" in server.record(answer)["extra"]["error"]["traceback"]


def test_a_run_that_takes_too_long_is_a_504_both_ways(server: Server) -> None:
    code_id = server.create("import time\ndef Run(engine):\n    print('begun')\n    time.sleep(60)\n", timeout=5)
    with ThreadPoolExecutor() as threads:
        answers = list(threads.map(server.client.post, (f"/endpoint/{code_id}", f"/run/{code_id}")))
    for answer in answers:
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")
        assert answer.json()["error_type"] == "timeout"
        record = server.record(answer)
        assert record["extra"]["error"]["type"] == "timeout"
        assert 4950 < record["extra"]["duration_ms"] < 60_000, "as long as its timeout, not as its sleep"
        assert server.logs(answer) == [("info", "begun")]


def test_a_language_that_is_switched_off_is_refused_and_the_others_run(database_url: str, tmp_path: Path) -> None:
    with running_server(tmp_path, database_url, languages="python") as server:
        code_id = server.create("export function Run() {}", language="javascript", check="false")
        for answer in (
            server.client.get(f"/endpoint/{code_id}"),
            server.client.post(f"/run/{code_id}"),
            server.client.patch(f"/code/{code_id}", content=b"export function Run() { return 1 }"),
        ):
            assert answer.status_code == 503
            assert answer.json()["error"]["message"].startswith("this node has no runtime for javascript: ")
        assert server.client.get("/coderun", params={"code_id": code_id}).json()["total"] == 0
        assert server.healthy()


def test_running_without_waiting_is_refused_for_now(server: Server) -> None:
    code_id = server.create(HELLO)
    assert "wait" in refused(server.client.post(f"/run/{code_id}?wait=false"))
    assert "wait" in refused(server.client.post(f"/run/{code_id}?wait=perhaps"))
    assert server.client.get("/coderun", params={"code_id": code_id}).json()["total"] == 0


def test_the_record_holds_the_whole_call(server: Server) -> None:
    headers = {"X-Thing": "One", "Authorization": "Bearer users-own", "Cookie": "session=1", "X-Api-Key": "k"}
    source = "def Run(engine):\n    h = engine.header\n    return [h.get('authorization'), h.get('cookie')]\n"
    code_id = server.create(source)
    answer = server.client.put(
        f"/endpoint/{code_id}/further/path?a=1&a=2&b=&%C3%BC=%00", headers=headers, content="grüße".encode()
    )
    assert answer.json() == ["Bearer users-own", "session=1"], "masked in the record, not for the code"
    record = server.record(answer)
    assert set(record) == RUN_FIELDS
    assert record["params"] == {"a": ["1", "2"], "b": "", "ü": "\ufffd"}
    assert record["headers"].items() >= {
        "x-thing": "One", "authorization": "***", "cookie": "***", "x-api-key": "***",
    }.items()  # fmt: skip
    assert "users-own" not in json.dumps(record["headers"])
    assert record["body"] == "grüße"
    extra = record["extra"]
    assert (extra["method"], extra["path"], extra["language"]) == ("PUT", "/further/path", "python")
    assert (extra["status_code"], extra["content_type"]) == (200, "application/json")
    assert extra["source_sha256"] == hashlib.sha256(source.encode()).hexdigest()
    assert extra["node"]
    assert extra["duration_ms"] > 0
    assert extra["queue_ms"] >= 0
    assert "body_encoding" not in extra
    assert "result_encoding" not in extra
    created, updated = (datetime.fromisoformat(record[name]) for name in ("created_at", "updated_at"))
    assert created.utcoffset() is not None
    assert created < updated


@pytest.mark.parametrize(
    ("content", "encoded"), [(b"\x89PNG\x00\xff", "iVBORwD/"), (b"text\x00", "dGV4dAA="), (b"", "")]
)
def test_what_is_no_text_is_recorded_in_base64(server: Server, content: bytes, encoded: str) -> None:
    answer = server.call("def Run(engine):\n    return engine.request.content\n", content=content)
    assert answer.content == content
    record = server.record(answer)
    assert (record["body"], record["result"]) == (encoded, encoded)
    encoding = "base64" if content else None
    assert record["extra"].get("body_encoding") == encoding
    assert record["extra"].get("result_encoding") == encoding


def test_repeated_headers_are_recorded_as_a_list(server: Server) -> None:
    code_id = server.create(HELLO)
    answer = server.client.get(f"/endpoint/{code_id}", headers=[("X-A", "1"), ("X-A", "2")])
    assert server.record(answer)["headers"]["x-a"] == ["1", "2"]


def test_run_ids_are_of_version_7_and_sort_by_time(server: Server) -> None:
    code_id = server.create(HELLO)
    ids = [server.client.get(f"/endpoint/{code_id}").headers["x-run-id"] for _ in range(10)]
    assert all(UUID(run_id).version == 7 for run_id in ids)
    assert ids == sorted(ids)
    milliseconds = int(UUID(ids[0])) >> 80
    created = datetime.fromisoformat(server.client.get(f"/coderun/{ids[0]}").json()["created_at"]).timestamp()
    assert abs(milliseconds / 1000 - created) < 1


@pytest.fixture(scope="module")
def history(server: Server) -> Iterator[tuple[str, list[str]]]:
    """A code with 45 runs, every fifth of them failed; and their ids, oldest first."""
    source = "def Run(engine):\n    if engine.params.get('n') in '5 10 15 20 25 30 35 40 45'.split(): 1 / 0\n"
    code_id = server.create(source)
    runs = [server.client.get(f"/endpoint/{code_id}?n={n}").headers["x-run-id"] for n in range(1, 46)]
    yield code_id, runs
    server.client.delete(f"/code/{code_id}")


def listed(server: Server, code_id: str, **params: Any) -> dict[str, Any]:
    """The answer of the history, with the runs reduced to their ids."""
    answer = server.client.get("/coderun", params={"code_id": code_id, **params})
    assert answer.status_code == 200, answer.text
    assert all(set(run) == RUN_FIELDS for run in answer.json()["data"])
    return {**answer.json(), "data": [run["id"] for run in answer.json()["data"]]}


def test_the_history_comes_in_pages_of_20_newest_first(server: Server, history: tuple[str, list[str]]) -> None:
    code_id, runs = history
    runs = runs[::-1]
    for page, part in ((1, runs[:20]), (2, runs[20:40]), (3, runs[40:]), (4, []), (1_000_000, [])):
        found = listed(server, code_id, page=page)
        assert found == {"data": part, "total": 45, "page": page, "last_page": 3}
    assert listed(server, code_id)["page"] == 1


def test_the_history_of_nothing_is_one_empty_page(server: Server) -> None:
    assert listed(server, str(uuid4())) == {"data": [], "total": 0, "page": 1, "last_page": 1}


def test_the_history_is_filtered_by_status(server: Server, history: tuple[str, list[str]]) -> None:
    code_id, runs = history
    failed = listed(server, code_id, status="failed")
    assert failed == {"data": runs[4::5][::-1], "total": 9, "page": 1, "last_page": 1}
    assert listed(server, code_id, status="completed")["total"] == 36
    assert listed(server, code_id, status="started")["total"] == 0
    assert listed(server, code_id, status="queued")["total"] == 0


def test_the_history_is_filtered_by_time(server: Server, history: tuple[str, list[str]]) -> None:
    code_id, runs = history
    tenth, twentieth = (server.client.get(f"/coderun/{runs[n - 1]}").json()["created_at"] for n in (10, 20))
    assert listed(server, code_id, after=twentieth)["total"] == 25
    assert listed(server, code_id, before=tenth) == {
        "data": runs[:9][::-1], "total": 9, "page": 1, "last_page": 1,
    }  # fmt: skip
    between = listed(server, code_id, after=tenth, before=twentieth, status="completed")
    assert between["data"] == [run for n, run in enumerate(runs, 1) if 10 < n < 20 and n % 5][::-1]
    assert listed(server, code_id, before="2020-01-01T00:00:00Z")["total"] == 0
    assert listed(server, code_id, after="2020-01-01T00:00:00+14:00")["total"] == 45


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("", "code_id"),
        ("code_id=nope", "code_id"),
        ("code_id={id}&page=0", "page"),
        ("code_id={id}&page=-1", "page"),
        ("code_id={id}&page=1000001", "page"),
        ("code_id={id}&page=one", "page"),
        ("code_id={id}&page=", "page"),
        ("code_id={id}&status=lost", "status"),
        ("code_id={id}&status=", "status"),
        ("code_id={id}&after=yesterday", "after"),
        ("code_id={id}&before=2026-11-23T06:00:00 25:00", "before"),
        ("code_id={id}&before=2026-11-23 +02:00", "before"),
        ("code_id={id}&before=1764000000", "before"),
        ("code_id={id}&after=-1.5", "after"),
        ("code_id={id}&before=2026-13-23T06:00:00Z", "before"),
        ("code_id={id}&pages=2", "pages"),
    ],
)
def test_a_wrong_question_to_the_history_is_refused(server: Server, query: str, named: str) -> None:
    assert named in refused(server.client.get("/coderun?" + query.format(id=uuid4())))


def test_a_run_that_is_not_there_is_not_found(server: Server) -> None:
    unknown = uuid4()
    assert refused(server.client.get(f"/coderun/{unknown}"), 404, "not_found") == f"there is no run {unknown}"
    assert "run_id" in refused(server.client.get("/coderun/nope"))
    assert "x" in refused(server.client.get(f"/coderun/{unknown}?x=1"))
