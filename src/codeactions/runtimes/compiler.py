"""Running a compiler inside the walls of a build."""

from __future__ import annotations

import signal
import subprocess

# Bytes kept of what it says, at its beginning and at its end: the first mistakes are the ones that count, and some
# programs show the line of a mistake, which may be a megabyte, before they say what is wrong with it.
_MOST_OUTPUT = 64 * 1024


def run(command: list[str], *, folder: str, environment: dict[str, str]) -> tuple[int, str]:
    """Run it to its end: exit code, and what it wrote to both of its outputs. The build's own limits end it."""
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said = done.stdout
    if len(said) > 2 * _MOST_OUTPUT:
        said = said[:_MOST_OUTPUT] + b"\n" + said[-_MOST_OUTPUT:]
    return done.returncode, said.decode(errors="replace")


def last_words(what: str, code: int, said: str) -> str:
    """Why a program ended, where nothing better can be found in what it said."""
    if code == -signal.SIGKILL:  # which nothing here sends: the kernel does, for memory
        return f"the {what} needed more memory than a build may use"
    return (said.strip().splitlines() or [f"the {what} ended without a word"])[-1]
