"""The languages under test, on the server that the session shares."""

import pytest
from conformance.languages import LANGUAGES, Language
from harness import Server


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest, server: Server) -> Language:
    """Each language in turn: for what every engine does."""
    return Language(request.param, server)


@pytest.fixture
def python(server: Server) -> Language:
    """Python alone: for what only Python has, such as its exceptions and streams."""
    return Language("python", server)
