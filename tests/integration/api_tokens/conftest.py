"""Two servers on one database, with a project."""

from collections.abc import Iterator

import pytest
from harness import Server, running_server
from integration.api_tokens.tokens import P
from issuer import Issuer

SETTINGS = {"languages": "python", "slots": 4, "oidc_audience": "codeactions"}


@pytest.fixture(scope="module")
def one(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[Server]:
    """A server, with a project."""
    folder = tmp_path_factory.mktemp("one")
    with running_server(folder, module_database_url, oidc_issuer=issuer.url, **SETTINGS) as server:
        server.client.post("/project", json={"uuid": P, "name": "x"}).raise_for_status()
        yield server


@pytest.fixture(scope="module")
def other(one: Server, tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[Server]:
    """Another server on the same database."""
    with running_server(tmp_path_factory.mktemp("other"), module_database_url, languages="python") as server:
        yield server
