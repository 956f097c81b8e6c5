"""`/code`: making, reading, changing, listing and deleting codes."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from harness import Server
from integration.answers import refused

SOURCE = "def Run(engine):\n    return 'grüße'\n"
FIELDS = {"name": "a name", "language": "python", "type": "endpoint", "project_uuid": "p"}


def test_a_code_is_made_of_parameters_and_its_source_as_the_body(server: Server) -> None:
    answer = server.client.post("/code", params=FIELDS, content=SOURCE.encode())
    assert answer.status_code == 201
    code = answer.json()
    assert list(code) == [
        "id", "name", "type", "source", "language", "url", "project_uuid", "timeout", "timezone",
        "description", "mask_result", "version", "created_at", "updated_at",
    ]  # fmt: skip
    assert {**code, "id": "", "created_at": "", "updated_at": ""} == {
        **FIELDS, "id": "", "source": SOURCE, "url": None, "timeout": 60, "timezone": None,
        "description": None, "mask_result": True, "version": 1, "created_at": "", "updated_at": "",
    }  # fmt: skip
    assert UUID(code["id"]).version == 7
    assert code["created_at"] == code["updated_at"]
    assert abs(datetime.now(UTC) - datetime.fromisoformat(code["created_at"])) < timedelta(minutes=1)
    assert server.client.get(f"/code/{code['id']}").json() == code


def test_a_code_is_made_of_one_json_object(server: Server) -> None:
    fields = {**FIELDS, "source": SOURCE, "timeout": 7, "url": "https://example.com/x"}
    fields |= {"description": "What it is for.\nIn 2 lines", "mask_result": False}
    answer = server.client.post("/code", json=fields)
    assert answer.status_code == 201
    assert answer.json().items() >= fields.items()
    assert server.client.get(f"/code/{answer.json()['id']}").json() == answer.json()


def test_parameters_and_a_json_body_go_together_and_a_field_in_both_has_one_value(server: Server) -> None:
    params = {**FIELDS, "timeout": 9, "url": "https://example.com"}
    answer = server.client.post("/code", params=params, json={"source": SOURCE, "timeout": 9, "name": "a name"})
    assert (answer.status_code, answer.json()["timeout"], answer.json()["name"]) == (201, 9, "a name")
    path = f"/code/{answer.json()['id']}"
    for field, value in (("timeout", 7), ("name", "another"), ("name", None), ("url", None)):
        message = f"{field} is given twice, with different values"
        assert refused(server.client.post("/code", params=params, json={"source": SOURCE, field: value})) == message
        assert refused(server.client.patch(path, params=params, json={field: value})) == message


def test_a_parameter_may_be_repeated_with_the_same_value_only(server: Server) -> None:
    same = server.client.post("/code?timeout=9&timeout=9", params=None, json={**FIELDS, "source": SOURCE})
    assert (same.status_code, same.json()["timeout"]) == (201, 9)
    other = server.client.post("/code?timeout=9&timeout=8", params=None, json={**FIELDS, "source": SOURCE})
    assert refused(other) == "timeout is given twice, with different values"


def test_a_json_content_type_may_have_parameters_and_any_case(server: Server) -> None:
    body = b'{"source": "def Run(engine): pass"}'
    answer = server.client.post(
        "/code", params=FIELDS, content=body, headers={"Content-Type": "Application/JSON; charset=utf-8"}
    )
    assert answer.json()["source"] == "def Run(engine): pass"


def test_a_source_is_kept_to_the_byte(server: Server) -> None:
    source = "\ufeff# \U0001f40d\r\n\tdef Run(engine):\r pass\n\n\x1b[0m\u2028 \u00a0"
    code_id = server.create(source, check="false")
    assert server.client.get(f"/code/{code_id}").json()["source"] == source


OTHER_NAMES = {"typescript": "javascript", "TypeScript": "javascript", "ts": "javascript", "js": "javascript"}
OTHER_NAMES |= {"Node": "javascript", "Python": "python", "py": "python", "golang": "go", "Go": "go", " go ": "go"}


@pytest.mark.parametrize("given", OTHER_NAMES)
def test_a_language_may_be_given_by_another_name_and_in_any_case(server: Server, given: str) -> None:
    made = server.client.post("/code", params={**FIELDS, "language": given, "check": "false"}, content=b"source")
    assert (made.status_code, made.json()["language"]) == (201, OTHER_NAMES[given])
    code_id = server.create(SOURCE)
    changed = server.client.patch(
        f"/code/{code_id}", json={"language": given, "source": "x"}, params={"check": "false"}
    )
    assert (changed.status_code, changed.json()["language"]) == (200, OTHER_NAMES[given])


@pytest.mark.parametrize("language", ["python", "go", "javascript"])
@pytest.mark.parametrize("kind", ["flow", "endpoint"])
def test_every_language_and_type_can_be_stored(server: Server, language: str, kind: str) -> None:
    code_id = server.create("source", language=language, type=kind, check="false")
    assert server.client.get(f"/code/{code_id}").json().items() >= {"language": language, "type": kind}.items()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "changed"},
        {"type": "flow"},
        {"language": "javascript", "source": "export function Run() {}"},
        {"project_uuid": "other"},
        {"timeout": 300},
        {"url": "http://example.com"},
        {"source": "def Run(engine): pass"},
        {"description": "grüßt"},
        {"mask_result": False},
        {"name": "changed", "timeout": 5},
    ],
    ids=repr,
)
@pytest.mark.parametrize("form", ["parameters", "json"])
def test_only_what_is_given_is_changed(server: Server, form: str, change: dict[str, Any]) -> None:
    code_id = server.create(SOURCE, name="before", url="https://example.com/before", timeout=99)
    before = server.client.get(f"/code/{code_id}").json()
    if form == "json":
        answer = server.client.patch(f"/code/{code_id}", json=change)
    else:
        params = {name: value for name, value in change.items() if name != "source"}
        answer = server.client.patch(f"/code/{code_id}", params=params, content=change.get("source", "").encode())
    assert answer.status_code == 200
    after = answer.json()
    version = 2 if "source" in change else 1
    assert after == {**before, **change, "version": version, "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]
    assert server.client.get(f"/code/{code_id}").json() == after


@pytest.mark.parametrize("field", ["url", "description"])
@pytest.mark.parametrize("how", [("params", ""), ("json", None), ("json", "")], ids=repr)
def test_url_and_description_can_be_taken_away(server: Server, field: str, how: tuple[str, Any]) -> None:
    code_id = server.create(SOURCE, **{field: "https://example.com"})
    answer = server.client.patch(f"/code/{code_id}", **{how[0]: {field: how[1]}})
    assert (answer.status_code, answer.json()[field]) == (200, None)


def test_a_changed_source_is_what_runs_next(server: Server) -> None:
    code_id = server.create("def Run(engine):\n    return 'old'\n")
    assert server.client.get(f"/endpoint/{code_id}").text == "old"
    server.client.patch(f"/code/{code_id}", content=b"def Run(engine):\n    return 'new'\n")
    assert server.client.get(f"/endpoint/{code_id}").text == "new"
    server.client.patch(f"/code/{code_id}", params={"type": "flow"})
    assert server.client.get(f"/endpoint/{code_id}").status_code == 404


def test_the_codes_of_a_project_are_listed_oldest_first_and_by_type(server: Server) -> None:
    project = str(uuid4())
    made = [server.create(SOURCE, project_uuid=project, type=kind) for kind in ("flow", "endpoint", "flow")]
    server.create(SOURCE, project_uuid=project + "x")

    def listed(**params: str) -> list[str]:
        return [code["id"] for code in server.client.get("/code", params={"project_uuid": project, **params}).json()]

    assert listed() == made
    assert listed(type="flow") == [made[0], made[2]]
    assert listed(type="endpoint") == [made[1]]
    code = server.client.get("/code", params={"project_uuid": project}).json()[0]
    assert code == server.client.get(f"/code/{made[0]}").json()


def test_a_project_without_codes_is_an_empty_list(server: Server) -> None:
    assert server.client.get("/code", params={"project_uuid": str(uuid4())}).json() == []


def test_a_deleted_code_is_gone_with_its_runs_and_logs(server: Server) -> None:
    code_id = server.create("def Run(engine):\n    print('x')\n")
    run = server.client.post(f"/endpoint/{code_id}")
    run_id = run.headers["x-run-id"]
    log_id = server.client.get("/codelog", params={"run_id": run_id}).json()["data"][0]["id"]
    answer = server.client.delete(f"/code/{code_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert server.client.get(f"/endpoint/{code_id}").status_code == 404
    for path in (f"/code/{code_id}", f"/coderun/{run_id}", f"/codelog/{log_id}"):
        assert refused(server.client.get(path), 404, "not_found")
    assert server.client.get("/coderun", params={"code_id": code_id}).json()["total"] == 0
    assert refused(server.client.delete(f"/code/{code_id}"), 404, "not_found") == f"there is no code {code_id}"
