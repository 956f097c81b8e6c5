"""A run: one execution of a code, from the request to the record.

    queued ──> started ──> completed
                      └──> failed

A terminal state never changes. migrations/000007 enforces the same rule in SQL.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from codeactions.domain.errors import Error, not_found
from codeactions.domain.ids import AnyId
from codeactions.domain.log import LogLine
from codeactions.domain.moment import StoredTime


class RunStatus(StrEnum):
    """The states of a run."""

    QUEUED = "queued"
    """Written by other programs only: here a run is recorded when it has its slot."""
    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"


class ErrorType(StrEnum):
    """The reason why a run failed; the closed set of `extra.error.type`."""

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
    """How a run failed.

    message, traceback: come from the user's code. They are kept in the history and never sent to the caller.
    line, column: the place of the mistake in an invalid source, counted from 1; None if the compiler does not tell it.
    """

    type: ErrorType
    message: str
    traceback: str = ""
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """The HTTP request that a run answers, as plain data.

    raw_path, raw_query: as they were sent, percent-encoded; a raw path of "" is the path itself. text, charset: the
    body as text, and what it was decoded by, where that is not plain UTF-8; both are None for nearly all calls.
    """

    method: str = "POST"
    path: str = "/"
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    raw_path: str = ""
    raw_query: str = ""
    text: str | None = None
    charset: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """The status, content type and headers of an answer, which are sent before its body."""

    status_code: int
    content_type: str
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer that a run gives.

    size: of an answer in pieces, the number of its bytes; then `body` may have the first of them alone.
    """

    body: bytes
    status_code: int = 200
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    size: int | None = None

    @property
    def head(self) -> AnswerHead:
        """The answer without its body."""
        return AnswerHead(self.status_code, self.content_type, self.headers)


@dataclass(slots=True)
class Outcome:
    """How a run ended. Both `answer` and `error` are set if it failed after its answer had begun to go out.

    logs_dropped: the number of log lines over the limit. memory_peak: in bytes; None if it was not measured.
    """

    answer: Answer | None = None
    error: RunError | None = None
    logs: list[LogLine] = field(default_factory=list)
    logs_dropped: int = 0
    duration_ms: float = 0.0
    memory_peak: int | None = None

    @property
    def status(self) -> RunStatus:
        """The terminal state of a run with this outcome."""
        return RunStatus.COMPLETED if self.error is None and self.answer is not None else RunStatus.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as it is stored.

    result, body: text, or base64 if `extra.result_encoding` or `extra.body_encoding` says so. `extra.body_charset` says
    what the body was decoded by, if not plain UTF-8. extra, params, headers: objects, where this server wrote them.
    Other programs may have written any JSON, no code and any status.
    """

    id: UUID
    code_id: UUID | None
    status: str | None
    result: str | None
    extra: Any
    params: Any
    body: str | None
    headers: Any
    created_at: StoredTime
    updated_at: StoredTime


@dataclass(frozen=True, slots=True)
class AnsweredRun:
    """A run that goes on after its answer.

    started: its row at the start. run: its row with the answer. added: the fields that the answer added to `extra`.
    shown: the run with the answer as the caller gets it, where `run` has *** in it.
    """

    started: Run
    run: Run
    added: dict[str, Any]
    shown: Run | None = None


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that has ended.

    started: its row at the start. run: its row at the end. added: the fields that the end added to `extra`.
    outcome: has the answer as the caller gets it. shown: the run with that answer, where `run` has *** in it.
    """

    started: Run
    run: Run
    added: dict[str, Any]
    outcome: Outcome
    shown: Run | None = None


def run_not_found(run_id: AnyId) -> Error:
    """Return the error for a run that does not exist, or that the caller may not know of."""
    return not_found(f"there is no run {run_id}")
