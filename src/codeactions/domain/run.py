"""A run: one execution of a code, from asked-for to recorded.

    queued ──> started ──> completed
                      └──> failed

A terminal state never changes. migrations/000007 holds the same rule in SQL.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from codeactions.domain.errors import Error, not_found
from codeactions.domain.log import LogLine


class RunStatus(StrEnum):
    """The states of a run."""

    QUEUED = "queued"
    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"


class ErrorType(StrEnum):
    """Why a run failed; the closed set of `extra.error.type`."""

    EXCEPTION = "exception"
    INVALID_SOURCE = "invalid_source"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT_LIMIT = "output_limit"
    KILLED = "killed"
    CANCELLED = "cancelled"
    LOST = "lost"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class RunError:
    """How a run failed. `message` and `traceback` are the user's own: for the history, not for the caller.

    line, column: of the mistake in an invalid source, from 1, where the compiler names them.
    """

    type: ErrorType
    message: str
    traceback: str = ""
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """What a run was asked: an HTTP request in plain data."""

    method: str = "POST"
    path: str = "/"
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run answered."""

    body: bytes
    status_code: int = 200
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Outcome:
    """How a run ended: exactly one of `answer` and `error` is set. Times are milliseconds."""

    answer: Answer | None = None
    error: RunError | None = None
    logs: list[LogLine] = field(default_factory=list)
    logs_dropped: int = 0
    duration_ms: float = 0.0
    memory_peak: int | None = None

    @property
    def status(self) -> RunStatus:
        """The terminal state that goes with it."""
        return RunStatus.COMPLETED if self.answer is not None else RunStatus.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as it is stored. `result` and `body` are text; `extra.result_encoding` says if one is base64."""

    id: UUID
    code_id: UUID
    status: RunStatus
    result: str | None
    extra: dict[str, Any]
    params: dict[str, Any]
    body: str | None
    headers: dict[str, Any]
    created_at: datetime
    updated_at: datetime


def run_not_found(run_id: UUID) -> Error:
    """Return the error for a run that does not exist, or that the caller may not know of."""
    return not_found(f"there is no run {run_id}")
