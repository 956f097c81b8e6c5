"""From settings and the parts of a node to what its routes need."""

import contextlib
import dataclasses
from uuid import UUID

from codeactions.execution.builds import Builds
from codeactions.execution.recorded_runs import Executor
from codeactions.http.context import ApiContext, HealthChecks, HttpOptions, Services
from codeactions.http.metrics import Metrics
from codeactions.identity.cipher import Cipher
from codeactions.identity.identities import Identities
from codeactions.identity.passwords import PasswordCheck
from codeactions.identity.usage import TokenUsage
from codeactions.limits.rate_limiter import RateLimiter
from codeactions.node.settings import Settings
from codeactions.postgres.cache import Cache
from codeactions.postgres.codelogs import LogStore
from codeactions.postgres.coderuns import RunStore
from codeactions.postgres.codes import CodeStore, CodesWithProtection, CodeWithProtection
from codeactions.postgres.database import Database
from codeactions.postgres.listener import CODES, PERMISSIONS, TOKENS, NotificationListener
from codeactions.postgres.permissions import PermissionStore
from codeactions.postgres.tokens import TokenStore
from codeactions.services.audit import AuditService
from codeactions.services.audited import AuditedDatabase
from codeactions.services.codes import CodeService
from codeactions.services.endpoints import EndpointService
from codeactions.services.permissions import PermissionService
from codeactions.services.projects import ProjectService
from codeactions.services.protections import ProtectionService
from codeactions.services.runs import RunService
from codeactions.services.tokens import TokenService

_MOST_CODES = 64 * 1024 * 1024  # bytes of source in memory
_MOST_ROLES = 100_000
_MOST_TOKENS = 10_000


@dataclasses.dataclass(frozen=True, slots=True)
class Secrets:
    """The server's own. token: the administrator's. key: encrypts what is stored."""

    token: str
    key: str


@dataclasses.dataclass(frozen=True, slots=True)
class Parts:
    """What of a node runs already."""

    database: Database
    executor: Executor
    builds: Builds
    metrics: Metrics


async def assemble(settings: Settings, parts: Parts, secrets: Secrets, stack: contextlib.AsyncExitStack) -> ApiContext:
    """Start what callers and changes of others are recognised by; `stack` stops it. Raises `Error`."""
    database, executor = parts.database, parts.executor
    audited, cipher, checks = AuditedDatabase(database), Cipher(secrets.key), HealthChecks()
    codes: CodesWithProtection = Cache(
        CodeStore(database).get_with_protection, parse=UUID, most=_MOST_CODES, size=_size
    )
    roles = Cache(PermissionStore(database).roles_of, parse=str, most=_MOST_ROLES, size=lambda held: 1 + len(held))
    tokens = Cache(TokenStore(database).by_digest, parse=bytes.fromhex, most=_MOST_TOKENS)
    changes = NotificationListener(database.url)
    for channel, cache in ((CODES, codes), (PERMISSIONS, roles), (TOKENS, tokens)):
        changes.tell(channel, cache)
    stack.push_async_callback(changes.stop)
    await changes.start()
    usage = TokenUsage(TokenStore(database))
    stack.push_async_callback(usage.stop)
    await usage.start()
    verifier = None
    if oidc := settings.oidc():
        from codeactions.identity.oidc import OidcVerifier

        verifier = OidcVerifier(oidc)
        stack.push_async_callback(verifier.close)
        checks["issuer"] = verifier.check
    identities = Identities(secrets.token, tokens, roles, verifier=verifier, usage=usage)
    limiter = RateLimiter(per_code=settings.rate_code, per_caller=settings.rate_caller, storage=settings.rate_storage)
    stack.push_async_callback(limiter.close)
    if settings.rate_storage != "memory":
        checks["limits"] = limiter.check
    if events := settings.events():
        from codeactions.events.consumer import EventsConsumer
        from codeactions.services.membership_sync import MembershipSync

        consumer = EventsConsumer(events, MembershipSync(database))
        stack.push_async_callback(consumer.stop)
        await consumer.start()
        checks["events"] = consumer.check
    return ApiContext(
        services=Services(
            audit=AuditService(audited),
            codes=CodeService(audited, codes, parts.builds),
            endpoints=EndpointService(executor, codes, identities, cipher, PasswordCheck()),
            permissions=PermissionService(audited, roles.forget),
            projects=ProjectService(audited, roles.forget),
            protections=ProtectionService(audited, codes, cipher),
            runs=RunService(executor, codes, identities, RunStore(database), LogStore(database)),
            tokens=TokenService(audited, tokens.forget),
        ),
        identities=identities,
        limiter=limiter,
        metrics=parts.metrics,
        options=_options(settings),
        health_checks=checks,
    )


def _options(settings: Settings) -> HttpOptions:
    return HttpOptions(
        body_limit=int(settings.body_mb * 1024 * 1024),
        body_timeout=settings.body_seconds,
        most_requests=settings.requests,
        endpoint_host=settings.endpoint_host.lower() if settings.endpoint_host else None,
        cors_origins=settings.origins(),
    )


def _size(found: CodeWithProtection) -> int:
    return 512 + len(found.code.source)
