"""Rows that another program wrote: whatever a column of the first five tables may hold is shown, and harms nothing.

The tables are those of the Go service, as loose as they can be: no checks, and every column may be NULL.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from gotool import SERVICE_TABLES
from harness import Server, running_server, wait_until

from codeactions.postgres.loading import load_json

SOURCE = "def Run(engine):\n    return 'ran'\n"
# As SQL, and as it is shown.
TIMES = [
    ("NULL", None),
    ("'infinity'", "infinity"),
    ("'-infinity'", "-infinity"),
    ("'0044-03-15 12:00:00+00 BC'", "0044-03-15 12:00:00+00 BC"),
    ("'20000-01-01 00:00:00+00'", "20000-01-01 00:00:00+00"),
    ("'0001-01-01 00:00:00+00'", "0001-01-01T00:00:00"),
    ("'9999-12-31 23:59:59.999999+00'", "9999-12-31T23:59:59.999999"),
    ("'2024-05-01 10:00:00+02'", "2024-05-01T08:00:00"),
]
TEXTS = [("NULL", None), ("''", ""), ("'lua'", "lua"), (r"E'\u00fc\n\t\x01\U0001F600'", "ü\n\t\x01😀")]
WHOLE_NUMBERS = [("NULL", None), ("0", 0), ("-1", -1), ("4", 4), ("5", 5), ("2147483647", 2147483647)]
DEEP = "[" * 1000 + "]" * 1000
JSON = [
    ("NULL", None),
    *(
        (f"'{text}'", json.loads(text))
        for text in ("null", '"text"', '"error"', "[]", '["instance"]', "7", "true", "{}")
    ),
    ("""'{"error": "text"}'""", {"error": "text"}),
    ("""'{"error": null, "instance": "no number"}'""", {"error": None, "instance": "no number"}),
    ("""'{"instance": 99999999999999999999}'""", {"instance": 99999999999999999999}),
    ("'1e400'", 10**400),
    ("""'{"a": 1.5e400}'""", {"a": 15 * 10**399}),
    ("('1' || repeat('0', 5000))::jsonb", "1" + "0" * 5000),
    ("(repeat('9', 400) || '.5')::jsonb", "9" * 400 + ".5"),
    (f"'{DEEP}'", DEEP),
    ("(repeat('[', 150) || repeat(']', 150))::jsonb", json.loads("[" * 150 + "]" * 150)),
]
CODE = {
    "name": TEXTS, "type": TEXTS, "source": TEXTS, "language": TEXTS,
    "url": [*TEXTS, ("'javascript:x'", "javascript:x")],
    "timeout": WHOLE_NUMBERS, "created_at": TIMES, "updated_at": TIMES,
}  # fmt: skip
RUN = {
    "status": TEXTS, "result": TEXTS, "body": TEXTS, "extra": JSON, "params": JSON, "headers": JSON,
    "created_at": TIMES, "updated_at": TIMES,
}  # fmt: skip
PERMISSION = {"email": TEXTS, "role": WHOLE_NUMBERS, "created_at": TIMES, "updated_at": TIMES}
PROJECT = {"name": TEXTS, "created_at": TIMES, "updated_at": TIMES}


def cases(columns: dict[str, list[tuple[str, Any]]]) -> list[Any]:
    """A test's parameters for each column and each value."""
    return [
        pytest.param(column, value, shown, id=f"{column}={value[:30]}")
        for column, values in columns.items()
        for value, shown in values
    ]


@pytest.fixture(scope="module")
def foreign(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on the Go service's tables."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute(SERVICE_TABLES)
    with running_server(tmp_path_factory.mktemp("foreign"), module_database_url, slots=2, languages="python") as server:
        yield server


@pytest.fixture
def db(foreign: Server, module_database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A session on that server's database."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        yield connection


def insert(db: psycopg.Connection[Any], table: str, **values: str) -> str:
    """Insert a row of these values, which are SQL, and return its id."""
    row_id = str(uuid4())
    columns = {"id": f"'{row_id}'", "created_at": "now()", "updated_at": "now()", **values}
    db.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(columns.values())})".encode())
    return row_id


def insert_code(db: psycopg.Connection[Any], **values: str) -> str:
    """Insert a code that runs, but for these values."""
    usual = {"name": "'n'", "type": "'endpoint'", "source": f"'{SOURCE}'".replace("'ran'", "''ran''")}
    return insert(db, "codes", **{**usual, "language": "'python'", "project_uuid": "'p'", "timeout": "60", **values})


