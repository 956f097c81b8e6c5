"""`/code`: making, reading, changing and deleting codes, and every way to get it wrong."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from harness import Server

SOURCE = "def Run(engine):\n    return 'grüße'\n"
FIELDS = {"name": "a name", "language": "python", "type": "endpoint", "project_uuid": "p"}
LIMIT = 1024 * 1024


def refused(answer: Any, status: int = 400, code: str = "invalid") -> str:
    """The message of an error answer, which has the one shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message"}
    assert answer.json()["error"]["code"] == code
    return str(answer.json()["error"]["message"])


def test_a_code_is_made_of_parameters_and_its_source_as_the_body(server: Server) -> None:
    answer = server.client.post("/code", params=FIELDS, content=SOURCE.encode())
    assert answer.status_code == 201
    code = answer.json()
    assert list(code) == [
        "id", "name", "type", "source", "language", "url", "project_uuid", "timeout", "created_at", "updated_at",
    ]  # fmt: skip
    assert {**code, "id": "", "created_at": "", "updated_at": ""} == {
        **FIELDS, "id": "", "source": SOURCE, "url": None, "timeout": 60, "created_at": "", "updated_at": "",
    }  # fmt: skip
    assert UUID(code["id"]).version == 7
    assert code["created_at"] == code["updated_at"]
    assert abs(datetime.now(UTC) - datetime.fromisoformat(code["created_at"])) < timedelta(minutes=1)
    assert server.client.get(f"/code/{code['id']}").json() == code


def test_a_code_is_made_of_one_json_object(server: Server) -> None:
    fields = {**FIELDS, "source": SOURCE, "timeout": 7, "url": "https://example.com/x"}
    answer = server.client.post("/code", json=fields)
    assert answer.status_code == 201
    assert answer.json().items() >= fields.items()
    assert server.client.get(f"/code/{answer.json()['id']}").json() == answer.json()


def test_parameters_and_a_json_body_go_together_and_parameters_count(server: Server) -> None:
    answer = server.client.post(
        "/code", params={**FIELDS, "timeout": 9}, json={"source": SOURCE, "timeout": 7}
    )
    assert (answer.status_code, answer.json()["timeout"]) == (201, 9)


def test_a_json_content_type_may_have_parameters_and_any_case(server: Server) -> None:
    body = b'{"source": "def Run(engine): pass"}'
    answer = server.client.post(
        "/code", params=FIELDS, content=body, headers={"Content-Type": "Application/JSON; charset=utf-8"}
    )
    assert answer.json()["source"] == "def Run(engine): pass"


def test_a_source_is_kept_to_the_byte(server: Server) -> None:
    source = "\ufeff# \U0001f40d\r\n\tdef Run(engine):\r pass\n\n\x1b[0m\u2028 \u00a0"
    code_id = server.create(source)
    assert server.client.get(f"/code/{code_id}").json()["source"] == source


@pytest.mark.parametrize("language", ["python", "go", "javascript"])
@pytest.mark.parametrize("kind", ["flow", "endpoint"])
def test_every_language_and_type_can_be_stored(server: Server, language: str, kind: str) -> None:
    code_id = server.create("source", language=language, type=kind)
    assert (
        server.client.get(f"/code/{code_id}").json().items() >= {"language": language, "type": kind}.items()
    )


@pytest.mark.parametrize("missing", ["name", "language", "type", "project_uuid", "source"])
@pytest.mark.parametrize("form", ["parameters", "json"])
def test_a_missing_field_is_named(server: Server, form: str, missing: str) -> None:
    fields = {name: value for name, value in {**FIELDS, "source": SOURCE}.items() if name != missing}
    if form == "json":
        answer = server.client.post("/code", json=fields)
    else:
        source = fields.pop("source", "")
        answer = server.client.post("/code", params=fields, content=source.encode())
    assert refused(answer) == f"{missing} is missing"


WRONG = [
    ("name", ""),
    ("name", "  "),
    ("name", "x" * 256),
    ("name", "a\x00b"),
    ("language", "ruby"),
    ("language", "Python"),
    ("language", ""),
    ("type", "job"),
    ("type", ""),
    ("project_uuid", ""),
    ("project_uuid", "x" * 256),
    ("project_uuid", "a\x00"),
    ("timeout", "4"),
    ("timeout", "301"),
    ("timeout", "-5"),
    ("timeout", "5.5"),
    ("timeout", "ten"),
    ("timeout", ""),
    ("timeout", "99999999999999999999"),
    ("url", "ftp://example.com"),
    ("url", "javascript:alert(1)"),
    ("url", "example.com"),
    ("url", "http://[::1"),
    ("url", "https://example.com/" + "x" * 500),
    ("url", "https://example.com/\x00"),
]


