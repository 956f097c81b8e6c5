"""`/docs`, `/openapi.json`, `/health` and `/metrics`: complete, true, and served by this server alone."""

import re
from typing import Any

import pytest
from harness import Server
from routes import PUBLIC, application, routes_below

METHODS = {"get", "post", "put", "patch", "delete", "options", "head", "trace"}


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    """The OpenAPI document."""
    return dict(server.client.get("/openapi.json").json())


def addresses(text: str) -> list[str]:
    """Every place of a page that a browser would fetch from."""
    return re.findall(r"""(?:src|href)=["']([^"']+)["']""", text) + re.findall(r"url: ?'([^']+)'", text)


def test_the_page_needs_nothing_from_anywhere_else(server: Server) -> None:
    page = server.client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert re.findall(r"(?:https?:)?//[\w.]+", page.text) == []
    found = addresses(page.text)
    assert "/openapi.json" in found
    assert len(found) >= 4
    for address in found:
        assert address.startswith("/")
        answer = server.client.get(address)
        assert answer.status_code == 200, address
        assert len(answer.content) > 500, address


def test_styles_fetch_nothing_from_anywhere_else(server: Server) -> None:
    styles = server.client.get("/docs/swagger-ui.css").text
    assert len(styles) > 10_000
    assert [url for url in re.findall(r"url\(([^)]+)\)", styles) if not url.strip("\"'").startswith("data:")] == []


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("swagger-ui-bundle.js", "text/javascript"),
        ("swagger-ui.css", "text/css"),
        ("favicon.png", "image/png"),
    ],
)
def test_assets_have_their_type(server: Server, name: str, content_type: str) -> None:
    answer = server.client.get(f"/docs/{name}")
    assert answer.headers["content-type"].partition(";")[0] == content_type


@pytest.mark.parametrize(
    "name", ["nothing", "__init__.py", "..%2f__init__.py", "%2e%2e/core.py", "redoc.standalone.js"]
)
def test_nothing_but_the_assets_is_served(server: Server, name: str) -> None:
    assert server.client.get(f"/docs/{name}").status_code == 404


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "codeactions"
    references = set(re.findall(r"'\$ref': '([^']+)'", str(document)))
    assert references
    for reference in references:
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in found, reference
            found = found[part]
    operations = [operation for _, _, operation in described(document)]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    for path, _, operation in described(document):
        named = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", path))
        assert operation["responses"]


def test_operations_have_a_title_in_words_and_a_stable_id(document: dict[str, Any]) -> None:
    for path, method, operation in described(document):
        words = operation["summary"].split()
        assert len(words) > 1, (path, method)
        assert words[0].istitle(), (path, method)
    # Generated clients name their functions after these: a changed one breaks them.
    assert sorted(operation["operationId"] for path, _, operation in described(document) if "endpoint" not in path) == [
        "change_code", "change_code_by_another_path", "change_permission", "change_project", "change_secret",
        "change_variable", "compare_versions", "create_code", "create_code_by_another_path", "create_permission",
        "create_project", "create_secret", "create_token", "create_variable", "delete_code", "delete_permission",
        "delete_project", "delete_protection", "delete_secret", "delete_variable", "health", "list_audit", "list_codes",
        "list_logs", "list_permissions", "list_projects", "list_runs", "list_secrets", "list_tokens", "list_variables",
        "list_versions", "live", "metrics", "put_protection", "read_code", "read_log", "read_permission",
        "read_project", "read_protection", "read_run", "read_secret", "read_token", "read_variable", "read_version",
        "revoke_token", "roll_back", "run_code", "try_code",
    ]  # fmt: skip


def test_the_document_says_which_fields_are_required(document: dict[str, Any]) -> None:
    def body(method: str, path: str) -> tuple[bool, list[str]]:
        body = document["paths"][path][method]["requestBody"]
        return body["required"], body["content"]["application/json"]["schema"].get("required", [])

    assert body("post", "/code") == (True, ["name", "type", "source", "language", "project_uuid"])
    assert body("post", "/project") == (False, ["name"])
    assert body("post", "/permission") == (False, ["project_uuid", "email", "role"])
    assert body("post", "/token") == (True, ["name"])
    assert body("patch", "/code/{code_id}") == (False, [])
    assert body("patch", "/project/{uuid}") == (False, [])
    assert body("patch", "/permission/{permission_id}") == (False, ["role"])
    assert body("put", "/code/{code_id}/protection")[0]


