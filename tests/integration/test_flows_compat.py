"""The requests of the Go service's clients: what its handlers read is taken, and with the setting, answered its way.

The requests are those of its Postman collections and its script of curl calls, told in our words. Each says what the Go
service's handlers answer.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from gotool import SERVICE_TABLES
from harness import Server, running_server
from integration.answers import refused
from integration.api_tokens.tokens import headers_with_token

PROJECT = "fa147fa6-5af0-4d99-9c00-043c89d97392"
OLD_CODE, OLD_RUN = "66b4d267bb5739e53e4fa37d", "66ba1e9d6213e32a9e6d41ed"
CODE, RUN = "6a1d8f0e-0000-4000-8000-000000000001", "6a1d8f0e-0000-4000-8000-000000000003"
SOURCE = (
    "def Run(engine):\r\n"
    "    for key, value in engine.params.items():\r\n"
    "        engine.log.debug(f'{key}: {value}')\r\n"
    "    engine.result.set({'id': engine.params.get('user_id')}, status_code=200, content_type='json')\r\n"
)
ROWS = f"""
INSERT INTO codes (id, name, type, source, language, project_uuid, created_at, updated_at, mongo_object_id) VALUES
    ('{CODE}', 'old', 'endpoint', E'def Run(engine):\\n    return {{"id": engine.params.get("user_id")}}\\n', 'python',
     '{PROJECT}', now(), now(), '{OLD_CODE}');
INSERT INTO coderuns (id, code_id, status, result, created_at, updated_at, mongo_object_id, code_mongo_id) VALUES
    ('{RUN}', '{CODE}', 'failed', 'error on executing code', '2024-06-01', '2024-06-01', '{OLD_RUN}', '{OLD_CODE}');
"""
NEW = {"name": "foobar", "language": "python", "type": "endpoint", "project_uuid": PROJECT}
CODE_KEYS = {"id", "name", "type", "source", "language", "project_uuid", "created_at", "updated_at"}
RUN_KEYS = {
    "id", "code_id", "status", "result", "extra", "params", "body", "headers", "created_at", "updated_at",
}  # fmt: skip
JSON_BODY = b'{\r\n    "name": "foo bar 1",\r\n    "type": "user"\r\n}'
# Method, path, parameters, body, status, and the keys of the answer: of the object, or of each object of an array.
REQUESTS: list[tuple[str, str, dict[str, str], bytes, int, Any]] = [
    ("POST", "/admin/code", NEW, SOURCE.encode(), 201, CODE_KEYS),
    ("POST", "/code", {**NEW, "name": "C\u00f3digo com Logs"}, SOURCE.encode(), 201, CODE_KEYS),
    ("PATCH", f"/admin/code/{CODE}", NEW, SOURCE.encode(), 200, CODE_KEYS),
    ("PATCH", f"/code/{OLD_CODE}", NEW, SOURCE.encode(), 200, CODE_KEYS),
    ("GET", f"/code/{OLD_CODE}", {}, JSON_BODY, 200, CODE_KEYS),
    ("GET", "/code", {"project_uuid": PROJECT}, b"", 200, [CODE_KEYS]),
    ("GET", "/code", {"project_uuid": PROJECT, "code_type": "endpoint"}, b"", 200, [CODE_KEYS]),
    ("GET", "/code", {"project_uuid": PROJECT, "code_type": ""}, b"", 200, [CODE_KEYS]),
    ("GET", f"/coderun/{OLD_RUN}", {}, JSON_BODY, 200, RUN_KEYS),
    ("GET", "/coderun", {"code_id": OLD_CODE}, b"", 200, [RUN_KEYS]),
    (
        *("GET", "/coderun", {"code_id": OLD_CODE, "after": "2024-01-01T00:00:00", "before": "2024-12-12T23:59:59"}),
        *(b"", 200, [RUN_KEYS]),
    ),
    ("GET", f"/action/endpoint/{OLD_CODE}", {"user_id": "1"}, b"", 200, {"id"}),
    ("POST", f"/action/endpoint/{CODE}", {"user_id": "1", "mode": "manual"}, b'{"a": 1}', 200, {"id"}),
    ("POST", f"/endpoint/{CODE}", {}, b'{"test_data": "value"}', 200, {"id"}),
    ("POST", f"/run/{CODE}", {}, b"", 200, {"code_id", "result"}),
    ("GET", "/codelog", {"run_id": OLD_RUN}, b"", 200, {"data", "total", "page", "last_page"}),
    ("GET", "/codelog", {"code_id": OLD_CODE}, b"", 200, {"data", "total", "page", "last_page"}),
    ("GET", "/codelog", {"run_id": OLD_RUN, "code_id": CODE, "page": "1"}, b"", 200, {"data", "total", "page"}),
    ("DELETE", "/code/{new}", {}, b"", 200, None),
    ("DELETE", "/code/{new}", {"project_uuid": PROJECT}, b"", 200, None),
    ("GET", "/health", {}, b"", 200, {"status", "timestamp", "uptime", "services", "system"}),
    ("GET", "/healthz", {}, b"", 200, {"status", "timestamp", "uptime", "version"}),
    ("GET", "/", {}, b"", 200, {"status", "timestamp", "uptime", "version"}),
    ("GET", f"/code/{'6' * 24}", {}, b"", 404, {"message"}),
    ("GET", f"/coderun/{'6' * 24}", {}, b"", 404, {"message"}),
    ("GET", f"/action/endpoint/{'6' * 24}", {}, b"", 404, {"message"}),
    ("GET", "/nowhere", {}, b"", 404, {"message"}),
    ("PUT", "/code", {}, b"", 405, {"message"}),
    ("GET", "/code", {}, b"", 400, {"message"}),
    ("GET", "/coderun", {}, b"", 400, {"message"}),
    ("GET", "/coderun", {"code_id": OLD_CODE, "after": "yesterdayish"}, b"", 400, {"message"}),
    ("GET", "/codelog", {}, b"", 400, {"message"}),
    ("POST", "/code", {**NEW, "type": "user"}, SOURCE.encode(), 400, {"message"}),
    ("POST", "/code", {**NEW, "language": "lua"}, SOURCE.encode(), 400, {"message"}),
]
_numbers = itertools.count()


def prepare(url: str) -> None:
    """Make the Go service's tables, with rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SERVICE_TABLES)
        connection.execute(ROWS.encode())


