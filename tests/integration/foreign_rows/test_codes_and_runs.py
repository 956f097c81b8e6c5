"""Codes and runs that another program wrote: whatever their columns hold is shown, and harms nothing."""

from typing import Any
from uuid import uuid4

import psycopg
import pytest
from gotool import SERVICE_TABLES
from harness import Server, running_server, wait_until
from integration.answers import get
from integration.api_tokens.tokens import headers_with_token
from integration.foreign_rows.rows import (
    JSON,
    SOURCE,
    TEXTS,
    TIMES,
    WHOLE_NUMBERS,
    assert_shown,
    cases,
    insert,
    insert_code,
)

from codeactions.domain.code import Code

CODE = {
    "name": TEXTS, "type": TEXTS, "source": TEXTS, "language": TEXTS,
    "url": [*TEXTS, ("'javascript:x'", "javascript:x")],
    "timeout": WHOLE_NUMBERS, "created_at": TIMES, "updated_at": TIMES,
}  # fmt: skip
RUN = {
    "status": TEXTS, "result": TEXTS, "body": TEXTS, "extra": JSON, "params": JSON, "headers": JSON,
    "created_at": TIMES, "updated_at": TIMES,
}  # fmt: skip


@pytest.mark.parametrize(("column", "value", "shown"), cases(CODE))
def test_a_code(foreign: Server, db: psycopg.Connection[Any], column: str, value: str, shown: Any) -> None:
    project = str(uuid4())
    code_id = insert_code(db, **{"project_uuid": f"'{project}'", column: value})
    assert_shown(get(foreign, f"/code/{code_id}"), column, shown)
    (listed,) = get(foreign, "/code", project_uuid=project)
    assert_shown(listed, column, shown)
    assert get(foreign, "/coderun", code_id=code_id)["total"] == 0
    assert get(foreign, "/codelog", code_id=code_id)["total"] == 0
    assert foreign.client.get(f"/code/{code_id}/protection").status_code == 404
    # It runs, or says why it does not; and it can be mended.
    runs = column not in ("language", "source")
    answer = foreign.client.post(f"/run/{code_id}")
    assert answer.status_code == (200 if runs else 409 if column == "language" else 500), answer.text
    if not runs:
        assert answer.json()["error"]["message"]
    expected = 404 if column == "type" else answer.status_code
    assert foreign.client.get(f"/endpoint/{code_id}").status_code == expected
    assert foreign.client.patch(f"/code/{code_id}", params={"name": "renamed"}).status_code == 200
    mended = {"type": "flow", "language": "python", "timeout": "60", "url": ""}
    answer = foreign.client.patch(f"/code/{code_id}", params=mended, content=SOURCE.encode())
    assert answer.status_code == 200, answer.text
    assert foreign.client.post(f"/run/{code_id}").json()["result"]["result"] == "ran"
    assert foreign.client.delete(f"/code/{code_id}").status_code == 204


@pytest.mark.parametrize("value", ["NULL", "''"])
def test_a_code_without_a_project_is_the_administrators(
    foreign: Server, db: psycopg.Connection[Any], value: str
) -> None:
    code_id = insert_code(db, project_uuid=value)
    assert get(foreign, f"/code/{code_id}")["project_uuid"] == (None if value == "NULL" else "")
    headers = headers_with_token(foreign, email="nobody@example.com")
    for method, path in (("GET", f"/code/{code_id}"), ("POST", f"/run/{code_id}"), ("DELETE", f"/code/{code_id}")):
        answer = foreign.client.request(method, path, headers=headers)
        assert answer.status_code == 404, answer.text
    assert foreign.client.get(f"/endpoint/{code_id}").text == "ran"
    assert foreign.client.patch(f"/code/{code_id}", params={"name": "renamed"}).status_code == 200
    assert foreign.client.delete(f"/code/{code_id}").status_code == 204


@pytest.mark.parametrize(("timeout", "seconds"), [("NULL", 60), ("0", 60), ("-5", 60), ("3", 3), ("2147483647", 300)])
def test_a_timeout_is_what_comes_closest(timeout: str, seconds: int) -> None:
    fields: dict[str, Any] = dict.fromkeys(Code.__dataclass_fields__)
    assert Code(**{**fields, "timeout": None if timeout == "NULL" else int(timeout)}).seconds == seconds


