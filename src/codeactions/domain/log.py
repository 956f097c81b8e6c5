"""Log lines of runs."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from codeactions.domain.errors import Error, not_found


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line as a run wrote it. `at` is the time at which the server read it."""

    level: str
    content: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLog:
    """One line as it is stored. `type` is its level."""

    id: UUID
    run_id: UUID
    code_id: UUID
    type: str
    content: str
    created_at: datetime


def log_not_found(log_id: UUID) -> Error:
    """Return the error for a log line that does not exist, or that the caller may not know of."""
    return not_found(f"there is no log {log_id}")
