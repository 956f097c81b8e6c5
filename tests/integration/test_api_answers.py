"""Answers hold nothing that the OpenAPI document does not tell of, and every field that it says is always there."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from harness import Server

LIKE_A_TIME = re.compile(r"\d{4}-\d\d-\d\d")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
SOURCE = "def Run(engine):\n    engine.log.info('x')\n    return {'a': 1}\n"


def differences(answer: Any, schema: dict[str, Any], document: dict[str, Any], place: str = "answer") -> list[str]:
    """What an answer has beside its schema, and what it lacks."""
    if "$ref" in schema:
        return differences(
            answer, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document, place
        )
    if "anyOf" in schema:
        return min((differences(answer, one, document, place) for one in schema["anyOf"]), key=len)
    if isinstance(answer, list):
        found = [differences(item, schema.get("items", {}), document, f"{place}[]") for item in answer]
        return [line for lines in found for line in lines]
    if not isinstance(answer, dict):
        return [] if schema.get("type") not in ("object", "array") else [f"{place} is no {schema['type']}"]
    if schema.get("type") != "object":
        return [f"{place} is an object"]
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", False)
    lines = [f"{place}.{name} is missing" for name in schema.get("required", ()) if name not in answer]
    for name, value in answer.items():
        if name in properties:
            lines += differences(value, properties[name], document, f"{place}.{name}")
        elif isinstance(others, dict):
            lines += differences(value, others, document, f"{place}.{name}")
        elif not others:
            lines.append(f"{place}.{name} is undocumented")
    return lines


def odd_times(answer: Any, place: str = "answer") -> list[str]:
    """The times in an answer that do not have the one form."""
    if isinstance(answer, dict):
        return [line for name, value in answer.items() for line in odd_times(value, f"{place}.{name}")]
    if isinstance(answer, list):
        return [line for item in answer for line in odd_times(item, f"{place}[]")]
    if isinstance(answer, str) and LIKE_A_TIME.match(answer) and not TIME.fullmatch(answer):
        return [f"{place} is {answer}"]
    return []


def answers(server: Server) -> Iterator[tuple[str, httpx.Response]]:
    """Answers of every operation, right ones and wrong ones, each with the path's template."""
    client, project = server.client, str(uuid4())
    fields = {"name": "n", "language": "python", "type": "endpoint", "project_uuid": project, "source": SOURCE}
    yield "/project", client.post("/project", json={"name": "x", "uuid": project})
    yield "/project", client.get("/project")
    expiring = {"name": "t", "project_uuid": project, "role": 1, "expires_at": "2999-01-01T00:30:00+00:30"}
    yield "/token", client.post("/token", json=expiring)
    yield "/project/{uuid}", client.get(f"/project/{project}")
    authorizations = [{"email": "bo@example.com", "role": 1}]
    yield "/project/{uuid}", client.patch(f"/project/{project}", json={"authorizations": authorizations})
    made = client.post("/permission", params={"project_uuid": project, "email": "ana@example.com", "role": 1})
    yield "/permission", made
    path = f"/permission/{made.json()['id']}"
    yield "/permission", client.get("/permission", params={"project_uuid": project})
    yield "/permission/{permission_id}", client.get(path)
    yield "/permission/{permission_id}", client.patch(path, params={"role": 2})
    made = client.post("/token", json={"name": "t", "project_uuid": project, "role": 1})
    yield "/token", made
    yield "/token", client.get("/token", params={"project_uuid": project})
    yield "/token/{token_id}", client.get(f"/token/{made.json()['id']}")
    yield from answers_of_values(client, project)
    made = client.post("/code", json=fields)
    yield "/code", made
    code_id = made.json()["id"]
    yield from answers_of_versions(client, code_id)
    made = client.post("/admin/code", json=fields)
    yield "/admin/code", made
    yield "/admin/code/{code_id}", client.patch(f"/admin/code/{made.json()['id']}", params={"timeout": 9})
    yield "/code", client.get("/code", params={"project_uuid": project})
    yield "/code/{code_id}", client.get(f"/code/{code_id}")
    yield "/code/{code_id}", client.patch(f"/code/{code_id}", params={"timeout": 9})
    yield "/run/{code_id}", client.post(f"/run/{code_id}")
    run_id = client.get(f"/endpoint/{code_id}").headers["x-run-id"]
    yield "/coderun/{run_id}", client.get(f"/coderun/{run_id}")
    yield "/coderun", client.get("/coderun", params={"code_id": code_id})
    lines = client.get("/codelog", params={"run_id": run_id})
    yield "/codelog", lines
    yield "/codelog/{log_id}", client.get(f"/codelog/{lines.json()['data'][0]['id']}")
    path = f"/code/{code_id}/protection"
    for protection in ({"kind": "token"}, {"kind": "basic", "username": "a", "password": "p" * 16}, {"kind": "hmac"}):
        yield "/code/{code_id}/protection", client.put(path, json=protection)
        yield "/code/{code_id}/protection", client.get(path)
    yield "/audit", client.get("/audit", params={"project_uuid": project})
    yield "/health", client.get("/health")
    yield "/healthz", client.get("/healthz")
    yield "/code", client.post("/code", json={**fields, "source": "def Run(:"})
    yield "/code", client.post("/code", json={})
    yield "/code/{code_id}", client.get(f"/code/{uuid4()}")
    failing = client.post("/code", json={**fields, "source": "def Run(engine):\n    1 / 0\n"}).json()["id"]
    yield "/run/{code_id}", client.post(f"/run/{failing}")
    yield "/endpoint/{code_id}", client.get(f"/endpoint/{failing}")


