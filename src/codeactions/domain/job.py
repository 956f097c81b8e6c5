"""A job: plain data that describes one execution. It can be sent to another machine."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from codeactions.domain.code import DEFAULT_TIMEZONE
from codeactions.domain.run import Call
from codeactions.domain.run_values import NO_VALUES, RunValues


class JobKind(StrEnum):
    """The kind of a job: what its execution does with the source."""

    RUN = "run"
    """Call its function."""
    BUILD = "build"
    """Check and compile it, without executing any of it. The answer's body is the built artifact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputLimits:
    """The limits of an execution's output.

    Log lines beyond `log_lines` are dropped and counted. A line longer than `log_characters` is cut. A result over
    `result_bytes`, or a log over `log_bytes` in all, ends the execution as `output_limit`.
    """

    result_bytes: int = 10 * 1024 * 1024
    log_lines: int = 1000
    log_characters: int = 8000
    log_bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """How many jobs may wait for a slot, and for how many seconds. Waiting never counts as running."""

    most_waiting: int = 256
    wait_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The description of one execution.

    language: the name of the runtime. source: the text that the runtime gets; empty where it gets a built artifact.
    artifact: the key of that artifact; the executor has or fetches it. call: the request for the function; a build has
    none. values: the secrets and variables of the run. timeout: in seconds, counted from the moment that the job has
    its slot. timezone: of the run's clock.
    """

    id: UUID
    language: str
    kind: JobKind = JobKind.RUN
    source: str = ""
    artifact: str | None = None
    call: Call = field(default_factory=Call)
    values: RunValues = NO_VALUES
    timeout: float
    timezone: str = DEFAULT_TIMEZONE
    output: OutputLimits = field(default_factory=OutputLimits)
    admission: Admission = field(default_factory=Admission)
