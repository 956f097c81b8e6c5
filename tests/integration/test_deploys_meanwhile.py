"""Calls during deploys and rollbacks: none fails, each answer is of one version, and its run says which."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from harness import TOKEN, Server
from integration.answers import get

CALLS, CHANGES, CALLERS = 1000, 50, 6


def source(number: int) -> tuple[str, str]:
    """Language and source of the n-th deploy: two languages take turns."""
    if number % 2:
        return "javascript", f"export function Run() {{ return 'answer {number}' }}\n"
    return "python", f"def Run(engine):\n    return 'answer {number}'\n"


def deploy_and_roll_back(server: Server, code_id: str) -> dict[int, str]:
    """Change the code fifty times; each third time back to an earlier version. Returns what each version answers."""
    answers = {1: "answer 0"}
    for number in range(1, CHANGES + 1):
        if number % 3 == 0:
            earlier = max(1, max(answers) - 2)
            changed = server.client.post(f"/code/{code_id}/rollback", json={"version": earlier})
            assert changed.json()["version"] == earlier, changed.text
        else:
            language, text = source(number)
            changed = server.client.patch(f"/code/{code_id}", json={"language": language, "source": text})
            assert changed.status_code == 200, changed.text
            answers[changed.json()["version"]] = f"answer {number}"
    return answers


@pytest.mark.timeout(300)
def test_none_fails_and_each_is_of_one_version(server: Server) -> None:
    server.wait_for_language("javascript")
    name = "changed all the time"
    code_id = server.create(source(0)[1], name=name, project_uuid="deploys")
    paths = itertools.cycle([f"/endpoint/{code_id}", f"/endpoint/deploys/{name}"])
    done, counted = threading.Event(), itertools.count(1)
    first_calls = threading.Semaphore(0)

    def call(_: int) -> list[tuple[int, str, str]]:
        found = []
        with httpx.Client(base_url=server.base, timeout=60) as client:
            while next(counted) <= CALLS or not done.is_set():
                answer = client.get(next(paths))
                found.append((answer.status_code, answer.text, answer.headers.get("x-run-id", "")))
                first_calls.release()
        return found

    with ThreadPoolExecutor(CALLERS) as pool:
        calling = [pool.submit(call, number) for number in range(CALLERS)]
        try:
            assert first_calls.acquire(timeout=60)
            answers = deploy_and_roll_back(server, code_id)
        finally:
            done.set()
        calls = [one for future in calling for one in future.result()]
    assert len(calls) >= CALLS
    assert [one for one in calls if one[0] != 200] == []
    recorded = versions_of_runs(server, code_id)
    assert [one for one in calls if answers[recorded[one[2]]] != one[1]] == []
    assert len({recorded[run_id] for _, _, run_id in calls}) > 10, "the calls were not among the changes"
    kept = {one["number"] for one in get(server, f"/code/{code_id}/versions")["data"]}
    assert max(kept) == max(answers)


def versions_of_runs(server: Server, code_id: str) -> dict[str, int]:
    """The version that each run of a code names, by the run's id."""
    found: dict[str, int] = {}
    with httpx.Client(base_url=server.base, headers={"Authorization": f"Token {TOKEN}"}, timeout=60) as client:
        for page in itertools.count(1):
            answer = client.get("/coderun", params={"code_id": code_id, "page": page}).json()
            found |= {run["id"]: run["extra"]["version"] for run in answer["data"]}
            if page >= answer["last_page"]:
                return found
    return found
