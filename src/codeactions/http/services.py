"""What the routes need: handed in by the command line, so that nothing here is global."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from codeactions.domain.ids import new_id
from codeactions.execution.executor import Executor
from codeactions.http.metrics import Metrics
from codeactions.postgres.codecache import CodeCache
from codeactions.postgres.codelogs import LogStore
from codeactions.postgres.coderuns import RunStore
from codeactions.postgres.codes import CodeStore

# A part's name → a check that returns what there is to say of it, or raises `Error`.
HealthChecks = dict[str, Callable[[], Awaitable[dict[str, Any]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """token: the administrator's. body_limit: bytes of a call's body. most_requests: in flight at once."""

    codes: CodeStore
    code_cache: CodeCache
    runs: RunStore
    logs: LogStore
    executor: Executor
    metrics: Metrics
    token: str
    body_limit: int = 10 * 1024 * 1024
    body_timeout: float = 30.0
    most_requests: int = 2048
    health_checks: HealthChecks = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_code_id: Callable[[], UUID] = new_id