def get(server: Server, path: str, **parameters: object) -> Any:
    """What a route answers, which is no error."""
    answer = server.client.get(path, params={name: str(value) for name, value in parameters.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


def assert_shown(row: dict[str, Any], column: str, shown: Any) -> None:
    """Look at a value; a time in `shown` is in UTC."""
    value = row[column]
    if column.endswith("_at") and isinstance(value, str) and "T" in value:
        assert datetime.fromisoformat(value) == datetime.fromisoformat(shown).replace(tzinfo=UTC)
    else:
        assert value == shown


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
    token = foreign.client.post("/token", json={"name": "x", "email": "nobody@example.com"}).json()["token"]
    for method, path in (("GET", f"/code/{code_id}"), ("POST", f"/run/{code_id}"), ("DELETE", f"/code/{code_id}")):
        answer = foreign.client.request(method, path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 404, answer.text
    assert foreign.client.get(f"/endpoint/{code_id}").text == "ran"
    assert foreign.client.patch(f"/code/{code_id}", params={"name": "renamed"}).status_code == 200
    assert foreign.client.delete(f"/code/{code_id}").status_code == 204


@pytest.mark.parametrize(("timeout", "seconds"), [("NULL", 60), ("0", 60), ("-5", 60), ("3", 3), ("2147483647", 300)])
def test_a_timeout_is_what_comes_closest(timeout: str, seconds: int) -> None:
    from codeactions.domain.code import Code

    fields: dict[str, Any] = dict.fromkeys(Code.__dataclass_fields__)
    assert Code(**{**fields, "timeout": None if timeout == "NULL" else int(timeout)}).seconds == seconds


@pytest.mark.parametrize(("column", "value", "shown"), cases(RUN))
def test_a_run(foreign: Server, db: psycopg.Connection[Any], column: str, value: str, shown: Any) -> None:
    code_id = insert_code(db)
    usual = {"code_id": f"'{code_id}'", "status": "'failed'", "mongo_object_id": "'no id at all'"}
    run_id = insert(db, "coderuns", **{**usual, column: value})
    other = insert(db, "coderuns", **usual)
    assert_shown(get(foreign, f"/coderun/{run_id}"), column, shown)
    listed = {run["id"]: run for run in get(foreign, "/coderun", code_id=code_id)["data"]}
    assert set(listed) == {run_id, other}
    assert_shown(listed[run_id], column, shown)
    assert get(foreign, "/codelog", run_id=run_id)["data"] == []
    parameters = {"after": "2000-01-01", "before": "2100-01-01", "status": "failed"}
    assert get(foreign, "/coderun", code_id=code_id, **parameters)["total"] >= 1


def test_a_run_without_a_code_is_the_administrators(foreign: Server, db: psycopg.Connection[Any]) -> None:
    run_id = insert(db, "coderuns", status="'failed'", code_mongo_id="'507f1f77bcf86cd799439099'")
    assert get(foreign, f"/coderun/{run_id}")["code_id"] is None
    token = foreign.client.post("/token", json={"name": "x", "email": "nobody@example.com"}).json()["token"]
    answer = foreign.client.get(f"/coderun/{run_id}", headers={"Authorization": f"Bearer {token}"})
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


@pytest.mark.parametrize(("column", "value", "shown"), cases(PERMISSION))
def test_a_permission(foreign: Server, db: psycopg.Connection[Any], column: str, value: str, shown: Any) -> None:
    project = str(uuid4())
    foreign.client.post("/project", json={"name": "p", "uuid": project}).raise_for_status()
    usual = {"project_uuid": f"'{project}'", "email": "'ana@example.com'", "role": "1"}
    permission_id = insert(db, "user_permissions", **{**usual, column: value})
    assert_shown(get(foreign, f"/permission/{permission_id}"), column, shown)
    (listed,) = get(foreign, "/permission", project_uuid=project)["data"]
    assert_shown(listed, column, shown)
    (member,) = get(foreign, f"/project/{project}")["authorizations"]
    assert member == {"email": listed["email"], "role": listed["role"]}
    # Another user comes and goes, the project gets another name: the row stays as it is.
    made = foreign.client.post("/permission", json={"project_uuid": project, "email": "bo@example.com", "role": 2})
    assert made.status_code == 201, made.text
    assert foreign.client.patch(f"/project/{project}", json={"name": "renamed"}).status_code == 200
    assert foreign.client.delete(f"/permission/{made.json()['id']}").status_code == 204
    assert_shown(get(foreign, f"/permission/{permission_id}"), column, shown)
    changed = foreign.client.patch(f"/permission/{permission_id}", params={"role": 2})
    assert changed.status_code == 200, changed.text
    assert [one["role"] for one in get(foreign, f"/project/{project}")["authorizations"]] == [2]
    assert foreign.client.delete(f"/permission/{permission_id}").status_code == 204
    assert get(foreign, f"/project/{project}")["authorizations"] == []


@pytest.mark.parametrize("role", [value for value, _ in WHOLE_NUMBERS])
def test_an_unknown_role_gives_no_right_and_takes_none(foreign: Server, db: psycopg.Connection[Any], role: str) -> None:
    project, email = str(uuid4()), f"{uuid4()}@example.com"
    code_id = insert_code(db, project_uuid=f"'{project}'")
    foreign.client.post("/project", json={"name": "p", "uuid": project}).raise_for_status()
    token = foreign.client.post("/token", json={"name": "x", "email": email}).json()["token"]
    mine = {"Authorization": f"Bearer {token}"}
    insert(db, "user_permissions", project_uuid=f"'{project}'", email=f"'{email}'", role=role)
    assert foreign.client.get(f"/code/{code_id}", headers=mine).status_code == 404
    assert foreign.client.get("/project", headers=mine).json()["data"] == []
    # Beside a role that is known, under another spelling of the address, the known one counts.
    insert(db, "user_permissions", project_uuid=f"'{project}'", email=f"'{email.upper()}'", role="1")
    wait_until(lambda: foreign.client.get(f"/code/{code_id}", headers=mine).status_code == 200)
    answer = foreign.client.patch(f"/code/{code_id}", params={"name": "x"}, headers=mine)
    assert (answer.status_code, "viewer" in answer.json()["error"]["message"]) == (403, True)


@pytest.mark.parametrize(("column", "value", "shown"), cases(PROJECT))
def test_a_project(foreign: Server, db: psycopg.Connection[Any], column: str, value: str, shown: Any) -> None:
    uuid = str(uuid4())
    insert(db, "projects", **{"uuid": f"'{uuid}'", "name": "'n'", "authorizations": "'[]'", column: value})
    assert_shown(get(foreign, f"/project/{uuid}"), column, shown)
    assert foreign.client.patch(f"/project/{uuid}", json={"name": "renamed"}).status_code == 200
    assert foreign.client.delete(f"/project/{uuid}").status_code == 204


def test_a_project_without_a_uuid_is_listed(foreign: Server, db: psycopg.Connection[Any]) -> None:
    row_id = insert(db, "projects", name="'no uuid'", authorizations="'[]'")
    pages = [get(foreign, "/project", page=number + 1) for number in range(get(foreign, "/project")["last_page"])]
    assert [one["uuid"] for page in pages for one in page["data"] if one["id"] == row_id] == [None]


AUTHORIZATIONS: list[Any] = [
    None, "ana@example.com", 7, {}, {"email": "ana@example.com", "role": 1}, [None], ["ana@example.com"], [[1]], [{}],
    [{"email": "ana@example.com"}], [{"email": None, "role": 1}], [{"role": 3}], [{"email": "", "role": 1}],
    [{"user_email": "ana@example.com", "role": "admin"}], [{"email": "ana@example.com", "role": "3"}],
    [{"email": "ana@example.com", "role": True}], [{"email": "ana@example.com", "role": 5, "since": 2024}],
    [{"email": "Ana@example.com", "role": 1}, {"email": "ana@example.com", "role": 2}],
    [{"email": "ana@example.com", "role": 1}, {"email": "ana@example.com", "role": 1}],
]  # fmt: skip


@pytest.mark.parametrize("stored", [*AUTHORIZATIONS, ...], ids=str)
def test_authorizations_are_shown_as_they_are_and_stay_so(
    foreign: Server, db: psycopg.Connection[Any], stored: Any
) -> None:
    uuid = str(uuid4())
    insert(db, "projects", uuid=f"'{uuid}'", name="'n'", authorizations="'[]'")
    text = None if stored is ... else json.dumps(stored)
    # As the service before wrote it: without the triggers, which a database gets with this server.
    with db.transaction():
        db.execute("SET LOCAL session_replication_role = replica")
        db.execute("UPDATE projects SET authorizations = %s WHERE uuid = %s", (text, uuid))
    shown = [] if stored in (None, ...) else stored
    assert get(foreign, f"/project/{uuid}")["authorizations"] == shown
    assert any(one["uuid"] == uuid for page in range(1, 99) for one in get(foreign, "/project", page=page)["data"])
    assert foreign.client.patch(f"/project/{uuid}", json={"name": "renamed"}).status_code == 200
    assert get(foreign, f"/project/{uuid}")["authorizations"] == shown
    # With the triggers, whatever is written, both records of who is in it end the same.
    db.execute("UPDATE projects SET authorizations = NULL WHERE uuid = %s", (uuid,))
    db.execute("UPDATE projects SET authorizations = %s WHERE uuid = %s", (text, uuid))
    listed = [(one["email"], one["role"]) for one in get(foreign, f"/project/{uuid}")["authorizations"]]
    rows = db.execute("SELECT email, role FROM user_permissions WHERE project_uuid = %s ORDER BY email", (uuid,))
    assert listed == rows.fetchall()
    wanted = [{"email": "bo@example.com", "role": 2}]
    answer = foreign.client.patch(f"/project/{uuid}", json={"authorizations": wanted})
    assert (answer.status_code, answer.json()["authorizations"]) == (200, wanted)


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


def test_json_is_read_to_a_depth_that_can_be_written_again() -> None:
    for depth in (1, 199, 200, 201, 500, 900, 5000):
        text = '{"a":' * depth + "1" + "}" * depth
        value = load_json(text.encode())
        assert isinstance(value, dict if depth <= 200 else str)
        json.dumps(value)
    assert load_json(b"[" + b"[]," * 500 + b"[]]") == [[]] * 501, "many brackets are not deep ones"
