"""A log line of a run."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line as a run wrote it; `at` is when the server read it."""

    level: str
    content: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLog:
    """One line as it is stored."""

    id: UUID
    run_id: UUID
    code_id: UUID
    type: str
    content: str
    created_at: datetime
