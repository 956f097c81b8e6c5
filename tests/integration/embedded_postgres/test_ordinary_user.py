"""The embedded PostgreSQL for an ordinary user: all tests of this folder once more, if root runs them."""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import ordinary_user
import pytest
from integration.embedded_postgres.servers import as_root

FOLDER = str(Path(__file__).parent)


@as_root
@pytest.mark.timeout(300)
@pytest.mark.slow
def test_all_of_this_as_an_ordinary_user() -> None:
    home = Path("/tmp") / f"codeactions-tests-{os.getpid()}"
    home.mkdir(mode=0o700)
    os.chown(home, pwd.getpwnam("nobody").pw_uid, -1)
    try:
        tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", FOLDER, f"--basetemp={home}/tests"]
        switch = [sys.executable, ordinary_user.__file__, str(home)]
        done = subprocess.run([*switch, *tests], capture_output=True, text=True, timeout=280, check=False)
        if "OSError" in done.stderr and "unshare" in done.stderr:
            pytest.skip("no right to mount, so the interpreter may be out of reach of an ordinary user")
        assert done.returncode == 0, done.stdout + done.stderr
        print(done.stdout)
    finally:
        shutil.rmtree(home)
