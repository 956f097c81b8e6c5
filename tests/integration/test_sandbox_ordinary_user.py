"""Zygotes with mounts of their own where the server is not root: their tests once more, as `nobody`."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import ordinary_user
import pytest

TESTS = [str(Path(__file__).parent / f"test_sandbox_{name}.py") for name in ("mounts", "zygotes", "leaks", "locks")]


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of that user's, which it can reach."""
    folder = Path(tempfile.mkdtemp(prefix="codeactions-tests-ordinary-"))
    os.chown(folder, pwd.getpwnam(ordinary_user.USER).pw_uid, -1)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.timeout(300)
@pytest.mark.skipif(os.geteuid() != 0, reason="not root: they run as an ordinary user already")
def test_zygotes_come_and_go_for_an_ordinary_user(home: Path) -> None:
    pytest_command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={home}/tests"]
    command = [sys.executable, ordinary_user.__file__, str(home), *pytest_command, *TESTS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    assert "skipped" not in done.stdout
