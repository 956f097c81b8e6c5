"""Runs that name their code by its old id alone are the code's: in its history, in its project's, and for its readers.

The Go service's import leaves them so, when it meets a run before its code.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from gotool import SERVICE_TABLES
from harness import Server, running_server
from integration.answers import refused
from integration.api_tokens.tokens import headers_with_token

CODE, TWIN, OTHER = (f"6a1d8f0e-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
OLD_CODE, OLD_OTHER = "507f1f77bcf86cd79943901a", "507f1f77bcf86cd79943901b"
# In the order of their history: of 2024, one in each month.
OWN, LINKED, CUT, STRAY, NAMELESS, TWICE = (f"7a1d8f0e-0000-4000-8000-00000000000{number}" for number in range(6))
SOURCE = "E'def Run(engine):\\n    return 1\\n'"
ROWS = f"""
INSERT INTO codes (id, name, type, source, language, project_uuid, mongo_object_id) VALUES
    ('{CODE}', 'e', 'endpoint', {SOURCE}, 'python', 'mine', '{OLD_CODE}'),
    ('{TWIN}', 't', 'endpoint', {SOURCE}, 'python', 'theirs', '{OLD_CODE}'),
    ('{OTHER}', 'o', 'endpoint', {SOURCE}, 'python', 'theirs', '');
INSERT INTO coderuns (id, code_id, code_mongo_id, status, result, created_at) VALUES
    ('{OWN}', '{CODE}', '{OLD_CODE}', 'failed', 'own', '2024-01-01'),
    ('{LINKED}', NULL, '{OLD_CODE}', 'completed', 'linked', '2024-02-01'),
    ('{CUT}', NULL, '{OLD_CODE}', 'completed', repeat('x', 9000000), '2024-03-01'),
    ('{STRAY}', NULL, '{OLD_OTHER}', 'completed', 'of no code', '2024-04-01'),
    ('{NAMELESS}', NULL, '', 'completed', 'of no code', '2024-05-01'),
    ('{TWICE}', '{OTHER}', '{OLD_CODE}', 'completed', 'the new id counts', '2024-06-01');
