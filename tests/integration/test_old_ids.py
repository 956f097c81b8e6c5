"""The ids that callers of the Go service know from its first database work wherever an id of a code or a run does."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from gotool import SERVICE_TABLES
from harness import Server, running_server
from integration.answers import get, refused
from integration.api_tokens.tokens import headers_with_token

from codeactions.domain.errors import Error
from codeactions.domain.ids import OldId
from codeactions.node.migrations import upgrade
from codeactions.postgres.database import Database
from codeactions.postgres.oldids import OldIds

CODE, FLOW, RUN = (f"6a1d8f0e-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
OLD_CODE, OLD_FLOW, OLD_RUN = (f"507f1f77bcf86cd79943901{digit}" for digit in "abc")
UNKNOWN = "6" * 24
ROWS = f"""
INSERT INTO codes (id, name, type, source, language, project_uuid, created_at, updated_at, mongo_object_id) VALUES
    ('{CODE}', 'e', 'endpoint', E'def Run(engine):\\n    engine.log.info("said")\\n    return engine.request.path\\n',
     'python', 'p', now(), now(), '{OLD_CODE}'),
    ('{FLOW}', 'f', 'flow', E'def Run(engine):\\n    return 1\\n', 'python', 'p', now(), now(), '{OLD_FLOW}');
INSERT INTO coderuns (id, code_id, status, created_at, updated_at, mongo_object_id, code_mongo_id) VALUES
    ('{RUN}', '{CODE}', 'failed', now(), now(), '{OLD_RUN}', '{OLD_CODE}');
