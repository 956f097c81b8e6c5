"""Endpoints by the names of project and code, beside their ids."""

from collections.abc import Iterator
from itertools import count
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import psycopg
import pytest
from harness import Server, running_server, wait_until
from integration.answers import refused

ECHO = "def Run(e): return [e.request.method, e.request.path, e.request.raw_path, e.params.get('q'), e.body]"
PREFIXES = ["/endpoint", "/action/endpoint"]
_numbers = count()


def fresh(name: str = "a name") -> str:
    """A name that no other test uses."""
    return f"{name} {next(_numbers)}"


def url(project: str, name: str, path: str = "", prefix: str = "/endpoint") -> str:
    """Where an endpoint is by its name."""
    return f"{prefix}/{quote(project, safe='')}/{quote(name, safe='')}{path}"


def say(text: str) -> str:
    """A source that answers this."""
    return f"def Run(e): return {text!r}"


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("", ["/", "/"]),
        ("/", ["/", "/"]),
        ("/a/b", ["/a/b", "/a/b"]),
        ("/a%2Fb/c%20d", ["/a/b/c d", "/a%2Fb/c%20d"]),
        ("//x", ["//x", "//x"]),
    ],
)
def test_what_follows_the_name_is_the_path(server: Server, prefix: str, path: str, seen: list[str]) -> None:
    name = fresh()
    code_id = server.create(ECHO, name=name, project_uuid="named")
    answer = server.client.put(url("named", name, path, prefix) + "?q=1", content=b"body")
    assert answer.json() == ["PUT", *seen, "1", "body"]
    record = server.record(answer)
    assert (record["code_id"], record["extra"]["path"]) == (code_id, seen[0])
    by_id = server.client.put(f"{prefix}/{code_id}{path}?q=1", content=b"body")
    assert by_id.json() == answer.json()


@pytest.mark.parametrize(
    ("project", "name"),
    [
        ("a project", "with blanks"),
        ("slash/ed", "a/b/c"),
        ("prójekt", "grüße 😀"),
        ("percent%41", "%2F"),
        ("q?x#y", "a?b#c&d=e+f;g"),
        ("x" * 255, "ü" * 255),
        (str(uuid4()), "of a project with a UUID"),
        (str(uuid4()), str(uuid4())),
        ("6" * 24, "of a project like an old id"),
        ("endpoint", "endpoint"),
    ],
    ids=lambda value: value[:20],
)
def test_every_name_can_be_called(server: Server, project: str, name: str) -> None:
    server.create(ECHO, project_uuid=project, name=name)
    address = httpx.URL(server.base).copy_with(raw_path=url(project, name, "/p%2Fq").encode())
    answer = server.client.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.json()[1:3] == ["/p/q", "/p%2Fq"]


def test_an_id_of_a_code_that_exists_wins(server: Server) -> None:
    code_id = server.create(say("by id"))
    server.create(say("by name"), project_uuid=code_id, name="name")
    assert server.client.get(f"/endpoint/{code_id}/name").text == "by id"
    server.client.patch(f"/code/{code_id}", json={"type": "flow"})
    refused(server.client.get(f"/endpoint/{code_id}/name"), 404, "not_found")
    server.client.delete(f"/code/{code_id}")
    assert server.client.get(f"/endpoint/{code_id}/name").text == "by name"


def test_a_new_name_counts_at_once_and_the_old_one_is_not_found(server: Server) -> None:
    old, new = fresh(), fresh()
    code_id = server.create(say("x"), name=old, project_uuid="named")
    assert server.client.get(url("named", old)).text == "x"
    refused(server.client.get(url("named", new)), 404, "not_found")
    server.client.patch(f"/code/{code_id}", json={"name": new})
    assert server.client.get(url("named", new)).text == "x"
    message = refused(server.client.get(url("named", old)), 404, "not_found")
    assert message == f"there is no endpoint named/{old}"
    server.client.patch(f"/code/{code_id}", json={"project_uuid": "named elsewhere"})
    assert server.client.get(url("named elsewhere", new)).text == "x"
    refused(server.client.get(url("named", new)), 404, "not_found")


def test_a_name_is_given_on_at_once(server: Server) -> None:
    name = fresh()
    first = server.create(say("first"), name=name, project_uuid="named")
    assert server.client.get(url("named", name)).text == "first"
    server.client.delete(f"/code/{first}")
    refused(server.client.get(url("named", name)), 404, "not_found")
    server.create(say("second"), name=name, project_uuid="named")
    assert server.client.get(url("named", name)).text == "second"