"""


@pytest.fixture(scope="module", params=["", "flows-code-actions"])
def server(
    request: pytest.FixtureRequest, module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server on a database of the Go service, in its own manner and in that of the service."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        connection.execute(SERVICE_TABLES)
        connection.execute(ROWS.encode())
    settings = {"slots": 2, "languages": "python"} | ({"compat": request.param} if request.param else {})
    with running_server(tmp_path_factory.mktemp("linked"), module_database_url, **settings) as started:
        yield started


def listed(server: Server, headers: dict[str, str] | None = None, **parameters: object) -> list[dict[str, Any]]:
    """The runs that a list has, in order; their number is told, too."""
    answer = server.client.get("/coderun", params={k: str(v) for k, v in parameters.items()}, headers=headers)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    runs: list[dict[str, Any]] = found if isinstance(found, list) else found["data"]
    total = int(answer.headers["x-total-count"]) if isinstance(found, list) else found["total"]
    assert total == len(runs) or "page" in parameters
    return runs


@pytest.fixture(scope="module", autouse=True)
def projects(server: Server) -> None:
    """Both projects."""
    for uuid in ("mine", "theirs"):
        server.client.post("/project", json={"name": uuid, "uuid": uuid}).raise_for_status()


@pytest.mark.parametrize("asked", [{"code_id": CODE}, {"code_id": OLD_CODE}, {"project_uuid": "mine"}])
def test_they_are_in_the_history_in_order_with_their_code(server: Server, asked: dict[str, str]) -> None:
    runs = listed(server, **asked)
    assert [run["id"] for run in runs] == [CUT, LINKED, OWN]
    assert {run["code_id"] for run in runs} == {CODE}
    assert [run.get("cut") or [] for run in runs] == [["result"], [], []]
    assert [run["id"] for run in listed(server, **asked, status="failed")] == [OWN]
    assert [run["id"] for run in listed(server, **asked, status="completed", before="2024-02-15")] == [LINKED]
    assert [run["id"] for run in listed(server, **asked, after="2024-02-15")] == [CUT]
    assert listed(server, **asked, page=2) == []


def test_a_run_without_a_time_is_in_the_history_of_its_code_alone(server: Server, module_database_url: str) -> None:
    """Also where runs are linked. `listed` looks at the number that is told."""
    timeless = [f"00000000-0000-4000-8000-00000000000{number}" for number in (2, 1)]
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        for run_id, code_id in zip(timeless, (CODE, None), strict=True):
            connection.execute(
                "INSERT INTO coderuns (id, code_id, code_mongo_id, status, created_at)"
                " VALUES (%s, %s, %s, 'failed', NULL)",
                (run_id, code_id, OLD_CODE),
            )
        try:
            assert [run["id"] for run in listed(server, code_id=CODE)] == [*timeless, CUT, LINKED, OWN]
            assert [run["id"] for run in listed(server, project_uuid="mine")] == [CUT, LINKED, OWN]
        finally:
            connection.execute("DELETE FROM coderuns WHERE created_at IS NULL")


def test_without_any_link_of_its_own_a_code_has_its_runs_alone(server: Server) -> None:
    for asked in ({"code_id": TWIN}, {"code_id": OTHER}, {"project_uuid": "theirs"}):
        assert [run["id"] for run in listed(server, **asked)] == ([] if asked == {"code_id": TWIN} else [TWICE])


def test_they_are_read_as_their_code_is(server: Server) -> None:
    mine, theirs = (headers_with_token(server, project_uuid=uuid, role=1) for uuid in ("mine", "theirs"))
    assert [run["id"] for run in listed(server, mine, code_id=OLD_CODE)] == [CUT, LINKED, OWN]
    assert listed(server, theirs, code_id=OLD_CODE) == []
    assert listed(server, theirs, project_uuid="mine") == []
    for headers in (mine, None):
        answer = server.client.get(f"/coderun/{LINKED}", headers=headers)
        assert (answer.status_code, answer.json()["code_id"], answer.json()["result"]) == (200, CODE, "linked")
    told = server.client.get(f"/coderun/{LINKED}", headers=theirs)
    assert told.status_code == 404, told.text
    for run_id in (STRAY, NAMELESS):
        assert server.client.get(f"/coderun/{run_id}").json()["code_id"] is None
        assert server.client.get(f"/coderun/{run_id}", headers=mine).status_code == 404
        assert server.client.get(f"/coderun/{run_id}", headers=theirs).status_code == 404


def test_pages_hold_each_run_once(server: Server, module_database_url: str) -> None:
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO coderuns (id, code_id, code_mongo_id, status, created_at)"
            " SELECT gen_random_uuid(), CASE WHEN n %% 2 = 0 THEN %s::uuid END, %s, 'failed',"
            " timestamptz '2020-01-01' + n * interval '1 hour' FROM generate_series(1, 45) AS n",
            (CODE, OLD_CODE),
        )
        try:
            for asked in ({"code_id": CODE}, {"project_uuid": "mine"}):
                pages = [listed(server, **asked, page=page) for page in range(1, 5)]
                runs = [run for page in pages for run in page]
                assert len(runs) == len({run["id"] for run in runs}) == 48
                assert [run["created_at"] for run in runs] == sorted((run["created_at"] for run in runs), reverse=True)
        finally:
            connection.execute("DELETE FROM coderuns WHERE created_at < '2024-01-01'")


def test_what_is_neither_of_a_code_nor_of_a_project_is_refused(server: Server) -> None:
    answer = server.client.get("/coderun", params={"code_id": ""})
    assert answer.status_code == 400
    assert "code_id" in (answer.json().get("message") or refused(answer))
