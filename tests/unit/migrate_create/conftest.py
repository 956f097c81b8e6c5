"""`migrate create`, where the clock stands still."""

import io
from contextlib import redirect_stderr
from pathlib import Path

import pytest
from unit.migrate_create.folders import NOW, Run

from codeactions.migrate.commands import create as command
from codeactions.migrate.commands.table import COMMANDS
from codeactions.migrate.errors import ErrorCode, MigrationError
from codeactions.migrate.go_compat import flags
from codeactions.migrate.terminal.output import Output


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in `tmp_path`, where the clock stands still; return exit code and output lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))

    def run(*words: str) -> tuple[int, list[str]]:
        values, rest = flags.parse(words, COMMANDS["create"].flags)
        with redirect_stderr(io.StringIO()) as said:
            try:
                code = command.run(rest, values, Output(), NOW)
            except MigrationError as error:
                print(f"error: {error.message}", file=said)
                # The mistake is always in the command line.
                code = 1 if error.code is ErrorCode.INVALID else -1
        return code, said.getvalue().replace(str(tmp_path), "$CWD").splitlines()

    return run
