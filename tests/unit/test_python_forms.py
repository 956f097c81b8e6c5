"""Where the library of forms is, for runs of Python."""

from collections.abc import Iterator

import pytest

from codeactions.runtimes.python import form
from codeactions.runtimes.python.form import FORM_LIBRARY, FORM_MODULES, keep_places, read_form
from codeactions.runtimes.python.runtime import find

BODY = b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--\r\n'


@pytest.fixture(autouse=True)
def place() -> Iterator[None]:
    """Puts the place back that a test changes."""
    before = form._library_at
    yield
    form._library_at = before


def test_every_module_of_the_library_is_mounted_as_something_that_can_be_imported() -> None:
    mounts = find().mounts
    assert {place.rpartition(".")[0] for place in mounts} == {f"{FORM_LIBRARY}/{name}" for name in FORM_MODULES}
    for place, path in mounts.items():
        assert place.rpartition(".")[2] == path.rpartition(".")[2] in ("py", "pyc")


@pytest.mark.parametrize("made", ["", "/__pycache__"])
def test_without_walls_the_library_is_where_it_is_installed(made: str) -> None:
    installed = find().mounts
    init = next(path for place, path in installed.items() if place.startswith(f"{FORM_LIBRARY}/__init__."))
    folder = init.partition("/__init__.")[0].removesuffix("/__pycache__")
    keep_places({f"{FORM_LIBRARY}/__init__.pyc": f"{folder}{made}/__init__.cpython-311.pyc"})
    assert form._library_at == folder
    assert read_form(BODY, "multipart/form-data; boundary=X").get("a") == "1"


def test_places_of_others_change_nothing() -> None:
    keep_places({"/runtimes/other/__init__.py": "/x/__init__.py"})
    assert form._library_at == FORM_LIBRARY
