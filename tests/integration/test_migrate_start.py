"""The start of the command, which is most of what it takes on a database that is up to date: every import counts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from migrations import Migrate

import codeactions

# Without the site's own imports, which differ from one environment to the next.
PROGRAM = """
import sys
sys.path[:0] = {paths!r}
before = set(sys.modules)
from codeactions.migrate.main import main
code = main({words!r})
print("\\n".join(sorted(set(sys.modules) - before)))
sys.exit(code)
"""
PATHS = [str(Path(codeactions.__file__).parents[1]), *(path for path in sys.path if path.endswith("site-packages"))]
# Each takes longer than what it would be used for.
TOO_SLOW = {"argparse", "dataclasses", "datetime", "inspect", "json", "logging", "pathlib", "psycopg", "urllib.parse"}
RUNNING = {
    "apply",
    "in_transaction",
    "manner",
    "sending",
    "statements.own_transaction",
    "statements.psql",
    "statements.split",
    "without_transaction",
}
# For the single statement of a file that the server may refuse in a transaction, and for poolers.
RARE = {"database.pooled_lock", "database.refusals", "statements.bodies", "statements.names"}
FAILING = {"go_compat.driver_errors", "statements.secrets"}


def imported(migrate: Migrate, *words: str) -> set[str]:
    """The modules of a run; ours without the package's name."""
    program = PROGRAM.format(paths=PATHS, words=["-path", str(migrate.directory), "-database", migrate.url, *words])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True, env={**os.environ}
    )
    return {name.removeprefix("codeactions.migrate.") for name in done.stdout.split()}


@pytest.mark.parametrize("command", ["version", "up"])
def test_nothing_is_imported_that_is_not_needed(migrate: Migrate, command: str) -> None:
    migrate.write(_1="SELECT 1;")
    assert migrate("up").code == 0
    found = imported(migrate, command)
    assert "main" in found
    assert found & (TOO_SLOW | RUNNING | RARE | FAILING) == set()


def test_a_file_needs_what_runs_it_and_no_more(migrate: Migrate) -> None:
    migrate.write(_1="SELECT 1;")
    found = imported(migrate, "up")
    assert found & TOO_SLOW == set()
    assert found & (RARE | FAILING) == set()
    assert found >= RUNNING
