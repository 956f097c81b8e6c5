"""What the routes need: handed in by the command line, so that nothing here is global."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from codeactions.http.metrics import Metrics
from codeactions.identity.identities import Identities
from codeactions.limits.rate_limiter import RateLimiter
from codeactions.services.audit import AuditService
from codeactions.services.codes import CodeService
from codeactions.services.endpoints import EndpointService
from codeactions.services.permissions import PermissionService
from codeactions.services.projects import ProjectService
from codeactions.services.protections import ProtectionService
from codeactions.services.runs import RunService
from codeactions.services.tokens import TokenService

# A part's name → a check that returns what there is to say of it, or raises `Error`.
HealthChecks = dict[str, Callable[[], Awaitable[dict[str, Any]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """body_limit: bytes of a call's body. most_requests: in flight at once. endpoint_host: where endpoints are, and
    nothing else; None: everywhere. cors_origins: who may call from a browser."""

    identities: Identities
    limiter: RateLimiter
    codes: CodeService
    endpoints: EndpointService
    protections: ProtectionService
    runs: RunService
    projects: ProjectService
    permissions: PermissionService
    tokens: TokenService
    audit: AuditService
    metrics: Metrics
    body_limit: int = 10 * 1024 * 1024
    body_timeout: float = 30.0
    most_requests: int = 2048
    endpoint_host: str | None = None
    cors_origins: tuple[str, ...] = ()
    health_checks: HealthChecks = field(default_factory=dict)
