"""`POST /code/{id}/try`: a draft runs as the code would, is recorded as a trial, and changes nothing."""

import hashlib
from typing import Any

import httpx
import pytest
from harness import Server
from integration.answers import get, refused

LIVE = "def Run(engine):\n    return 'live'\n"
ECHO = """
def Run(engine):
    request = engine.request
    return {"method": request.method, "path": request.path, "raw_path": request.raw_path, "body": engine.body,
            "query": request.raw_query, "params": dict(engine.params.items()), "headers": dict(engine.header.items())}
"""


def attempt(server: Server, code_id: str, **fields: Any) -> httpx.Response:
    """Try a draft."""
    return server.client.post(f"/code/{code_id}/try", json=fields)


def result(answer: httpx.Response) -> Any:
    """The result of a trial that answered JSON."""
    assert answer.status_code == 200, answer.text
    return httpx.Response(200, content=answer.json()["result"]["result"]).json()


def test_a_draft_runs_and_nothing_that_is_live_is_touched(server: Server) -> None:
    code_id = server.create(LIVE)
    before = get(server, f"/code/{code_id}")
    source = "def Run(engine):\n    engine.log.info('tried')\n    return 'draft'\n"
    answer = attempt(server, code_id, source=source)
    assert answer.status_code == 200
    assert answer.json()["code_id"] == code_id
    run = answer.json()["result"]
    assert (run["status"], run["result"]) == ("completed", "draft")
    assert run["id"] == answer.headers["x-run-id"]
    assert run["extra"]["trial"] is True
    assert "version" not in run["extra"]
    assert run["extra"]["source_sha256"] == hashlib.sha256(source.encode()).hexdigest()
    assert get(server, f"/coderun/{run['id']}") == run
    assert [line["content"] for line in get(server, "/codelog", run_id=run["id"])["data"]] == ["tried"]
    assert get(server, f"/code/{code_id}") == before
    assert get(server, f"/code/{code_id}/versions")["total"] == 1
    live = server.client.get(f"/endpoint/{code_id}")
    assert live.text == "live"
    extra = server.record(live)["extra"]
    assert (extra["version"], "trial" in extra) == (1, False)


def test_what_is_not_given_is_the_codes_own(server: Server) -> None:
    code_id = server.create("import time\ndef Run(e): return time.tzname[0]", timezone="Asia/Tokyo")
    assert attempt(server, code_id).json()["result"]["result"] == "JST"
    assert attempt(server, code_id, timezone="UTC").json()["result"]["result"] == "UTC"
    other = attempt(server, code_id, source="export const Run = () => 'js'", language="TypeScript")
    assert other.json()["result"]["result"] == "js"
    assert other.json()["result"]["extra"]["language"] == "javascript"


def test_a_body_that_is_no_json_is_the_source(server: Server) -> None:
    answer = server.client.post(f"/code/{server.create(LIVE)}/try", content=b"def Run(e): return 'plain'")
    assert answer.json()["result"]["result"] == "plain"


def test_a_flow_can_be_tried(server: Server) -> None:
    code_id = server.create(LIVE, type="flow")
    assert attempt(server, code_id, source="def Run(e): return 1").json()["result"]["result"] == "1"


def test_the_request_is_what_the_draft_says(server: Server) -> None:
    seen = result(
        attempt(
            server,
            server.create(ECHO),
            method="put",
            path="/a b/c%2Fd",
            params={"x": "grüße", "n": 5, "flag": True, "many": ["1", "2"]},
            headers={"X-Thing": "grüße", "Authorization": "Bearer somebody else's"},
            body="text",
        )
    )
    assert (seen["method"], seen["path"], seen["raw_path"], seen["body"]) == ("PUT", "/a b/c/d", "/a%20b/c%2Fd", "text")
    assert seen["query"] == "x=gr%C3%BC%C3%9Fe&n=5&flag=true&many=1&many=2"
    assert seen["params"] == {"x": "grüße", "n": "5", "flag": "true", "many": "1"}
    assert seen["headers"] == {"x-thing": "grüße", "authorization": "Bearer somebody else's"}


def test_without_a_request_it_is_an_empty_post(server: Server) -> None:
    seen = result(attempt(server, server.create(ECHO)))
    assert (seen["method"], seen["path"], seen["body"], seen["params"], seen["headers"]) == ("POST", "/", "", {}, {})


@pytest.mark.parametrize(
    ("body", "seen", "kind"),
    [
        ({"a": ["ü", 1]}, '{"a": ["ü", 1]}', "application/json"),
        ([], "[]", "application/json"),
        (5, "5", "application/json"),
        (False, "false", "application/json"),
        ("", "", None),
        (None, "", None),
    ],
    ids=repr,
)
def test_a_body_that_is_no_text_is_sent_as_json(server: Server, body: Any, seen: str, kind: str | None) -> None:
    found = result(attempt(server, server.create(ECHO), body=body))
    assert (found["body"], found["headers"].get("content-type")) == (seen, kind)


