"""Lists are bounded by bytes: what does not fit is cut in the list and says so; what is read alone is whole."""

import base64
import json
import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from harness import Server
from integration.answers import refused
from migrations import Connection

from codeactions.postgres.coderuns import BEGINNING, PAGE_BYTES
from codeactions.postgres.codes import LIST_BYTES, LIST_LIMIT

ECHO = "def Run(engine):\n    return engine.request.content\n"
NOTHING = "def Run(engine):\n    return 'small'\n"
MAKE_RUN = """
INSERT INTO coderuns (id, code_id, status, result, extra, params, body, headers, created_at, updated_at)
VALUES (gen_random_uuid(), %(code_id)s, 'completed', repeat(%(letter)s, %(result)s), '{}', '{}',
        repeat(%(letter)s, %(body)s), '{}', now(), now())
"""
MAKE_CODES = """
INSERT INTO codes (id, name, type, source, language, project_uuid, created_at, updated_at)
SELECT gen_random_uuid(), n::text, CASE WHEN n %% 2 = 0 THEN 'flow' ELSE 'endpoint' END, repeat('x', %(bytes)s),
       'python', %(project)s, now() + n * interval '1 second', now()
FROM generate_series(1, %(count)s) AS n
"""


@pytest.fixture
def rows(server: Server, database_of_server: str) -> Iterator[Connection]:
    """A session on the database of the shared server, for runs of an exact size."""
    with psycopg.connect(database_of_server, autocommit=True) as connection:
        yield connection


def page(server: Server, code_id: str, **params: Any) -> list[dict[str, Any]]:
    """The runs that the history shows."""
    answer = server.client.get("/coderun", params={"code_id": code_id, **params})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


def shown(runs: list[dict[str, Any]]) -> int:
    """How many bytes of bodies and results there are."""
    return sum(len((run[name] or "").encode()) for run in runs for name in ("body", "result"))


def alone(server: Server, run_id: str) -> dict[str, Any]:
    """The run as it is read alone."""
    return dict(server.client.get(f"/coderun/{run_id}").json())


def test_a_history_of_large_runs_stays_small_and_says_what_it_cuts(server: Server) -> None:
    code_id = server.create(ECHO)
    content = os.urandom(400_000).hex()
    for n in range(18):
        assert server.client.post(f"/endpoint/{code_id}", content=f"{n:06}{content}").status_code == 200
    binary = os.urandom(800_000)
    assert server.client.post(f"/endpoint/{code_id}", content=binary).content == binary
    server.client.post(f"/endpoint/{code_id}", content=b"small")

    answer = server.client.get("/coderun", params={"code_id": code_id})
    assert len(answer.content) < PAGE_BYTES
    small, encoded, *large = answer.json()["data"]
    assert shown([small, encoded, *large]) <= PAGE_BYTES
    assert small == alone(server, small["id"])
    assert (small["body"], small["result"]) == ("small", "small")
    assert len(large) == 18
    for n, run in enumerate(reversed(large)):
        assert run["cut"] == ["body", "result"]
        assert run["body"] == run["result"] == f"{n:06}{content}"[:BEGINNING]
        whole = alone(server, run["id"])
        assert whole["body"] == whole["result"] == f"{n:06}{content}"
        assert "cut" not in whole
        assert run == {**whole, "body": run["body"], "result": run["result"], "cut": run["cut"]}
    assert encoded["cut"] == ["body", "result"]
    assert binary.startswith(base64.b64decode(encoded["result"], validate=True)), "the beginning of base64 is base64"
    assert base64.b64decode(alone(server, encoded["id"])["result"]) == binary


def test_a_history_that_fits_is_whole_however_large_one_run_is(server: Server) -> None:
    code_id = server.create(ECHO)
    large = os.urandom(1_900_000).hex()
    for content in (large, "x", ""):
        assert server.client.post(f"/endpoint/{code_id}", content=content).text == content
    found = page(server, code_id)
    assert found == [alone(server, run["id"]) for run in found]
    assert found[2]["body"] == found[2]["result"] == large
    assert not any("cut" in run for run in found)


def test_one_large_run_takes_nothing_from_the_others(server: Server, rows: Connection) -> None:
    code_id = server.create(NOTHING)
    rows.execute(MAKE_RUN, {"code_id": code_id, "letter": "x", "body": 3, "result": 20_000_000})
    for _ in range(18):
        rows.execute(MAKE_RUN, {"code_id": code_id, "letter": "y", "body": 200_000, "result": 100})
    server.client.get(f"/endpoint/{code_id}")
    newest, *others, large = page(server, code_id)
    assert newest["result"] == "small"
    assert not any("cut" in run for run in (newest, *others))
    assert [len(run["body"]) for run in others] == [200_000] * 18
    assert (large["cut"], large["body"], large["result"]) == (["result"], "xxx", "x" * BEGINNING)
    assert len(alone(server, large["id"])["result"]) == 20_000_000


@pytest.mark.parametrize(("letter", "width"), [("x", 1), ("\U0001f40d", 4)])
def test_the_bound_is_one_of_bytes_and_exact(server: Server, rows: Connection, letter: str, width: int) -> None:
    code_id = server.create(NOTHING)
    half = PAGE_BYTES // 2 // width
    rows.execute(MAKE_RUN, {"code_id": code_id, "letter": letter, "body": half, "result": half})
    [run] = page(server, code_id)
    assert "cut" not in run
    assert shown([run]) == PAGE_BYTES
    rows.execute("DELETE FROM coderuns WHERE code_id = %s", [code_id])
    rows.execute(MAKE_RUN, {"code_id": code_id, "letter": letter, "body": half + 1, "result": half})
    [run] = page(server, code_id)
    assert (run["cut"], run["body"], len(run["result"])) == (["body"], letter * BEGINNING, half)
    assert shown([run]) <= PAGE_BYTES


