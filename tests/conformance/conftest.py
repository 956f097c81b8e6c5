"""The languages under test, on the server that the session shares."""

import pytest
from conformance.languages import LANGUAGES, Language
from harness import Server


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give time to each test of a language: whichever comes first may have to wait until the language is ready."""
    if {"language", "go"}.intersection(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest, server: Server) -> Language:
    """Each language in turn: for what every engine does."""
    return Language(request.param, server)


@pytest.fixture
def python(server: Server) -> Language:
    """Python alone: for what only Python has, such as its exceptions and streams."""
    return Language("python", server)


@pytest.fixture
def javascript(server: Server) -> Language:
    """JavaScript and TypeScript alone."""
    return Language("javascript", server)


@pytest.fixture
def go(server: Server) -> Language:
    """Go alone."""
    return Language("go", server)