@pytest.mark.parametrize(("field", "value"), WRONG, ids=lambda value: repr(value)[:30])
def test_a_wrong_parameter_is_named(server: Server, field: str, value: str) -> None:
    made = server.client.post("/code", params={**FIELDS, field: value}, content=SOURCE.encode())
    assert field in refused(made)
    code_id = server.create(SOURCE)
    before = server.client.get(f"/code/{code_id}").json()
    if (field, value) != ("url", ""):
        assert field in refused(server.client.patch(f"/code/{code_id}", params={field: value}))
    assert server.client.get(f"/code/{code_id}").json() == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            (field, value)
            for field in ("name", "language", "type", "project_uuid", "source")
            for value in (5, [], {}, True)
        ),
        ("source", ""),
        ("source", " \n"),
        ("source", "a\x00b"),
        ("source", "\ud800"),
        ("name", "\udfff"),
        ("url", 5),
        ("url", "nope"),
        ("timeout", "60"),
        ("timeout", True),
        ("timeout", 60.0),
        ("timeout", 4),
        ("timeout", 301),
        ("id", "0190a5d8-7f3c-7cc0-8f00-3a1b2c3d4e5f"),
        ("created_at", "2026-01-01T00:00:00Z"),
        ("naem", "x"),
    ],
    ids=repr,
)
def test_a_wrong_field_of_a_json_body_is_named(server: Server, field: str, value: object) -> None:
    fields = {**FIELDS, "source": SOURCE, field: value}

    body = json.dumps(fields).encode()
    assert field in refused(
        server.client.post("/code", content=body, headers={"Content-Type": "application/json"})
    )
    code_id = server.create(SOURCE)
    patched = server.client.patch(
        f"/code/{code_id}", content=json.dumps({field: value}), headers={"Content-Type": "application/json"}
    )
    assert field in refused(patched)


@pytest.mark.parametrize("field", ["name", "language", "type", "project_uuid", "source", "timeout"])
def test_null_is_no_value_of_any_field_but_the_url(server: Server, field: str) -> None:
    code_id = server.create(SOURCE)
    assert field in refused(server.client.patch(f"/code/{code_id}", json={field: None}))
    assert field in refused(server.client.post("/code", json={**FIELDS, "source": SOURCE, field: None}))


@pytest.mark.parametrize(
    "body", [b"{", b"[1]", b'"text"', b"5", b"null", b"\xff\xfe", b"[" * 100_000], ids=repr
)
def test_a_body_that_says_it_is_json_and_is_no_object_is_refused(server: Server, body: bytes) -> None:
    answer = server.client.post(
        "/code", params=FIELDS, content=body, headers={"Content-Type": "application/json"}
    )
    assert "JSON" in refused(answer)


def test_a_source_that_is_not_utf_8_is_refused_with_the_place(server: Server) -> None:
    answer = server.client.post("/code", params=FIELDS, content=b"x = '\xff'")
    assert refused(answer) == "the source must be UTF-8; byte 5 is not"


@pytest.mark.parametrize("path", ["/code?naem=x", "/code/{id}?soruce=x"])
def test_an_unknown_parameter_is_refused_with_the_known_ones(server: Server, path: str) -> None:
    code_id = server.create(SOURCE)
    method = "PATCH" if "{id}" in path else "POST"
    message = refused(server.client.request(method, path.format(id=code_id), content=SOURCE.encode()))
    assert message.startswith("unknown parameter ")
    assert "language, name, project_uuid, timeout, type, url" in message


def test_a_source_of_one_mebibyte_is_taken_and_one_byte_more_is_not(server: Server) -> None:
    source = "#" + "x" * (LIMIT - 1)
    assert server.client.post("/code", params=FIELDS, content=source.encode()).status_code == 201
    for body in (source.encode() + b"x", iter([source.encode(), b"x"])):
        message = refused(server.client.post("/code", params=FIELDS, content=body), 413, "too_large")
        assert message == f"the source must have at most {LIMIT} bytes"


def test_a_source_of_one_mebibyte_is_taken_in_json_too_and_one_byte_more_is_not(server: Server) -> None:
    source = "\x01" * (LIMIT - 2) + "ü"  # six bytes of JSON for each byte of source
    answer = server.client.post("/code", json={**FIELDS, "source": source})
    assert answer.status_code == 201
    assert answer.json()["source"] == source
    assert "source" in refused(
        server.client.post("/code", json={**FIELDS, "source": source + "x"}), 413, "too_large"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"name": "changed"},
        {"type": "flow"},
        {"language": "go"},
        {"project_uuid": "other"},
        {"timeout": 300},
        {"url": "http://example.com"},
        {"source": "def Run(engine): pass"},
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
        answer = server.client.patch(
            f"/code/{code_id}", params=params, content=change.get("source", "").encode()
        )
    assert answer.status_code == 200
    after = answer.json()
    assert after == {**before, **change, "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]
    assert server.client.get(f"/code/{code_id}").json() == after


@pytest.mark.parametrize(
    "request_", [{"params": {"url": ""}}, {"json": {"url": None}}, {"json": {"url": ""}}], ids=repr
)
def test_the_url_can_be_taken_away(server: Server, request_: dict[str, Any]) -> None:
    code_id = server.create(SOURCE, url="https://example.com")
    answer = server.client.patch(f"/code/{code_id}", **request_)
    assert (answer.status_code, answer.json()["url"]) == (200, None)


def test_a_change_of_nothing_is_refused(server: Server) -> None:
    code_id = server.create(SOURCE)
    assert "nothing to change" in refused(server.client.patch(f"/code/{code_id}"))
    assert "nothing to change" in refused(server.client.patch(f"/code/{code_id}", json={}))


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
        return [
            code["id"]
            for code in server.client.get("/code", params={"project_uuid": project, **params}).json()
        ]

    assert listed() == made
    assert listed(type="flow") == [made[0], made[2]]
    assert listed(type="endpoint") == [made[1]]
    code = server.client.get("/code", params={"project_uuid": project}).json()[0]
    assert code == server.client.get(f"/code/{made[0]}").json()


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("", "project_uuid"),
        ("project_uuid=", "project_uuid"),
        ("project_uuid=p&type=job", "type"),
        ("project=p", "project"),
    ],
)
def test_a_wrong_list_is_refused(server: Server, query: str, named: str) -> None:
    assert named in refused(server.client.get(f"/code?{query}"))


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
    assert (
        refused(server.client.delete(f"/code/{code_id}"), 404, "not_found") == f"there is no code {code_id}"
    )
