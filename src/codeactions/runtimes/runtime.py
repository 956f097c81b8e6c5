"""A runtime: all that sandbox and execution have to know of one language on this node."""

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.run import RunError
from codeactions.runtimes.preparation import NothingToPrepare, Preparation

_SECONDS = 30.0
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
Explain = Callable[[int, list[str]], RunError | None]
WORKS = "works"
"""The answer of a trial on a node where the language works."""


class Form(StrEnum):
    """The form in which a run gets what a build made of a source."""

    SOURCE = "source"
    """Nothing: a build only checks. The job has the source itself."""
    TEXT = "text"
    """A text that the job has in the source's place."""
    PROGRAM = "program"
    """A program that the run's process becomes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """One language as this node has it.

    language: its name. detail: where the runtime is, for people.

    How it is built: build, the module in which the language's build is (builds.py), imported by the build zygote;
    build_mounts, what builds see of the host; form; fingerprint, what decides, beside the source, what a build makes.

    How it is started: zygote, the module whose `preload()` and `run()` a zygote calls; exposed and hidden, what all
    runs see of the host, as `LauncherConfig` has them; mounts, what runs of this language see beside, as `ZygoteSpec`
    has them; warm, whether a sandbox can wait for its job.

    How it is seen to work: trial, a source that returns `WORKS`; "" for a language that needs no trial.

    modules_in: folders in which zygote and build are found, where that is not the folder of this package.
    preparation: what has to be made before it can be used.
    explain: returns how a run crashed, from its exit status and the lines on its standard error, or None if it did not;
        None in its place where the engine itself tells every end.
    """

    language: str
    version: str
    detail: str
    zygote: str
    build: str
    form: Form
    fingerprint: str
    trial: str = ""
    warm: bool = True
    exposed: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    mounts: Mapping[str, str] = field(default_factory=dict)
    build_mounts: Mapping[str, str] = field(default_factory=dict)
    modules_in: tuple[str, ...] = ()
    preparation: Preparation = field(default_factory=NothingToPrepare)
    explain: Explain | None = None


def no_runtime(language: str, reason: str, help_text: str) -> Error:
    """Return the error for a language that this node cannot run: `busy`, since the code itself may be right."""
    public = f"this node has no runtime for {language}"
    return Error(ErrorCode.BUSY, f"{public}: {reason}; {help_text}", public=public)


def output_of(command: list[str], environment: Mapping[str, str] = _ENVIRONMENT) -> str:
    """Return what a program of a runtime prints. Raises `OSError` or `ValueError` if it cannot be started or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=_SECONDS, cwd=os.sep)
    except subprocess.TimeoutExpired:
        raise ValueError(f"{command[0]} does not answer") from None
    if done.returncode != 0:
        printed = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise ValueError(f"{command[0]} does not work: {printed}")
    return done.stdout.strip()