def test_the_fullest_page_is_within_the_bound(server: Server, rows: Connection) -> None:
    code_id = server.create(NOTHING)
    share = PAGE_BYTES // 40
    rows.execute(MAKE_RUN, {"code_id": code_id, "letter": "x", "body": share + 1, "result": share})
    for _ in range(19):
        rows.execute(MAKE_RUN, {"code_id": code_id, "letter": "x", "body": share, "result": share})
    rows.execute(MAKE_RUN, {"code_id": code_id, "letter": "x", "body": 5_000_000, "result": 3_000_000})
    assert shown(page(server, code_id)) <= PAGE_BYTES
    [oldest] = page(server, code_id, page=2)
    assert "cut" not in oldest, "every page has the bound for itself"


def test_runs_without_body_and_result_are_listed_among_large_ones(server: Server, rows: Connection) -> None:
    code_id = server.create(NOTHING)
    rows.execute(MAKE_RUN, {"code_id": code_id, "letter": "x", "body": 9_000_000, "result": None})
    rows.execute(MAKE_RUN, {"code_id": code_id, "letter": "x", "body": None, "result": None})
    empty, large = page(server, code_id)
    assert (empty["body"], empty["result"], "cut" in empty) == (None, None, False)
    assert (large["cut"], large["body"], large["result"]) == (["body"], "x" * BEGINNING, None)


def listed(server: Server, project: str) -> list[dict[str, Any]]:
    """The codes of a project."""
    answer = server.client.get("/code", params={"project_uuid": project})
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def test_a_list_of_large_codes_stays_small_and_says_what_it_cuts(server: Server) -> None:
    project = str(uuid4())
    source = f"{NOTHING}# {'grüße ' * 120_000}"
    small = server.create(NOTHING, project_uuid=project)
    large = [server.create(source, project_uuid=project, check="false") for _ in range(11)]
    codes = listed(server, project)
    assert [code["id"] for code in codes] == [small, *large]
    assert sum(len(code["source"].encode()) for code in codes) <= LIST_BYTES
    assert codes[0] == server.client.get(f"/code/{small}").json()
    for code in codes[1:]:
        whole = server.client.get(f"/code/{code['id']}").json()
        assert whole["source"] == source
        assert "cut" not in whole
        assert code == {**whole, "source": source[:BEGINNING], "cut": ["source"]}


def test_a_list_of_codes_that_fits_is_whole(server: Server) -> None:
    project = str(uuid4())
    source = f"{NOTHING}# {'x' * 1_000_000}"
    made = [server.create(source, project_uuid=project, check="false") for _ in range(8)]
    assert listed(server, project) == [server.client.get(f"/code/{code_id}").json() for code_id in made]


def test_the_codes_past_the_first_thousand_are_on_further_pages(server: Server, rows: Connection) -> None:
    project = str(uuid4())
    rows.execute(MAKE_CODES, {"project": project, "count": LIST_LIMIT + 3, "bytes": 10_000})

    def page_of(number: int, **params: str) -> tuple[list[dict[str, Any]], str]:
        answer = server.client.get("/code", params={"project_uuid": project, "page": number, **params})
        assert answer.status_code == 200, answer.text
        return answer.json(), answer.headers["x-total-count"]

    first, total = page_of(1)
    assert total == "1003"
    assert [code["name"] for code in first] == [str(n) for n in range(1, 1001)]
    assert all((code["cut"], code["source"]) == (["source"], "x" * BEGINNING) for code in first)
    assert listed(server, project) == first
    second, total = page_of(2)
    assert total == "1003"
    assert [code["name"] for code in second] == ["1001", "1002", "1003"]
    assert all(code["source"] == "x" * 10_000 and "cut" not in code for code in second)
    assert page_of(3) == ([], "1003")
    flows, total = page_of(1, type="flow")
    assert (len(flows), total) == (501, "501")
    assert not any("cut" in code for code in flows)
    assert page_of(2, type="flow") == ([], "501")


def test_the_list_of_nothing_says_so(server: Server) -> None:
    answer = server.client.get("/code", params={"project_uuid": str(uuid4())})
    assert (answer.json(), answer.headers["x-total-count"]) == ([], "0")


@pytest.mark.parametrize("number", ["0", "-1", "1000001", "one", ""])
def test_a_page_of_codes_that_cannot_be_is_refused(server: Server, number: str) -> None:
    assert "page" in refused(server.client.get("/code", params={"project_uuid": "p", "page": number}))


def test_the_document_tells_of_what_may_be_cut(server: Server) -> None:
    document = server.client.get("/openapi.json").json()
    shapes = document["components"]["schemas"]
    for name, path, fields in (("Code", "/code", ["source"]), ("Run", "/coderun", ["body", "result"])):
        listed_shape, shape = shapes[f"Listed{name}Model"], shapes[f"{name}Model"]
        assert set(listed_shape["properties"]) == {*shape["properties"], "cut"}
        assert listed_shape["required"] == shape["required"]
        assert all(field in json.dumps(listed_shape["properties"]["cut"]["items"]) for field in fields)
        assert "8 MiB" in document["paths"][path]["get"]["description"]