"""


@pytest.fixture(scope="module")
def old(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a database of the Go service."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute(SERVICE_TABLES)
        connection.execute(ROWS.encode())
    with running_server(tmp_path_factory.mktemp("old"), module_database_url, slots=2, languages="python") as server:
        yield server


@pytest.mark.parametrize("code_id", [OLD_CODE, OLD_CODE.upper(), CODE])
def test_every_route_of_a_code_takes_both_ids(old: Server, code_id: str) -> None:
    client = old.client
    assert get(old, f"/code/{code_id}")["id"] == CODE
    for prefix in ("endpoint", "action/endpoint"):
        assert client.get(f"/{prefix}/{code_id}").text == "/"
        assert client.post(f"/{prefix}/{code_id}/further/path").text == "/further/path"
    ran = client.post(f"/run/{code_id}")
    assert (ran.status_code, ran.json()["code_id"], ran.json()["result"]["code_id"]) == (200, CODE, CODE)
    for prefix in ("/code", "/admin/code"):
        assert client.patch(f"{prefix}/{code_id}", params={"name": "renamed"}).json()["id"] == CODE
    runs = get(old, "/coderun", code_id=code_id)
    assert runs["total"] == get(old, "/coderun", code_id=CODE)["total"] > 5
    assert runs["data"][-1]["id"] == RUN
    lines = get(old, "/codelog", code_id=code_id)
    assert lines["total"] == runs["total"] - 1
    both = get(old, "/codelog", code_id=code_id, run_id=runs["data"][0]["id"])
    assert [line["content"] for line in both["data"]] == ["said"]
    assert get(old, "/codelog", code_id=OLD_FLOW, run_id=runs["data"][0]["id"])["total"] == 0
    protection = f"/code/{code_id}/protection"
    assert client.get(protection).status_code == 404
    assert client.put(protection, json={"kind": "token"}).json()["code_id"] == CODE
    assert client.get(protection).status_code == 200
    assert client.delete(protection).status_code == 204


@pytest.mark.parametrize("run_id", [OLD_RUN, OLD_RUN.upper(), RUN])
def test_every_route_of_a_run_takes_both_ids(old: Server, run_id: str) -> None:
    assert get(old, f"/coderun/{run_id}")["id"] == RUN
    assert get(old, "/codelog", run_id=run_id)["total"] == 0


def test_an_unknown_old_id_is_not_found(old: Server) -> None:
    client = old.client
    for method, path in (
        ("GET", f"/code/{UNKNOWN}"),
        ("PATCH", f"/code/{UNKNOWN}?name=x"),
        ("DELETE", f"/code/{UNKNOWN}"),
        ("POST", f"/run/{UNKNOWN}"),
        ("GET", f"/endpoint/{UNKNOWN}"),
        ("GET", f"/action/endpoint/{UNKNOWN}/x"),
        ("GET", f"/action/endpoint/{OLD_FLOW}"),
        ("GET", f"/coderun/{UNKNOWN}"),
        ("GET", f"/code/{UNKNOWN}/protection"),
        ("PUT", f"/code/{UNKNOWN}/protection"),
        ("DELETE", f"/code/{UNKNOWN}/protection"),
    ):
        body = {"kind": "token"} if method == "PUT" else None
        message = refused(client.request(method, path, json=body), 404, "not_found")
        assert UNKNOWN in message or OLD_FLOW in message
    for parameters in ({"code_id": UNKNOWN}, {"run_id": UNKNOWN}, {"code_id": UNKNOWN, "run_id": RUN}):
        assert get(old, "/codelog", **parameters)["total"] == 0
    assert get(old, "/coderun", code_id=UNKNOWN)["total"] == 0


def test_a_stranger_is_told_the_same_of_a_code_with_an_old_id_as_of_none(old: Server) -> None:
    headers = headers_with_token(old, email="nobody@example.com")
    for path in ("/code/{}", "/coderun/{}", "/code/{}/protection"):
        told = [
            refused(old.client.get(path.format(one), headers=headers), 404, "not_found").replace(one, "X")
            for one in (OLD_RUN if "run" in path else OLD_CODE, UNKNOWN)
        ]
        assert told[0] == told[1]


@pytest.mark.parametrize("wrong", [OLD_CODE[:-1], OLD_CODE + "0", "g" * 24, f"ObjectId({OLD_CODE})", " " + OLD_CODE])
def test_an_id_of_another_form_is_refused(old: Server, wrong: str) -> None:
    assert refused(old.client.get(f"/code/{wrong}"))
    assert refused(old.client.get("/coderun", params={"code_id": wrong}))
    assert refused(old.client.get(f"/endpoint/{wrong}"), 404, "not_found")


def test_without_the_column_an_old_id_is_no_id(server: Server) -> None:
    assert "must be a UUID" in refused(server.client.get(f"/code/{OLD_CODE}"))
    assert "must be a UUID" in refused(server.client.get(f"/coderun/{OLD_RUN}"))
    assert "must be a UUID" in refused(server.client.get("/coderun", params={"code_id": OLD_CODE}))
    assert refused(server.client.get(f"/endpoint/{OLD_CODE}"), 404, "not_found")


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


async def test_answers_are_kept_for_seconds_and_the_columns_are_seen_to_come_and_go(
    database_url: str,
) -> None:
    await asyncio.to_thread(upgrade, database_url)
    database, clock = Database(database_url), Clock()
    await database.open()
    try:
        ids = OldIds(database, clock)
        with pytest.raises(Error, match="must be a UUID"):
            await ids.code(OldId(OLD_CODE))
        async with database.connection() as connection:
            await connection.execute("ALTER TABLE codes ADD COLUMN mongo_object_id TEXT")
            await connection.execute("ALTER TABLE coderuns ADD COLUMN mongo_object_id TEXT")
        with pytest.raises(Error, match="must be a UUID"):  # looked for a moment ago
            await ids.code(OldId(OLD_CODE))
        clock.now = 61.0
        assert await ids.code(OldId(OLD_CODE)) is None
        async with database.connection() as connection:
            await connection.execute(
                "INSERT INTO codes (id, name, type, source, language, project_uuid, mongo_object_id) VALUES"
                " (%s, 'n', 'flow', 'x', 'python', 'p', %s)",
                (CODE, OLD_CODE),
            )
        assert await ids.code(OldId(OLD_CODE)) is None, "an unknown one is kept, too"
        clock.now = 67.0
        assert str(await ids.code(OldId(OLD_CODE))) == CODE
        assert await ids.run(OldId(OLD_CODE)) is None, "a run is no code"
        async with database.connection() as connection:
            await connection.execute("ALTER TABLE codes DROP COLUMN mongo_object_id")
        clock.now = 122.0
        with pytest.raises(Error, match="must be a UUID"):
            await ids.code(OldId(OLD_CODE))
    finally:
        await database.close()
