"""Secrets and variables over the API: what is stored, what is shown, and what is refused."""

import json
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from harness import Server

from codeactions.domain.project_value import MOST_VALUES, TOTAL_LIMIT, VALUE_LIMIT

SECRET = "a-value-that-nobody-reads"
KEYS = """
def Run(engine):
    return {name: values[name] for values in (engine.secrets, engine.variables) for name in values}
"""


@pytest.fixture
def project() -> str:
    """A project of the test's own. It needs no row."""
    return f"project-{uuid4()}"


def made(server: Server, kind: str, project: str, name: str, value: str = SECRET, **fields: Any) -> dict[str, Any]:
    """A new value."""
    answer = server.client.post(f"/{kind}", json={"project_uuid": project, "name": name, "value": value, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def refused(answer: httpx.Response, status: int = 400, code: str = "invalid") -> str:
    """What an error says."""
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    return str(answer.json()["error"]["message"])


def test_a_secret_is_never_shown(server: Server, project: str) -> None:
    client = server.client
    first = made(server, "secret", project, "API_KEY")
    assert first == {
        "id": first["id"],
        "project_uuid": project,
        "name": "API_KEY",
        "code_ids": None,
        "created_at": first["created_at"],
        "updated_at": first["updated_at"],
        "in_environment": True,
        "masked": True,
        "note": None,
    }
    assert client.get(f"/secret/{first['id']}").json() == first
    assert client.get("/secret", params={"project_uuid": project}).json() == {
        "data": [first], "total": 1, "page": 1, "last_page": 1,
    }  # fmt: skip
    changed = client.patch(f"/secret/{first['id']}", json={"value": SECRET + "2"})
    assert changed.status_code == 200
    assert changed.json() == {**first, "updated_at": changed.json()["updated_at"]}
    told = [changed.text, client.get("/audit", params={"project_uuid": project}).text, *server.output]
    assert SECRET not in "\n".join(told)


def test_a_variable_is_shown(server: Server, project: str) -> None:
    first = made(server, "variable", project, "REGION", "eu")
    assert (first["value"], first["in_environment"]) == ("eu", True)
    assert "masked" not in first
    changed = server.client.patch(f"/variable/{first['id']}", params={"value": "us"}).json()
    assert changed == {**first, "value": "us", "updated_at": changed["updated_at"]}
    assert server.client.get("/variable", params={"project_uuid": project}).json()["data"] == [changed]


def test_a_short_secret_is_told_not_to_be_masked(server: Server, project: str) -> None:
    short, long = made(server, "secret", project, "A", "1234567"), made(server, "secret", project, "B", "ööö12")
    assert (short["masked"], long["masked"], long["note"]) == (False, True, None)
    assert "under 8 bytes are not masked" in short["note"]
    changed = server.client.patch(f"/secret/{short['id']}", json={"value": "12345678"}).json()
    assert (changed["masked"], changed["note"]) == (True, None)


@pytest.mark.parametrize("name", ["PATH", "ld_preload", "NODE_OPTIONS", "GOFLAGS", "HOSTALIASES", "with space", "1st"])
def test_what_is_no_environment_variable_is_told(server: Server, project: str, name: str) -> None:
    assert made(server, "secret", project, name)["in_environment"] is False
    assert made(server, "variable", project, f"{name} ")["in_environment"] is False


def test_values_of_both_kinds_are_stored_as_they_should_be(
    server: Server, database_of_server: str, project: str
) -> None:
    made(server, "secret", project, "A")
    made(server, "variable", project, "B", "plain text")
    with psycopg.connect(database_of_server) as connection:
        rows = connection.execute(
            "SELECT kind, encrypted, plain FROM project_values WHERE project_uuid = %s ORDER BY name", (project,)
        ).fetchall()
    assert [(kind, plain) for kind, _, plain in rows] == [("secret", None), ("variable", "plain text")]
    assert SECRET.encode() not in rows[0][1]
    assert len(rows[0][1]) == len(SECRET) + 37
    assert rows[1][1] is None


def test_a_name_has_one_meaning_in_a_project(server: Server, project: str) -> None:
    first = made(server, "secret", project, "A")
    for kind in ("secret", "variable"):
        answer = server.client.post(f"/{kind}", json={"project_uuid": project, "name": "A", "value": "x"})
        assert refused(answer, 409, "conflict") == f"project {project} has a secret 'A' already: /secret/{first['id']}"
    made(server, "variable", project, "a", "another case is another name")
    made(server, "secret", f"{project}-2", "A")


def test_one_kind_is_not_found_as_the_other(server: Server, project: str) -> None:
    secret = made(server, "secret", project, "A")
    for method in ("GET", "PATCH", "DELETE"):
        body = {"json": {"value": "x"}} if method == "PATCH" else {}
        answer = server.client.request(method, f"/variable/{secret['id']}", **body)
        assert refused(answer, 404, "not_found") == f"there is no variable {secret['id']}"
    assert server.client.get(f"/secret/{secret['id']}").status_code == 200


def test_lists_are_in_the_order_of_names_and_have_pages(server: Server, project: str) -> None:
    names = [f"N{number:02}" for number in range(21)]
    for name in reversed(names):
        made(server, "secret", project, name)
    made(server, "variable", project, "a variable")
    pages = [server.client.get("/secret", params={"project_uuid": project, "page": page}).json() for page in (1, 2)]
    assert [one["name"] for page in pages for one in page["data"]] == names
    assert [(page["total"], page["last_page"]) for page in pages] == [(21, 2)] * 2


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"value": None}, "value is missing"),
        ({"value": ""}, "value must not be empty"),
        ({"value": 1}, "value must be text"),
        ({"value": "a\0b"}, "value must not contain the character U+0000"),
        ({"value": "\ud800"}, "value must not contain lone surrogates"),
        ({"name": ""}, "name must not be empty"),
        ({"name": "x" * 256}, "name must have at most 255"),
        ({"project_uuid": " "}, "project_uuid must not be empty"),
        ({"code_ids": []}, "code_ids must be a list of ids of codes, or null"),
        ({"code_ids": "x"}, "code_ids must be a list of ids of codes, or null"),
        ({"code_ids": ["x"]}, "each of code_ids must be a UUID"),
        ({"code_ids": [str(uuid4())] * 101}, "code_ids must have at most 100"),
        ({"code_ids": ["00000000-0000-4000-8000-000000000000"]}, "code_ids: there is no code 00000000"),
        ({"kind": "secret"}, "unknown field 'kind'"),
    ],
)
@pytest.mark.parametrize("kind", ["secret", "variable"])
def test_a_mistake_is_named_and_stores_nothing(
    server: Server, project: str, kind: str, fields: dict[str, Any], told: str
) -> None:
    given = {"project_uuid": project, "name": "A", "value": SECRET, **fields}
    message = refused(
        server.client.post(f"/{kind}", content=json.dumps(given), headers={"Content-Type": "application/json"})
    )
    assert told in message
    assert SECRET not in message
    assert server.client.get(f"/{kind}", params={"project_uuid": project}).json()["total"] == 0


