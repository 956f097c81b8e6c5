"""`/code`: every way to get it wrong, and the message that says which."""

import json

import pytest
from harness import Server
from integration.answers import refused

SOURCE = "def Run(engine):\n    return 'grüße'\n"
FIELDS = {"name": "a name", "language": "python", "type": "endpoint", "project_uuid": "p"}
LIMIT = 1024 * 1024


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
    ("language", "Pyhton"),
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
    assert field in refused(server.client.post("/code", content=body, headers={"Content-Type": "application/json"}))
    code_id = server.create(SOURCE)
    patched = server.client.patch(
        f"/code/{code_id}", content=json.dumps({field: value}), headers={"Content-Type": "application/json"}
    )
    assert field in refused(patched)


@pytest.mark.parametrize("field", ["name", "language", "type", "project_uuid", "source", "timeout", "mask_result"])
def test_null_is_no_value_of_a_field_that_every_code_has(server: Server, field: str) -> None:
    code_id = server.create(SOURCE)
    assert field in refused(server.client.patch(f"/code/{code_id}", json={field: None}))
    assert field in refused(server.client.post("/code", json={**FIELDS, "source": SOURCE, field: None}))


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"text"', b"5", b"null", b"[" * 100_000], ids=repr)
def test_a_body_that_says_it_is_json_and_is_no_object_is_refused(server: Server, body: bytes) -> None:
    answer = server.client.post("/code", params=FIELDS, content=body, headers={"Content-Type": "application/json"})
    assert "JSON" in refused(answer)


def test_a_source_that_is_not_utf_8_is_refused_with_the_place(server: Server) -> None:
    for kind in ("text/plain", "application/json"):
        answer = server.client.post("/code", params=FIELDS, content=b"x = '\xff'", headers={"Content-Type": kind})
        assert refused(answer) == "the source must be UTF-8; byte 5 is not"


@pytest.mark.parametrize("path", ["/code?naem=x", "/code/{id}?soruce=x"])
def test_an_unknown_parameter_is_refused_with_the_known_ones(server: Server, path: str) -> None:
    code_id = server.create(SOURCE)
    method = "PATCH" if "{id}" in path else "POST"
    message = refused(server.client.request(method, path.format(id=code_id), content=SOURCE.encode()))
    assert message.startswith("unknown parameter ")
    assert "description, language, mask_result, message, name, project_uuid, timeout, timezone, type, url" in message


def test_a_source_of_one_mebibyte_is_taken_and_one_byte_more_is_not(server: Server) -> None:
    source = "#" + "x" * (LIMIT - 1)
    assert server.client.post("/code", params=FIELDS, content=source.encode()).status_code == 201
    for body in (source.encode() + b"x", iter([source.encode(), b"x"])):
        message = refused(server.client.post("/code", params=FIELDS, content=body), 413, "too_large")
        assert message == f"the source must have at most {LIMIT} bytes"


def test_a_source_of_one_mebibyte_is_taken_in_json_too_and_one_byte_more_is_not(server: Server) -> None:
    source = "\x01" * (LIMIT - 2) + "ü"  # six bytes of JSON for each byte of source
    answer = server.client.post("/code?check=false", json={**FIELDS, "source": source})
    assert answer.status_code == 201
    assert answer.json()["source"] == source
    assert "source" in refused(server.client.post("/code", json={**FIELDS, "source": source + "x"}), 413, "too_large")


def test_a_change_of_nothing_is_refused(server: Server) -> None:
    code_id = server.create(SOURCE)
    assert "nothing to change" in refused(server.client.patch(f"/code/{code_id}"))
    assert "nothing to change" in refused(server.client.patch(f"/code/{code_id}", json={}))


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