def answers_of_values(client: httpx.Client, project: str) -> Iterator[tuple[str, httpx.Response]]:
    """Those of secrets and variables."""
    for kind in ("secret", "variable"):
        made = client.post(f"/{kind}", json={"project_uuid": project, "name": kind.upper(), "value": "a value of it"})
        yield f"/{kind}", made
        yield f"/{kind}", client.get(f"/{kind}", params={"project_uuid": project})
        path, template = f"/{kind}/{made.json()['id']}", f"/{kind}/{{{kind}_id}}"
        yield template, client.get(path)
        yield template, client.patch(path, json={"value": "short"})


def answers_of_versions(client: httpx.Client, code_id: str) -> Iterator[tuple[str, httpx.Response]]:
    """Those of versions and trials."""
    path, template = f"/code/{code_id}", "/code/{code_id}"
    client.patch(path, json={"source": SOURCE.replace("1", "2"), "message": "two"})
    yield f"{template}/versions", client.get(f"{path}/versions")
    yield f"{template}/versions/{{number}}", client.get(f"{path}/versions/1")
    yield f"{template}/versions/{{number}}/diff", client.get(f"{path}/versions/2/diff")
    yield f"{template}/rollback", client.post(f"{path}/rollback", json={"version": 1})
    yield f"{template}/rollback", client.post(f"{path}/rollback", json={"version": 9})
    yield f"{template}/try", client.post(f"{path}/try", json={"source": SOURCE})
    yield f"{template}/try", client.post(f"{path}/try", json={"source": "def Run(:"})


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    """The OpenAPI document."""
    return dict(server.client.get("/openapi.json").json())


def test_every_answer_is_as_the_document_says_to_the_field(server: Server, document: dict[str, Any]) -> None:
    seen = set()
    for path, answer in answers(server):
        method = answer.request.method.lower()
        response = document["paths"][path][method]["responses"][str(answer.status_code)]
        schema = response["content"]["application/json"]["schema"]
        assert differences(answer.json(), schema, document) == [], (method, path, answer.status_code)
        assert odd_times(answer.json()) == [], (method, path, answer.status_code)
        seen.add((method, path, str(answer.status_code)))
    assert {(path, status) for _, path, status in seen} >= {
        ("/code", "400"),
        ("/code/{code_id}", "404"),
        ("/run/{code_id}", "500"),
        ("/endpoint/{code_id}", "500"),
    }
    good = {
        (method, path, status)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for status, response in operation["responses"].items()
        if status.startswith("2") and "application/json" in response.get("content", {})
    }
    assert good - seen == set(), "each operation that answers JSON is among them"


def test_every_time_in_the_document_is_called_one(document: dict[str, Any]) -> None:
    found = 0
    for name, schema in document["components"]["schemas"].items():
        for field, told in schema.get("properties", {}).items():
            if field == "at" or field.endswith("_at"):
                kinds = [kind for kind in told.get("anyOf", [told]) if kind.get("type") != "null"]
                assert [(kind["type"], kind["format"]) for kind in kinds] == [("string", "date-time")], (name, field)
                found += 1
    assert found >= 20
    for path in ("/coderun", "/audit"):
        parameters = {one["name"]: one["schema"] for one in document["paths"][path]["get"]["parameters"]}
        for name in ("after", "before"):
            assert {"type": "string", "format": "date-time"} in parameters[name]["anyOf"], (path, name)


def test_a_time_that_was_told_is_taken(server: Server) -> None:
    """In each place that takes a time."""
    code_id = server.create(SOURCE)
    server.client.get(f"/endpoint/{code_id}")
    run = server.client.get("/coderun", params={"code_id": code_id}).json()["data"][0]
    for path, name in (("/coderun", "code_id"), ("/audit", "thing_id")):
        for bound in ("after", "before"):
            answer = server.client.get(path, params={name: code_id, bound: run["created_at"]})
            assert answer.status_code == 200, answer.text
    fields = {"name": "t", "email": "ana@example.com", "expires_at": run["created_at"].replace("20", "29", 1)}
    made = server.client.post("/token", json=fields)
    assert made.json()["expires_at"] == fields["expires_at"]


def test_the_comparison_finds_what_is_wrong() -> None:
    assert odd_times({"a": [{"b": "2026-11-23T06:00:00.000000Z"}, "2026", "x 2026-11-23T06:00:00Z", None]}) == []
    for text in ("2026-11-23T06:00:00Z", "2026-11-23T06:00:00.000000+00:00", "2026-11-23 06:00:00.000000Z"):
        assert odd_times({"a": [{"b": text}]}) == [f"answer.a[].b is {text}"]
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {"$ref": "#/x/B"}}}, "required": ["a"]}
    document = {"components": {"schemas": {"B": {"type": "object", "properties": {"c": {"type": "string"}}}}}}
    assert differences({"a": [{"c": "x"}]}, schema, document) == []
    assert differences({"a": [{"c": "x", "d": 1}]}, schema, document) == ["answer.a[].d is undocumented"]
    assert differences({"e": 1}, schema, document) == ["answer.a is missing", "answer.e is undocumented"]
    assert differences({"a": {}}, {"anyOf": [schema, {"type": "null"}]}, document) == ["answer.a is an object"]