def test_the_servers_own_keys_are_not_shown_to_a_draft(server: Server) -> None:
    token = str(server.client.headers["authorization"])
    server.client.post("/project", json={"uuid": "project-of-keys", "name": "x"})
    made = server.client.post("/token", json={"name": "x", "project_uuid": "project-of-keys", "role": 1}).json()[
        "token"
    ]
    seen = result(attempt(server, server.create(ECHO), headers={"Authorization": token, "X-Other": f"has {made}"}))
    assert seen["headers"] == {}


@pytest.mark.parametrize(
    ("fields", "status", "kind"),
    [
        ({"source": "def Run("}, 500, "invalid_source"),
        ({"source": "export function Run( {", "language": "javascript"}, 500, "invalid_source"),
        ({"source": "def Run(e): 1 / 0"}, 500, "exception"),
        ({"source": "import time\ndef Run(e): time.sleep(60)", "timeout": 5}, 504, "timeout"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_draft_that_fails_is_a_failed_run(server: Server, fields: dict[str, Any], status: int, kind: str) -> None:
    code_id = server.create(LIVE)
    answer = attempt(server, code_id, **fields)
    assert (answer.status_code, answer.json()["error_type"]) == (status, kind)
    run = answer.json()["result"]
    assert (run["status"], run["extra"]["trial"], run["code_id"]) == ("failed", True, code_id)
    assert get(server, f"/coderun/{run['id']}")["extra"]["error"]["type"] == kind
    assert server.client.get(f"/endpoint/{code_id}").text == "live"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "x"}, "unknown field 'name'; a trial has source, language, timeout, timezone, method, "),
        ({"source": ""}, "source must not be empty"),
        ({"source": None}, "source must not be empty"),
        ({"language": "lua"}, "language must be one of"),
        ({"timeout": 4}, "timeout must be a whole number of seconds from 5 to 300"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"method": "GET /"}, "method must be an HTTP method such as GET"),
        ({"method": None}, "method must be an HTTP method such as GET"),
        ({"path": "/a?b=1"}, "path is the path alone: give what follows the question mark in params"),
        ({"path": 5}, "path must be text"),
        ({"path": "/" * 8193}, "path must have at most 8192 characters"),
        ({"params": []}, "params must be an object of texts by name"),
        ({"params": None}, "params must be an object of texts by name"),
        ({"params": {"a": {}}}, "params.a must be a text, or a list of texts"),
        ({"params": {"a": [None]}}, "params.a must be a text, or a list of texts"),
        ({"params": {"a": "\x00"}}, "params.a must not contain the character U+0000"),
        ({"params": {str(n): "x" for n in range(1001)}}, "there may be at most 1000 query parameters"),
        ({"headers": {"a b": "x"}}, "'a b' in headers is no name of a header"),
        ({"headers": {"": "x"}}, "'' in headers is no name of a header"),
        ({"headers": {"a": "x\r\ny: z"}}, "headers.a must not have several lines"),
        ({"body": "\ud800"}, "body must not contain lone surrogates"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_wrong_field_is_refused_by_name(server: Server, fields: dict[str, Any], told: str) -> None:
    answer = server.client.post(
        f"/code/{server.create(LIVE)}/try",
        content=httpx.Request("POST", "http://x", json=fields).content
        if "body" not in fields
        else b'{"body": "\\ud800"}',
        headers={"Content-Type": "application/json"},
    )
    assert told in refused(answer)


def test_a_trial_is_in_the_audit_log_before_it_runs(server: Server) -> None:
    code_id = server.create(LIVE)
    attempt(server, code_id, source="def Run(e): 1 / 0")
    line = get(server, "/audit", thing_id=code_id)["data"][0]
    digest = hashlib.sha256(b"def Run(e): 1 / 0").hexdigest()
    assert (line["action"], line["thing"], line["details"]) == ("try", "code", {"source_sha256": digest})


def test_a_trial_gets_the_codes_secrets(server: Server) -> None:
    project = "project-of-trials"
    code_id = server.create(LIVE, project_uuid=project)
    made = server.client.post("/secret", json={"project_uuid": project, "name": "KEY", "value": "a secret value"})
    assert made.status_code == 201, made.text
    tried = attempt(server, code_id, source="def Run(e): return len(e.secrets['KEY'])")
    assert tried.json()["result"]["result"] == "14"
    other = server.create(LIVE, project_uuid="another-project-of-trials")
    tried = attempt(server, other, source="def Run(e): return list(e.secrets.keys())")
    assert tried.json()["result"]["result"] == "[]"
