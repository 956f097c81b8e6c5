"""Limits through HTTP: who is counted, what is told, and who is not counted."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from harness import Server, running_server

ANSWER = "def Run(engine):\n    return 'x'\n"
CODE, CALLER = 5, 8


@pytest.fixture
def limited(tmp_path: Path, database_url: str) -> Iterator[Server]:
    """A server that takes five calls of a code and eight of a caller in a minute."""
    settings = {"rate_code": CODE, "rate_caller": CALLER, "languages": "python", "slots": 4}
    with running_server(tmp_path / "data", database_url, **settings) as server:
        yield server


def told(answer: httpx.Response) -> tuple[int, ...]:
    """The three headers."""
    return tuple(int(answer.headers[f"ratelimit-{name}"]) for name in ("limit", "remaining", "reset"))


def test_a_code_that_is_called_too_often_is_429_and_says_when_to_come_back(limited: Server) -> None:
    code_id = limited.create(ANSWER)
    with httpx.Client(base_url=limited.base) as anybody:
        for number in range(CODE):
            answer = anybody.get(f"/endpoint/{code_id}")
            assert answer.text == "x"
            limit, remaining, reset = told(answer)
            assert (limit, remaining) == (CODE, CODE - number - 1)
            assert 0 < reset <= 120
        refused = anybody.get(f"/endpoint/{code_id}")
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "rate_limited"
        assert 0 < int(refused.headers["retry-after"]) <= 61
        assert told(refused)[:2] == (CODE, 0)
    runs = limited.client.get("/coderun", params={"code_id": code_id}).json()["total"]
    assert runs == CODE, "a refused call takes no slot and leaves no run"


def test_a_caller_that_calls_too_often_is_429_whatever_it_calls(limited: Server) -> None:
    codes = [limited.create(ANSWER) for _ in range(3)]
    with httpx.Client(base_url=limited.base) as anybody:
        answers = [anybody.get(f"/endpoint/{codes[number % 3]}") for number in range(CALLER + 1)]
    assert [answer.status_code for answer in answers] == [200] * CALLER + [429]
    assert told(answers[-1])[0] == CALLER


def test_the_administrator_is_never_limited(limited: Server) -> None:
    code_id = limited.create(ANSWER)
    for _ in range(2 * CALLER):
        answer = limited.client.get(f"/endpoint/{code_id}")
        assert answer.status_code == 200
        assert "ratelimit-limit" not in answer.headers
        assert limited.client.post(f"/run/{code_id}").status_code == 200


def test_calls_of_the_api_count_for_the_tokens_owner_and_runs_for_the_code_as_well(limited: Server) -> None:
    limited.client.post("/project", json={"uuid": "tests", "name": "Tests"}).raise_for_status()
    limited.client.post("/permission", json={"project_uuid": "tests", "email": "a@x.y", "role": 1}).raise_for_status()
    fields = {"name": "x", "project_uuid": "tests", "role": 2}
    first, second = (limited.client.post("/token", json=fields).json()["token"] for _ in range(2))
    users = limited.client.post("/token", json={"name": "x", "email": "a@x.y"}).json()["token"]
    code_id = limited.create(ANSWER)
    with httpx.Client(base_url=limited.base, headers={"Authorization": f"Bearer {first}"}) as client:
        answers = [client.post(f"/run/{code_id}") for _ in range(CODE + 1)]
        assert [answer.status_code for answer in answers] == [200] * CODE + [429]
        assert told(answers[0])[0] == CODE
        assert client.get(f"/code/{code_id}").status_code == 200, "the caller has some left"
        statuses = [client.get(f"/code/{code_id}").status_code for _ in range(CALLER)]
        assert statuses[-1] == 429
        limited_answer = client.get("/project")
        assert limited_answer.status_code == 429
        assert told(limited_answer)[:2] == (CALLER, 0)
    url = f"{limited.base}/code/{code_id}"
    statuses = [httpx.get(url, headers={"Authorization": f"Bearer {token}"}).status_code for token in (second, users)]
    assert statuses == [429, 200], "a second token is no second limit"


def test_a_run_is_counted_once_and_told_by_the_tighter_limit(limited: Server) -> None:
    limited.client.post("/project", json={"uuid": "tests", "name": "Tests"}).raise_for_status()
    limited.client.post("/permission", json={"project_uuid": "tests", "email": "v@x.y", "role": 1}).raise_for_status()
    owners = ({"project_uuid": "tests", "role": 2}, {"email": "v@x.y"})
    may, may_not = (limited.client.post("/token", json={"name": "x", **owner}).json()["token"] for owner in owners)
    codes = [limited.create(ANSWER) for _ in range(2)]
    with httpx.Client(base_url=limited.base, headers={"Authorization": f"Bearer {may_not}"}) as viewer:
        assert [viewer.post(f"/run/{codes[0]}").status_code for _ in range(CALLER + 1)] == [403] * CALLER + [429]
    with httpx.Client(base_url=limited.base, headers={"Authorization": f"Bearer {may}"}) as client:
        first = [client.post(f"/run/{codes[0]}") for _ in range(CODE + 1)]
        assert [answer.status_code for answer in first] == [200] * CODE + [429], "the viewer took nothing of the code's"
        assert first[-1].headers.get_list("ratelimit-limit") == [str(CODE)]
        answer = client.post(f"/run/{codes[1]}")
        # Of the caller's eight six are gone: the refused run was not one of them.
        assert told(answer)[:2] == (CALLER, CALLER - CODE - 1)


def test_who_may_not_call_an_endpoint_takes_nothing_from_its_limit(limited: Server) -> None:
    code_id = limited.create(ANSWER)
    fields = {"kind": "basic", "username": "u", "password": "a password of some length"}
    limited.client.put(f"/code/{code_id}/protection", json=fields).raise_for_status()
    with httpx.Client(base_url=limited.base) as client:
        statuses = [client.get(f"/endpoint/{code_id}").status_code for _ in range(CALLER - CODE)]
        assert statuses == [401] * (CALLER - CODE)
        answers = [client.get(f"/endpoint/{code_id}", auth=("u", fields["password"])) for _ in range(CODE + 1)]
        assert [answer.status_code for answer in answers] == [200] * CODE + [429]
        assert told(answers[0])[:2] in ((CODE, CODE - 1), (CALLER, CODE - 1))  # as much is left of either
        assert len(answers[0].headers.get_list("ratelimit-limit")) == 1


def test_looking_for_endpoints_is_counted(limited: Server) -> None:
    with httpx.Client(base_url=limited.base) as anybody:
        answers = [anybody.get(f"/endpoint/{uuid4()}") for _ in range(CALLER + 1)]
    assert [answer.status_code for answer in answers] == [404] * CALLER + [429]
    assert told(answers[0])[:2] == (CALLER, CALLER - 1)


def test_a_limit_that_a_code_tells_of_is_the_one_that_is_told(limited: Server) -> None:
    code_id = limited.create("def Run(engine):\n    engine.result.set('x', headers={'RateLimit-Limit': '1'})\n")
    answer = httpx.get(f"{limited.base}/endpoint/{code_id}")
    assert answer.headers.get_list("ratelimit-limit") == ["1"]


def test_who_guesses_tokens_is_slowed_down(limited: Server) -> None:
    with httpx.Client(base_url=limited.base) as guesser:
        statuses = [
            guesser.get("/project", headers={"Authorization": f"Bearer ca_{number:043}"}).status_code
            for number in range(CALLER + 1)
        ]
    assert statuses == [401] * CALLER + [429]
    assert limited.client.get("/project").status_code == 200
