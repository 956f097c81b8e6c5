"""docs/migrate.md shows what really happens: each of its console sessions is run, in order."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from codeactions.migrate.database import lock
from codeactions.postgres.embedded.server import EmbeddedPostgres

PAGE = Path(__file__).parents[2] / "docs" / "migrate.md"
SHOWN_FOLDER = "/home/you/shop"
# What differs from run to run, and what takes its place for comparing.
PASSING = (
    (r"[0-9.]+(ns|µs|ms|s)\b", "TIME"),
    (r'("duration_ms": )[0-9.]+', r"\1TIME"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d([.]\d+Z)?(\+\d\d)?", "MOMENT"),
    (r"\b20\d{12}_", "MOMENT_"),
    (r"pid \d+", "pid PID"),
    (r"pg_terminate_backend\(\d+\)", "pg_terminate_backend(PID)"),
    (r"pg_advisory_lock\(\d+\)", "pg_advisory_lock(LOCK)"),
    (r"codeactions \d+\.\d+\.\d+", "codeactions VERSION"),
    # Columns are as wide as their longest cell.
    (r" {2,}", "  "),
)


def sessions(page: str) -> list[list[tuple[str, str]]]:
    """The console blocks: for each, its commands with what is shown below them."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
        parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
        assert parts[0] == "", "a console block begins with a command"
        found.append(list(zip(parts[1::2], parts[2::2], strict=True)))
    return found


def masked(text: str) -> str:
    """Without what differs from run to run."""
    for pattern, replacement in PASSING:
        text = re.sub(pattern, replacement, text)
    return text


def test_every_example_prints_what_the_page_shows(
    postgres: EmbeddedPostgres, database_url: str, tmp_path: Path
) -> None:
    blocks = sessions(PAGE.read_text())
    assert len(blocks) > 8
    path = re.sub(r"^[a-z]+://[^/]*(/[^?]*).*", r"\1", database_url)
    environment = {
        "DATABASE_URL": database_url,
        "HOME": str(tmp_path),
        "LOCK": str(lock.number(path, "public", "schema_migrations")),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:{postgres.bin_dir}",
    }
    for block in blocks:
        # One shell for a block, as $! and %1 are its own.
        script = "\n".join(f"echo '@@@'\n{command}" for command, _ in block)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        printed = done.stdout.replace(str(tmp_path), SHOWN_FOLDER).split("@@@\n")[1:]
        for (command, shown), real in zip(block, printed, strict=True):
            assert masked(real) == masked(shown), command


@pytest.mark.parametrize("command", ["create", "status", "up", "down", "goto", "force", "drop", "version"])
def test_every_command_has_an_example(command: str) -> None:
    commands = [line for block in sessions(PAGE.read_text()) for line, _ in block]
    assert any(re.search(rf"\bmigrate (-\S+ \S+ )*(-\S+ )*{command}\b", line) for line in commands)