def test_a_name_that_two_have_is_a_conflict_until_one_has_another(server: Server) -> None:
    name = fresh()
    first = server.create(say("first"), name=name, project_uuid="named")
    assert server.client.get(url("named", name)).text == "first"
    second = server.create(say("second"), name=name, project_uuid="named")
    message = refused(server.client.get(url("named", name)), 409, "conflict")
    told = f"there is more than one endpoint named/{name}: call it by its id, or give one of them another name"
    assert message == told
    assert [server.client.get(f"/endpoint/{code_id}").text for code_id in (first, second)] == ["first", "second"]
    server.client.patch(f"/code/{first}", json={"type": "flow"})
    assert server.client.get(url("named", name)).text == "second"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_flow_is_not_found_by_its_name(server: Server, prefix: str) -> None:
    name = fresh()
    server.create(say("x"), name=name, project_uuid="named", type="flow")
    refused(server.client.get(url("named", name, prefix=prefix)), 404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "named/nothing",
        "named/",
        "/name",
        "named/%00",
        "named/%FF",
        "named/" + "x" * 256,
        "named",
        f"{uuid4()}/x",
        "%2F/%2F",
    ],
)
def test_what_is_no_endpoint_is_not_found(server: Server, path: str) -> None:
    assert refused(server.client.get(f"/endpoint/{path}"), 404, "not_found").startswith("there is no endpoint ")


def test_a_protected_endpoint_is_protected_by_its_name_too(server: Server) -> None:
    name = fresh()
    code_id = server.create(say("x"), name=name, project_uuid="named")
    basic = {"kind": "basic", "username": "u", "password": "p" * 16}
    protected = server.client.put(f"/code/{code_id}/protection", json=basic)
    assert protected.status_code == 200, protected.text
    server.client.post("/project", json={"uuid": "elsewhere", "name": "elsewhere"})
    token = server.client.post("/token", json={"name": "x", "project_uuid": "elsewhere", "role": 3}).json()["token"]
    with httpx.Client(base_url=server.base) as anybody:
        assert anybody.get(url("named", name)).status_code == 401
        assert anybody.get(url("named", name), auth=("u", "p" * 16)).text == "x"
        server.client.put(f"/code/{code_id}/protection", json={"kind": "token"})
        assert anybody.get(url("named", name)).status_code == 401
        headers = {"Authorization": f"Bearer {token}"}
        there = refused(anybody.get(url("named", name), headers=headers), 404, "not_found")
        assert there == f"there is no endpoint named/{name}"
        by_id = refused(anybody.get(f"/endpoint/{code_id}/path", headers=headers), 404, "not_found")
        nothing = str(uuid4())
        no_id = refused(anybody.get(f"/endpoint/{nothing}/path", headers=headers), 404, "not_found")
        assert by_id.replace(code_id, "?") == no_id.replace(nothing, "?")


def test_changes_by_other_programs_count_as_soon_as_they_are_heard(server: Server, database_of_server: str) -> None:
    name, new = fresh(), fresh()
    code_id = server.create(say("x"), name=name, project_uuid="named")
    assert server.client.get(url("named", name)).text == "x"
    with psycopg.connect(database_of_server, autocommit=True) as database:
        database.execute("UPDATE codes SET name = %s WHERE id = %s", (new, code_id))
        wait_until(lambda: server.client.get(url("named", name)).status_code == 404)
        wait_until(lambda: server.client.get(url("named", new)).status_code == 200)
        database.execute(
            "INSERT INTO codes (name, type, source, language, project_uuid) "
            "VALUES (%s, 'endpoint', '', 'python', 'named')",
            (new,),
        )
        wait_until(lambda: server.client.get(url("named", new)).status_code == 409)
        database.execute(
            "INSERT INTO codes (id, name, type, source, language, project_uuid) "
            "VALUES ('00000000-0000-4000-8000-000000000001', 'z', 'endpoint', %s, 'python', 'q')",
            (say("by id"),),
        )
    project = "00000000-0000-4000-8000-000000000001"
    server.create(say("by name"), project_uuid=project, name="n")
    wait_until(lambda: server.client.get(f"/endpoint/{project}/n").text == "by id")


@pytest.fixture(scope="module")
def compatible(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that answers as the Go service does."""
    settings: dict[str, Any] = {"slots": 2, "languages": "python", "compat": "flows-code-actions"}
    with running_server(tmp_path_factory.mktemp("compatible"), module_database_url, **settings) as server:
        yield server


def test_where_flows_are_run_they_have_names_too_and_endpoints_come_first(compatible: Server) -> None:
    compatible.create(say("flow"), name="n", project_uuid="p", type="flow")
    assert compatible.client.get("/action/endpoint/p/n").text == "flow"
    assert compatible.client.get("/endpoint/p/n").status_code == 404
    compatible.create(say("endpoint"), name="n", project_uuid="p")
    assert compatible.client.get("/action/endpoint/p/n").text == "endpoint"
    assert compatible.client.get("/endpoint/p/n").text == "endpoint"
