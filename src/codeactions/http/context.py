"""The objects that routes work with: handed in when a node is put together, so that nothing here is global."""

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
from codeactions.services.project_values import ProjectValueService
from codeactions.services.projects import ProjectService
from codeactions.services.protections import ProtectionService
from codeactions.services.runs import RunService
from codeactions.services.tokens import TokenService
from codeactions.services.trials import TrialService
from codeactions.services.versions import VersionService

HealthCheck = Callable[[], Awaitable[dict[str, Any]]]
"""A check that returns a part's details, or raises `Error`."""
HealthChecks = dict[str, HealthCheck]
"""Checks by the name of their part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services, one for each kind of thing that callers may ask for."""

    audit: AuditService
    codes: CodeService
    endpoints: EndpointService
    permissions: PermissionService
    projects: ProjectService
    protections: ProtectionService
    runs: RunService
    secrets: ProjectValueService
    tokens: TokenService
    trials: TrialService
    variables: ProjectValueService
    versions: VersionService


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """Bounds and host names.

    body_limit: bytes of a call's body. body_timeout: seconds in which a body must arrive. most_requests: in flight at
    once. endpoint_host: the host name that serves endpoints and nothing else; None: every host serves everything.
    cors_origins: origins of pages that may call from a browser. flows_compat: whether to answer as the Go service does
    (http/flows_compat.py).
    """

    body_limit: int = 10 * 1024 * 1024
    body_timeout: float = 30.0
    most_requests: int = 2048
    endpoint_host: str | None = None
    cors_origins: tuple[str, ...] = ()
    flows_compat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiContext:
    """All objects that the application works with. `health_checks` may grow until the application is served."""

    services: Services
    identities: Identities
    limiter: RateLimiter
    metrics: Metrics
    options: HttpOptions = field(default_factory=HttpOptions)
    health_checks: HealthChecks = field(default_factory=dict)