@pytest.fixture(scope="module")
def flows(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that answers as the Go service does."""
    prepare(module_database_url)
    settings = {"slots": 4, "languages": "python", "compat": "flows-code-actions"}
    with running_server(tmp_path_factory.mktemp("flows"), module_database_url, **settings) as server:
        yield server


@pytest.mark.parametrize(("method", "path", "parameters", "body", "status", "keys"), REQUESTS)
def test_a_request_of_its_clients_is_answered_its_way(
    flows: Server, method: str, path: str, parameters: dict[str, str], body: bytes, status: int, keys: Any
) -> None:
    if "{new}" in path:
        path = path.replace("{new}", flows.create(SOURCE, project_uuid=PROJECT))
    answer = flows.client.request(method, path, params=parameters, content=body)
    assert answer.status_code == status, answer.text
    if keys is None:
        assert answer.content == b""
    elif isinstance(keys, list):
        assert answer.json()
        assert all(keys[0] <= set(one) for one in answer.json())
    elif status >= 400:
        assert set(answer.json()) == keys
        assert answer.json()["message"]
    else:
        assert keys <= set(answer.json())


def test_a_list_of_runs_is_all_of_them_and_bounded(flows: Server) -> None:
    code_id = flows.create(SOURCE, project_uuid=PROJECT)
    ran = [flows.client.get(f"/endpoint/{code_id}").headers["x-run-id"] for _ in range(25)]
    answer = flows.client.get("/coderun", params={"code_id": code_id})
    assert [run["id"] for run in answer.json()] == ran[::-1], "more than one of our pages"
    assert answer.headers["x-total-count"] == "25"
    assert flows.client.get("/coderun", params={"code_id": code_id, "page": 2}).json() == []


def test_what_it_does_not_read_it_ignores(flows: Server) -> None:
    answer = flows.client.get("/codelog", params={"run_id": OLD_RUN, "limit": 5, "sort": "asc"})
    assert answer.status_code == 200, answer.text


def test_health_tells_each_part(flows: Server) -> None:
    told = flows.client.get("/health").json()
    assert told["status"] == "healthy"
    assert {"database", "sandbox"} <= set(told["services"])
    for part in told["services"].values():
        assert set(part) == {"status", "message", "latency", "timestamp"}
        assert part["status"] == "healthy"
        assert part["message"]
        assert isinstance(part["latency"], int)
    assert httpx.get(f"{flows.base}/health").status_code == 200, "for anybody"
    assert httpx.get(f"{flows.base}/").json()["status"] == "ok"


def test_a_flow_is_run_at_action_endpoint_and_nowhere_else(flows: Server) -> None:
    code_id = flows.create(SOURCE, type="flow", project_uuid=PROJECT)
    answer = httpx.get(f"{flows.base}/action/endpoint/{code_id}", params={"user_id": "7"})
    assert (answer.status_code, answer.json()) == (200, {"id": "7"})
    assert httpx.get(f"{flows.base}/endpoint/{code_id}").status_code == 404


def test_a_codes_own_answer_stays_as_it_is(flows: Server) -> None:
    said = '{"error": {"code": "invalid", "message": "mine"}}'
    answer = flows.call(f"def Run(engine):\n    engine.result.set({said}, status_code=400, content_type='json')\n")
    assert (answer.status_code, answer.json()) == (400, {"error": {"code": "invalid", "message": "mine"}})
    answer = flows.call("def Run(engine):\n    raise ValueError('mine')\n")
    assert (answer.status_code, set(answer.json())) == (500, {"message"})
    assert "mine" not in answer.text
    assert answer.headers["x-run-id"] in answer.text
    answer = flows.call("import time\ndef Run(engine):\n    time.sleep(60)\n", timeout_seconds=5)
    assert (answer.status_code, set(answer.json())) == (408, {"message"})


@pytest.mark.parametrize(("role", "may_write"), [(1, False), (2, False), (3, True)])
def test_only_a_moderator_writes(flows: Server, role: int, may_write: bool) -> None:
    project = f"rule {next(_numbers)}"
    flows.client.post("/project", json={"name": "p", "uuid": project}).raise_for_status()
    code_id = flows.create(SOURCE, project_uuid=project)
    headers = headers_with_token(flows, project_uuid=project, role=role)

    def status(method: str, path: str, **request: Any) -> int:
        answer = flows.client.request(method, path, headers=headers, **request)
        assert answer.is_success or set(answer.json()) == {"message"}
        return answer.status_code

    new = {**NEW, "project_uuid": project}
    assert status("GET", f"/code/{code_id}") == 200
    assert status("GET", "/code", params={"project_uuid": project}) == 200
    assert status("GET", "/coderun", params={"code_id": code_id}) == 200
    for path in ("/code", "/admin/code"):
        assert status("POST", path, params=new, content=SOURCE.encode()) == (201 if may_write else 403)
        assert status("PATCH", f"{path}/{code_id}", params={"name": "x"}) == (200 if may_write else 403)
    assert status("DELETE", f"/code/{code_id}") == (200 if may_write else 403)


# ---- without the setting: what its clients send is taken, and the answers are ours


@pytest.mark.parametrize("path", ["/code", "/admin/code"])
@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_a_bare_source_that_is_called_json_is_taken(server: Server, path: str, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    answer = server.client.post(path, params=NEW, content=SOURCE.encode(), headers=headers)
    assert (answer.status_code, answer.json()["source"]) == (201, SOURCE)
    changed = "def Run(engine):\n    return 'changed'\n"
    code = f"{path}/{answer.json()['id']}"
    answer = server.client.patch(code, content=changed.encode(), headers=headers)
    assert (answer.status_code, answer.json()["source"]) == (200, changed)


@pytest.mark.parametrize("body", [b'{"source": ', b' {"source": "x", }', b"[1]", b'"def Run(e): pass"', b"7", b"null"])
def test_what_was_meant_as_json_is_no_source(server: Server, body: bytes) -> None:
    answer = server.client.post("/code", params=NEW, content=body, headers={"Content-Type": "application/json"})
    assert "JSON" in refused(answer)


def test_a_code_is_deleted_from_the_project_that_is_named(server: Server) -> None:
    code_id = server.create(SOURCE, project_uuid=PROJECT)
    answer = server.client.delete(f"/code/{code_id}", params={"project_uuid": "another"})
    assert "another" in refused(answer, 404, "not_found")
    assert server.client.delete(f"/code/{code_id}", params={"project_uuid": PROJECT}).status_code == 204


def test_code_type_is_type(server: Server) -> None:
    project = f"types {next(_numbers)}"
    ids = {kind: server.create(SOURCE, type=kind, project_uuid=project) for kind in ("flow", "endpoint")}
    for parameters in ({"code_type": "flow"}, {"type": "flow"}, {"type": "flow", "code_type": "flow"}):
        (found,) = server.client.get("/code", params={"project_uuid": project, **parameters}).json()
        assert found["id"] == ids["flow"]
    for parameters in ({"code_type": "lua"}, {"code_type": "flow", "type": "endpoint"}):
        assert refused(server.client.get("/code", params={"project_uuid": project, **parameters}))


def test_the_lines_of_a_run_are_those_of_its_code_alone(server: Server) -> None:
    code_id, other = (server.create(SOURCE, project_uuid=PROJECT) for _ in range(2))
    run_id = server.client.get(f"/endpoint/{code_id}", params={"a": "1"}).headers["x-run-id"]
    for parameters, total in (
        ({"run_id": run_id, "code_id": code_id}, 1),
        ({"run_id": run_id, "code_id": other}, 0),
        ({"run_id": run_id, "code_id": ""}, 1),
        ({"run_id": "", "code_id": code_id}, 1),
    ):
        assert server.client.get("/codelog", params=parameters).json()["total"] == total
    assert "code_id" in refused(server.client.get("/codelog", params={"run_id": "", "code_id": ""}))


def test_the_usual_answers_are_ours(server: Server) -> None:
    assert set(server.client.get("/health").json()) == {"status", "version", "parts"}
    assert set(server.client.get("/coderun", params={"code_id": CODE}).json()) == {"data", "total", "page", "last_page"}
    assert refused(server.client.get("/codelog", params={"run_id": RUN, "limit": 5}))
    code_id = server.create(SOURCE, project_uuid=PROJECT)
    assert server.client.delete(f"/code/{code_id}").status_code == 204