@pytest.mark.parametrize(("column", "value", "shown"), cases(RUN))
def test_a_run(foreign: Server, db: psycopg.Connection[Any], column: str, value: str, shown: Any) -> None:
    project = str(uuid4())
    code_id = insert_code(db, project_uuid=f"'{project}'")
    usual = {"code_id": f"'{code_id}'", "status": "'failed'", "mongo_object_id": "'no id at all'"}
    run_id = insert(db, "coderuns", **{**usual, column: value})
    other = insert(db, "coderuns", **usual)
    assert_shown(get(foreign, f"/coderun/{run_id}"), column, shown)
    listed = {run["id"]: run for run in get(foreign, "/coderun", code_id=code_id)["data"]}
    assert set(listed) == {run_id, other}
    assert_shown(listed[run_id], column, shown)
    if (column, value) != ("created_at", "NULL"):  # a project's history goes by the times
        listed_of_project = {run["id"]: run for run in get(foreign, "/coderun", project_uuid=project)["data"]}
        assert listed_of_project == listed
    assert get(foreign, "/codelog", run_id=run_id)["data"] == []
    parameters = {"after": "2000-01-01", "before": "2100-01-01", "status": "failed"}
    assert get(foreign, "/coderun", code_id=code_id, **parameters)["total"] >= 1


def test_a_run_without_a_code_is_the_administrators(foreign: Server, db: psycopg.Connection[Any]) -> None:
    run_id = insert(db, "coderuns", status="'failed'", code_mongo_id="'507f1f77bcf86cd799439099'")
    assert get(foreign, f"/coderun/{run_id}")["code_id"] is None
    headers = headers_with_token(foreign, email="nobody@example.com")
    answer = foreign.client.get(f"/coderun/{run_id}", headers=headers)
    assert answer.status_code == 404


def test_runs_of_others_that_began_do_not_keep_dead_servers_runs_from_being_found(
    foreign: Server, db: psycopg.Connection[Any]
) -> None:
    code_id = insert_code(db)
    theirs = [insert(db, "coderuns", code_id=f"'{code_id}'", status="'started'", extra=value) for value, _ in JSON]
    ours = insert(db, "coderuns", code_id=f"'{code_id}'", status="'started'", extra="""'{"instance": 1}'""")
    state = ("SELECT status, extra -> 'error' ->> 'type' FROM coderuns WHERE id = %s", (ours,))
    wait_until(lambda: db.execute(*state).fetchone() == ("failed", "lost"), 60, "the dead server's run being lost")
    assert {get(foreign, f"/coderun/{run_id}")["status"] for run_id in theirs} == {"started"}


def test_times_without_a_zone_are_in_utc(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(SERVICE_TABLES.replace("timestamptz", "timestamp").encode())
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE \"{name}\" SET timezone = 'Asia/Tokyo'".encode())
        connection.execute(f"ALTER DATABASE \"{name}\" SET datestyle = 'German'".encode())
        code_id = insert_code(connection, created_at="'2024-05-01 10:00:00'", updated_at="'infinity'")
        run_id = insert(
            connection, "coderuns", code_id=f"'{code_id}'", status="'failed'", created_at="'2024-05-01 10:00:00'"
        )
    with running_server(tmp_path_factory.mktemp("naive"), database_url, slots=2, languages="python") as server:
        code, run = get(server, f"/code/{code_id}"), get(server, f"/coderun/{run_id}")
        for shown in (code["created_at"], run["created_at"]):
            assert shown == "2024-05-01T10:00:00.000000Z"
        assert code["updated_at"] == "infinity"
        for after, total in (("2024-05-01T09:59:59", 1), ("2024-05-01T10:00:01", 0)):
            assert get(server, "/coderun", code_id=code_id, after=after)["total"] == total
        assert server.client.patch(f"/code/{code_id}", params={"name": "x"}).status_code == 200
        assert server.client.get(f"/endpoint/{code_id}").text == "ran"
