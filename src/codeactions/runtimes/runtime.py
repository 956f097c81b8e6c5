"""A runtime: what sandbox and execution have to know of one language."""

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.run import RunError

_SECONDS = 30.0
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GOTOOLCHAIN": "local", "GOTELEMETRY": "off"}
Explain = Callable[[int, list[str]], RunError | None]


class Form(StrEnum):
    """What a build makes of a source, and how a run gets it."""

    SOURCE = "source"
    """Nothing: a build only checks. The job has the source itself."""
    TEXT = "text"
    """A text that the job has in the source's place."""
    PROGRAM = "program"
    """A program that the run's process becomes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """One language of this node.

    zygote: the module whose `preload()` and `run()` a zygote calls. warm: whether a sandbox can wait for its job.
    exposed, hidden: what all runs see of the host, as `LauncherConfig` has them. mounts: what runs of this language see
    beside, as `ZygoteSpec` has them.
    build_mounts: the same for builds. fingerprint: what decides, beside the source, what a build makes.
    explain: from an exit status and the lines on standard error to how a run crashed; None where engines tell it all.
    """

    language: str
    version: str
    detail: str
    zygote: str
    form: Form
    fingerprint: str
    warm: bool = True
    exposed: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    mounts: Mapping[str, str] = field(default_factory=dict)
    build_mounts: Mapping[str, str] = field(default_factory=dict)
    explain: Explain | None = None


def missing(language: str, reason: str, help_text: str) -> Error:
    """The error for a language that this node cannot run: `busy`, since the code itself may be right."""
    return Error(ErrorCode.BUSY, f"this node has no runtime for {language}: {reason}; {help_text}")


def output_of(command: list[str], environment: Mapping[str, str] = _ENVIRONMENT) -> str:
    """What a program of a runtime prints. Raises `OSError` or `ValueError` if it cannot be started or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=_SECONDS, cwd=os.sep)
    except subprocess.TimeoutExpired:
        raise ValueError(f"{command[0]} does not answer") from None
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise ValueError(f"{command[0]} does not work: {said}")
    return done.stdout.strip()
