"""After each attack the server is as well as before."""

import secrets
from collections.abc import Iterator
from uuid import uuid4

import pytest
from attacks.attacker import nothing_left
from attacks.languages import Toolbox
from harness import Server, wait_until

OF_LANGUAGES = {"Toolbox", "alone", "ready"}  # of attacks.languages
WELL = Toolbox({"none": {"javascript": "return 'well';", "go": 'return "well", nil'}})


def pytest_itemcollected(item: pytest.Function) -> None:
    """Give time to each test in Go: whichever comes first may have to wait until its standard library is compiled."""
    if not OF_LANGUAGES.isdisjoint(vars(item.module)):
        item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(autouse=True)
def unharmed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test whose attack left the server unwell, a process alive, or a traceback in the server's own log."""
    server: Server = request.getfixturevalue("server")
    lines = len(server.output)
    launcher_restarts = _launcher_restarts(server)
    yield
    assert server.process is not None
    assert server.process.poll() is None, "the server died"
    assert server.healthy()
    for language in _languages(server):
        assert WELL.call(server, language, "none").text == "well"
    assert _launcher_restarts(server) == launcher_restarts
    wait_until(lambda: nothing_left(server), 10, "the end of every process of every run")
    assert not [line for line in server.output[lines:] if "Traceback" in line or "Exception" in line]


@pytest.fixture
def canary() -> str:
    """A secret's value that is found wherever it is."""
    return "KANARI-" + secrets.token_hex(16)


@pytest.fixture
def project(server: Server, canary: str) -> Iterator[str]:
    """A project with that secret, which is gone after the test."""
    project = f"project-{uuid4()}"
    given = {"project_uuid": project, "name": "CANARY", "value": canary}
    secret_id = server.client.post("/secret", json=given).json()["id"]
    yield project
    server.client.delete(f"/secret/{secret_id}")


def _launcher_restarts(server: Server) -> int:
    return int(server.client.get("/health").json()["parts"]["sandbox"]["launcher_restarts"])


def _languages(server: Server) -> list[str]:
    """Those that are ready, so that an attack in Python does not wait for Go."""
    languages = server.client.get("/health").json()["parts"]["languages"]
    return [name for name in ("javascript", "go") if languages[name]["state"] == "ready"]