def test_a_secret_does_not_come_in_an_address(server: Server, project: str) -> None:
    where = {"project_uuid": project, "name": "A", "value": SECRET}
    message = refused(server.client.post("/secret", params=where))
    assert "unknown parameter 'value'" in message
    assert SECRET not in message


def test_the_largest_value_is_taken_and_one_byte_more_is_not(server: Server, project: str) -> None:
    made(server, "secret", project, "A", "x" * VALUE_LIMIT)
    given = {"project_uuid": project, "name": "B", "value": "ö" * (VALUE_LIMIT // 2) + "x"}
    message = refused(server.client.post("/secret", json=given), 413, "too_large")
    assert message == f"value must have at most {VALUE_LIMIT} bytes, not {VALUE_LIMIT + 1}"


def test_a_project_has_room_for_a_number_of_bytes(server: Server, project: str) -> None:
    values = [made(server, "secret", project, f"N{number}", "x" * VALUE_LIMIT) for number in range(7)]
    last = made(server, "variable", project, "LAST", "x" * (VALUE_LIMIT - 1))
    assert 8 * VALUE_LIMIT == TOTAL_LIMIT
    made(server, "variable", project, "ONE", "x")
    for answer in (
        server.client.post("/secret", json={"project_uuid": project, "name": "TWO", "value": "x"}),
        server.client.patch(f"/variable/{last['id']}", json={"value": "x" * VALUE_LIMIT}),
    ):
        assert f"would have {TOTAL_LIMIT + 1} bytes; {TOTAL_LIMIT} are the most" in refused(answer, 409, "conflict")
    assert server.client.delete(f"/secret/{values[0]['id']}").status_code == 204
    assert server.client.patch(f"/variable/{last['id']}", json={"value": "x" * VALUE_LIMIT}).status_code == 200


def test_a_project_has_room_for_a_number_of_values(server: Server, database_of_server: str, project: str) -> None:
    with psycopg.connect(database_of_server, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO project_values (project_uuid, name, kind, plain)"
            " SELECT %s, 'N' || number, 'variable', 'x' FROM generate_series(1, %s) AS number",
            (project, MOST_VALUES - 1),
        )
    made(server, "secret", project, "LAST")
    answer = server.client.post("/secret", json={"project_uuid": project, "name": "MORE", "value": "x"})
    assert f"has {MOST_VALUES} secrets and variables, the most it may have" in refused(answer, 409, "conflict")


def test_nothing_to_change_is_told(server: Server, project: str) -> None:
    secret = made(server, "secret", project, "A")
    message = refused(server.client.patch(f"/secret/{secret['id']}", json={}))
    assert message == "nothing to change: give value, code_ids, or both; the name is fixed"
    assert "unknown field 'name'" in refused(server.client.patch(f"/secret/{secret['id']}", json={"name": "B"}))


def test_a_value_is_narrowed_to_codes_of_its_project(server: Server, project: str) -> None:
    one, two = (server.create(KEYS, project_uuid=project) for _ in range(2))
    elsewhere = server.create(KEYS, project_uuid=f"{project}-2")
    secret = made(server, "secret", project, "A", code_ids=[one])
    assert secret["code_ids"] == [one]

    def given() -> list[list[str]]:
        return [list(server.client.get(f"/endpoint/{code}").json()) for code in (one, two, elsewhere)]

    assert given() == [["A"], [], []]
    answer = server.client.patch(f"/secret/{secret['id']}", json={"code_ids": [two, elsewhere]})
    assert f"there is no code {elsewhere} in project {project}" in refused(answer)
    assert server.client.patch(f"/secret/{secret['id']}", json={"code_ids": [two, two]}).json()["code_ids"] == [two]
    assert given() == [[], ["A"], []]
    assert server.client.patch(f"/secret/{secret['id']}", json={"code_ids": None}).json()["code_ids"] is None
    assert given() == [["A"], ["A"], []]
    server.client.patch(f"/secret/{secret['id']}", json={"code_ids": [one]})
    assert server.client.delete(f"/code/{one}").status_code == 204
    assert server.client.get(f"/endpoint/{two}").json() == {}, "a value for a code that is gone is for none"


def test_a_code_that_moves_gets_the_values_of_its_new_project(server: Server, project: str) -> None:
    code, other = server.create(KEYS, project_uuid=project), f"{project}-2"
    made(server, "secret", project, "A")
    made(server, "secret", other, "B")
    assert list(server.client.get(f"/endpoint/{code}").json()) == ["A"]
    server.client.patch(f"/code/{code}", json={"project_uuid": other})
    assert list(server.client.get(f"/endpoint/{code}").json()) == ["B"]


def test_values_go_with_their_project(server: Server, database_of_server: str, project: str) -> None:
    server.client.post("/project", json={"uuid": project, "name": "x"})
    made(server, "secret", project, "A")
    made(server, "secret", f"{project}-2", "A")
    assert server.client.delete(f"/project/{project}").status_code == 204
    with psycopg.connect(database_of_server) as connection:
        left = connection.execute(
            "SELECT project_uuid FROM project_values WHERE project_uuid LIKE %s", (f"{project}%",)
        ).fetchall()
    assert left == [(f"{project}-2",)]


def test_many_that_write_the_last_one_at_once_get_one_of_them_in(server: Server, project: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    for number in range(7):
        made(server, "secret", project, f"N{number}", "x" * VALUE_LIMIT)

    def last(number: int) -> int:
        given = {"project_uuid": project, "name": f"LAST{number}", "value": "x" * (VALUE_LIMIT // 2 + 1)}
        return server.client.post("/secret", json=given).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(last, range(8))) == [201, *[409] * 7]
