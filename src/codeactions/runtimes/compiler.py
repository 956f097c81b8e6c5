"""How a build runs a compiler inside the sandbox."""

from __future__ import annotations

import signal
import subprocess

# Bytes kept of the output, at its beginning and at its end. The first mistakes are the ones that count, and some
# programs print the line of a mistake, which may be a megabyte, before they say what is wrong with it.
_MOST_OUTPUT = 64 * 1024


def run(command: list[str], *, folder: str, environment: dict[str, str]) -> tuple[int, str]:
    """Run a command to its end, and return its exit code and what it wrote to both of its outputs.

    There is no time limit here: the build's own limits end it.
    """
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output = done.stdout
    if len(output) > 2 * _MOST_OUTPUT:
        output = output[:_MOST_OUTPUT] + b"\n" + output[-_MOST_OUTPUT:]
    return done.returncode, output.decode(errors="replace")


def last_words(program: str, code: int, output: str) -> str:
    """Return why a program ended, for output in which nothing better can be found."""
    if code == -signal.SIGKILL:  # nothing here sends it: the kernel does, when memory runs out
        return f"the {program} needed more memory than a build may use"
    return (output.strip().splitlines() or [f"the {program} ended without a word"])[-1]
