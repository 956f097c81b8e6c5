"""Imports of Python sources that certainly fail are found; all that may be meant to fail, or may not fail, is left."""

import sys
from textwrap import dedent

import pytest

from codeactions.runtimes.invalid_source import InvalidSource
from codeactions.runtimes.python import imports, source

HAS = "runs have Python's standard library"


@pytest.fixture(autouse=True)
def _without_site_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs do not have them."""
    paths = [path for path in source.library_path() if not path.endswith("-packages")]
    monkeypatch.setattr(imports, "library_path", lambda: paths)


def refused(text: str) -> InvalidSource:
    with pytest.raises(InvalidSource) as caught:
        imports.refuse_missing(dedent(text))
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("import requests", 1, 8, f"there is no library requests here; {HAS}"),
        ("import json, requests\n", 1, 14, f"there is no library requests here; {HAS}"),
        ("\n\nimport numpy as np\n", 3, 8, f"there is no library numpy here; {HAS}"),
        ("from foo.bar import x", 1, 1, f"there is no library foo here; {HAS}"),
        ("'''doc'''\nfrom google.cloud import storage", 2, 1, f"there is no library google here; {HAS}"),
        ("x = 'grüße 🐍'; import requests", 1, 23, f"there is no library requests here; {HAS}"),
        ("\ufeffimport requests", 1, 8, f"there is no library requests here; {HAS}"),
        ("import os\r\n\r\nimport requests\r\n", 3, 8, f"there is no library requests here; {HAS}"),
        ("import os\rimport requests\r", 2, 8, f"there is no library requests here; {HAS}"),
        ("class A:\n    import requests", 2, 12, f"there is no library requests here; {HAS}"),
        ("import sys\nimport requests\nsys.exit()", 2, 8, f"there is no library requests here; {HAS}"),
        ("URL = len('x')\nimport requests", 2, 8, f"there is no library requests here; {HAS}"),
        ("import jsn", 1, 8, f"there is no library jsn here; {HAS}; did you mean json?"),
        ("import winreg", 1, 8, f"there is no library winreg here; {HAS}"),
        (
            "import xml.nothing",
            1,
            8,
            "there is no xml.nothing here: xml of Python's standard library has no",
        ),
        ("import datetime.datetime", 1, 8, "there is no datetime.datetime here: datetime of Python's"),
        ("from . import x", 1, 1, "there is nothing to import from .: a code is one file"),
        ("from .lib import x", 1, 1, "there is nothing to import from .lib: a code is one file"),
        ("from ..lib.more import x", 1, 1, "there is nothing to import from ..lib.more: a code is one file"),
    ],
)
def test_what_cannot_be_found_is_told_at_its_place(text: str, line: int, column: int, message: str) -> None:
    error = refused(text)
    assert (error.line, error.column) == (line, column)
    assert error.message.startswith(message)
    assert error.message in error.listing


@pytest.mark.parametrize(
    ("name", "first"), [("distutils", (3, 12)), ("imp", (3, 12)), ("telnetlib", (3, 13)), ("cgi", (3, 13))]
)
def test_a_library_that_python_gave_up_says_when(name: str, first: tuple[int, int]) -> None:
    if sys.version_info < first:
        imports.refuse_missing(f"import {name}")
    else:
        said = refused(f"import {name}").message
        assert said.endswith(f"standard library, which has no {name} any more since 3.{first[1]}")


@pytest.mark.parametrize(
    "text",
    [
        "import os.path, xml.etree.ElementTree, collections.abc, concurrent.futures, email.mime.text, importlib.util",
        "import sys, time, _thread, builtins, marshal, zipimport, asyncio.subprocess, logging.handlers, sqlite3",
        "from __future__ import annotations\nfrom urllib import request",
        "import xml.parsers.expat.errors",
        "import action, codeactions",
        "try:\n    import ujson as json\nexcept ImportError:\n    import json",
        "import contextlib\nwith contextlib.suppress(ImportError):\n    import ujson",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import requests",
        "def Run(engine):\n    import requests",
        "async def Run(engine):\n    from foo import bar",
        "Run = lambda engine: __import__('requests')",
        "import sys\nsys.path.append('/tmp')\nimport lib",
        "import sys\nif True:\n    sys.path.append('/tmp')\nimport lib",
        "import sys as system\nsystem.path.append('/tmp')\nimport lib",
        "from sys import path\npath.append('/tmp')\nimport lib",
        "import os\nos.sys.modules['lib'] = os\nimport lib",
        "exec('import sys')\nimport lib",
        "def make():\n    import sys\n    sys.modules['lib'] = sys\nmake()\nimport lib",
        "import site\nsite.addsitedir('/tmp')\nimport lib",
        "",
    ],
)
def test_what_can_be_found_or_may_be_or_need_not_be_is_left(text: str) -> None:
    imports.refuse_missing(text)
