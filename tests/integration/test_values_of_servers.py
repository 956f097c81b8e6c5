"""Secrets and variables of several servers on one database: changes are heard, another key reads nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness import Server, running_server, wait_until
from integration.test_api_values import KEYS, SECRET, made, refused
from integration.test_api_values import project as project


@pytest.fixture
def two_keys(tmp_path: Path, database_url: str) -> Iterator[list[Server]]:
    """Two servers of one database, with different keys."""
    with (
        running_server(tmp_path / "a", database_url, languages="python", secret_key="a" * 16) as one,
        running_server(tmp_path / "b", database_url, languages="python", secret_key="b" * 16) as two,
    ):
        yield [one, two]


def test_a_run_whose_secret_cannot_be_read_is_refused(two_keys: list[Server], project: str) -> None:
    one, two = two_keys
    code, free = (one.create(KEYS, project_uuid=project) for _ in range(2))
    made(one, "secret", project, "A", code_ids=[code])
    assert one.client.get(f"/endpoint/{code}").json() == {"A": SECRET}
    assert two.client.get(f"/endpoint/{free}").json() == {}, "a code that is not given it runs"
    message = refused(httpx.get(f"{two.base}/endpoint/{code}"), 500, "internal")
    assert message == "internal error; see the server log"
    told = f"secret 'A' of project {project}: a stored secret cannot be read"
    wait_until(lambda: told in "\n".join(two.output), what="the log")
    assert two.client.get("/coderun", params={"code_id": code}).json()["total"] == 1
    part = two.client.get("/health").json()["parts"]["secrets"]
    assert (part["state"], part["unreadable"] > 0) == ("ok", True)
    assert two.client.get("/secret", params={"project_uuid": project}).json()["total"] == 1


def test_a_server_without_the_key_says_so_at_its_start(
    two_keys: list[Server], project: str, database_url: str, tmp_path: Path
) -> None:
    made(two_keys[0], "secret", project, "A")
    with running_server(tmp_path / "c", database_url, languages="python", secret_key="c" * 16) as other:
        (told,) = [line for line in other.output if "warning" in line]
        assert f"the server does not have the key of secret 'A' of project {project}: runs that need it" in told
        assert told.endswith("; put the old key behind the others, in secret.key or CODEACTIONS_SECRET_KEY")
    with running_server(tmp_path / "d", database_url, languages="python", secret_key="a" * 16) as other:
        assert "warning" not in "\n".join(other.output)


def test_another_server_hears_of_a_change(
    server: Server, database_of_server: str, tmp_path: Path, project: str
) -> None:
    key = (server.data_dir / "secret.key").read_text().strip()
    with running_server(tmp_path / "b", database_of_server, languages="python", secret_key=key) as other:
        code = server.create(KEYS, project_uuid=project)

        def seen() -> Any:
            return other.client.get(f"/endpoint/{code}").json()

        assert seen() == {}
        secret = made(server, "secret", project, "A", "the first value")
        wait_until(lambda: seen() == {"A": "the first value"}, what="the new secret being heard of")
        server.client.patch(f"/secret/{secret['id']}", json={"value": "the second value"})
        wait_until(lambda: seen() == {"A": "the second value"}, what="the change being heard of")
        server.client.delete(f"/secret/{secret['id']}")
        wait_until(lambda: seen() == {}, what="the deletion being heard of")