def test_a_parameter_says_where_its_field_is_needed(document: dict[str, Any]) -> None:
    """OpenAPI has no word for a field that is needed in one of two places."""
    found, needed_of_a_code = [], ("name", "language", "type", "project_uuid")
    for path, method, operation in described(document):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        needed = content.get("schema", {}).get("required", [])
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query" and not parameter["required"]:
                says = "Required, here or in the body" in parameter.get("description", "")
                assert says == (parameter["name"] in needed), (path, method, parameter["name"])
                found += [(method, path, parameter["name"])] if says else []
    of_values = [
        *(("post", path, name) for path in ("/secret", "/variable") for name in ("project_uuid", "name", "value")),
    ]
    assert [one for one in found if one not in of_values] == [
        *(("post", path, name) for path in ("/code", "/admin/code") for name in needed_of_a_code),
        ("post", "/code/{code_id}/rollback", "version"),
        ("post", "/project", "name"),
        *(("post", "/permission", name) for name in ("project_uuid", "email", "role")),
        ("patch", "/permission/{permission_id}", "role"),
    ]
    for path, choice in (
        ("/coderun", ("code_id", "project_uuid")),
        ("/codelog", ("run_id", "code_id", "project_uuid")),
    ):
        parameters = {one["name"]: one for one in document["paths"][path]["get"]["parameters"]}
        assert "required" in parameters[choice[0]]["description"]
        assert [parameters[name]["required"] for name in choice] == [False] * len(choice)
    for path in ("/code", "/permission"):
        parameters = {one["name"]: one for one in document["paths"][path]["get"]["parameters"]}
        assert parameters["project_uuid"]["required"]


def test_parameters_and_body_say_the_same_of_a_field(document: dict[str, Any]) -> None:
    compared = 0
    for path, method, operation in described(document):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        properties = content.get("schema", {}).get("properties", {})
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query" and parameter["name"] in properties:
                told = {name: value for name, value in properties[parameter["name"]].items() if name != "description"}
                kind = told["type"][0] if isinstance(told["type"], list) else told["type"]
                assert parameter["schema"] == {**told, "type": kind}, (path, method, parameter["name"])
                compared += 1
    assert compared == 2 * 20 + 2 + 2 + 1 + 3 + 1 + 2 + 3 + 1


def described(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """(path, method, operation) of everything in the document."""
    return [
        (path, method, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    ]


def test_the_document_lists_every_route(document: dict[str, Any]) -> None:
    listed = {(method.upper(), path) for path, method, _ in described(document)}
    endpoints = {(method, path) for method, path in listed if "endpoint" in path}
    own = {
        (method, path)
        for method, path in routes_below(application().router)
        if path != "/" and not path.startswith(("/docs", "/openapi"))
    }
    assert listed - endpoints == own
    methods = ("GET", "POST", "PUT", "PATCH", "DELETE")
    paths = ("/endpoint/{code_id}", "/action/endpoint/{code_id}", "/endpoint/{project}/{name}")
    assert endpoints == {(method, path) for method in methods for path in paths}


def test_the_document_says_where_the_token_is_needed(document: dict[str, Any]) -> None:
    for path, method, operation in described(document):
        needed = (method.upper(), path) not in PUBLIC and "endpoint" not in path
        assert bool(operation.get("security")) == needed, (method, path)
        # An endpoint may be protected (http/protections.py), which the document cannot know.
        assert ("401" in operation["responses"]) == (needed or "endpoint" in path), (method, path)


def test_every_error_answer_in_the_document_has_the_one_shape(document: dict[str, Any]) -> None:
    for path, method, operation in described(document):
        for status, response in operation["responses"].items():
            if status[0] in "45" and path not in ("/health",):
                schema = response["content"]["application/json"]["schema"]
                assert schema["$ref"].endswith("/ErrorModel"), (path, method, status)


def test_health_shows_each_part_with_its_state_and_latency(server: Server) -> None:
    answer = server.client.get("/health")
    assert answer.status_code == 200
    health = answer.json()
    assert health["status"] == "ok"
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", health["version"])
    assert {"database", "sandbox"} <= set(health["parts"])
    for name, part in health["parts"].items():
        assert part["state"] == "ok", name
        assert 0 <= part["latency_ms"] < 5000, name
    assert health["parts"]["sandbox"]["level"]
    assert health["parts"]["sandbox"]["slots"] == 16
    assert server.client.get("/healthz").json() == {"status": "ok"}


def series(server: Server) -> dict[str, float]:
    """Every series of /metrics with its value."""
    answer = server.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_metrics_count_runs_by_how_they_ended(server: Server) -> None:
    before = series(server)
    server.call("def Run(engine):\n    pass\n")
    server.call("def Run(engine):\n    1 / 0\n")
    server.call("x = 1")
    after = series(server)

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    for outcome in ("completed", "exception", "invalid_source"):
        name = f'ca_run_count_total{{language="python",outcome="{outcome}",type="endpoint"}}'
        assert grown(name) == 1, (outcome, [key for key in after if "run_count" in key])
    assert grown('ca_run_duration_seconds_count{language="python"}') == 3
    assert grown('ca_run_duration_seconds_bucket{language="python",le="+Inf"}') == 3


def test_metrics_show_the_slots(server: Server) -> None:
    found = series(server)
    assert found["ca_slots"] == 16
    assert 0 <= found["ca_slots_busy"] <= 16
    assert 0 <= found["ca_slots_warm"] <= 16
    assert found["ca_slots_waiting"] == 0
    assert found["ca_launcher_restarts"] == 0
