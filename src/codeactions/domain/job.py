"""A job: what one execution is to do, as plain data that can be sent to another machine."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from codeactions.domain.run import Call


class JobKind(StrEnum):
    """What is done with the source."""

    RUN = "run"
    """Its function is called."""
    BUILD = "build"
    """It is checked and compiled; nothing of it is executed. The answer's body is what was built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputLimits:
    """How much an execution may put out.

    Log lines over `log_lines` are dropped and counted, lines over `log_characters` are cut. More than `log_bytes` in
    all, or a result over `result_bytes`, ends the execution as `output_limit`.
    """

    result_bytes: int = 10 * 1024 * 1024
    log_lines: int = 1000
    log_characters: int = 8000
    log_bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """How many callers may wait for a slot, and for how many seconds. Waiting is never counted as running."""

    most_waiting: int = 256
    wait_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One execution to be.

    language: names the runtime. source: the text that the runtime gets, where it needs no build. artifact: the key of
    what was built of the source; the executor has or fetches it. call: what the function is asked; a build has none.
    timeout: seconds, counted from the moment that the job has its slot.
    """

    id: UUID
    language: str
    kind: JobKind = JobKind.RUN
    source: str = ""
    artifact: str | None = None
    call: Call = field(default_factory=Call)
    timeout: float
    output: OutputLimits = field(default_factory=OutputLimits)
    admission: Admission = field(default_factory=Admission)
