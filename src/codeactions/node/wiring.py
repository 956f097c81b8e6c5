"""The services of a node, built from its settings and the parts that run already."""

import contextlib
import dataclasses

from codeactions.domain.errors import Error
from codeactions.domain.project_value import ValueKind
from codeactions.events.config import EventsConfig
from codeactions.execution.builds import Builds
from codeactions.execution.recorded_runs import RecordedRuns
from codeactions.http.context import ApiContext, HealthCheck, HealthChecks, HttpOptions, Services
from codeactions.http.metrics import Metrics
from codeactions.identity.cipher import Cipher, Keys
from codeactions.identity.identities import Identities
from codeactions.identity.passwords import PasswordCheck
from codeactions.identity.usage import TokenUsage
from codeactions.limits.rate_limiter import RateLimiter
from codeactions.node.settings import Settings, variable
from codeactions.postgres.cache import Cache
from codeactions.postgres.codecache import CodeCache
from codeactions.postgres.codelogs import LogStore
from codeactions.postgres.coderuns import RunStore
from codeactions.postgres.codes import CodeStore
from codeactions.postgres.database import Database
from codeactions.postgres.listener import CODES, PERMISSIONS, TOKENS, VALUES, NotificationListener, Subscriber
from codeactions.postgres.oldids import OldIds
from codeactions.postgres.permissions import PermissionStore
from codeactions.postgres.tokens import TokenStore
from codeactions.services.audit import AuditService
from codeactions.services.audited import AuditedDatabase
from codeactions.services.codes import CodeService
from codeactions.services.endpoints import EndpointService
from codeactions.services.permissions import PermissionService
from codeactions.services.project_values import ProjectValueService
from codeactions.services.projects import ProjectService
from codeactions.services.protections import ProtectionService
from codeactions.services.run_values import RunValuesCache
from codeactions.services.runs import RunService
from codeactions.services.tokens import TokenService
from codeactions.services.trials import TrialService
from codeactions.services.versions import VersionService

_CODE_CACHE_BYTES = 64 * 1024 * 1024  # of sources, with 512 for each code
_ROLE_CACHE_ROLES = 100_000  # with one for each user
_TOKEN_CACHE_TOKENS = 10_000


@dataclasses.dataclass(frozen=True, slots=True)
class ServerSecrets:
    """The server's own secrets. token: the administrator's. keys: encrypt stored secrets."""

    token: str
    keys: Keys


@dataclasses.dataclass(frozen=True, slots=True)
class NodeParts:
    """The parts of a node that services build on."""

    database: Database
    recorded: RecordedRuns
    builds: Builds
    metrics: Metrics
    cipher: Cipher
    values: RunValuesCache


async def build_services(
    settings: Settings, parts: NodeParts, secrets: ServerSecrets, stack: contextlib.AsyncExitStack
) -> ApiContext:
    """Build the services and start what they listen to. `stack` gets the callbacks that stop it. Raises `Error`."""
    database, recorded, checks = parts.database, parts.recorded, HealthChecks()
    audited, cipher, ids = AuditedDatabase(database), parts.cipher, OldIds(database)
    values = parts.values.by_project
    checks["secrets"] = cipher.check
    codes = CodeCache(CodeStore(database), bytes_kept=_CODE_CACHE_BYTES)
    roles = Cache(
        PermissionStore(database).roles_of, parse=str, capacity=_ROLE_CACHE_ROLES, size=lambda found: 1 + len(found)
    )
    tokens = Cache(TokenStore(database).by_digest, parse=bytes.fromhex, capacity=_TOKEN_CACHE_TOKENS)
    await _listen(database.url, {CODES: codes, PERMISSIONS: roles, TOKENS: tokens, VALUES: values}, stack)
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
    limiter = _limiter(settings)
    stack.push_async_callback(limiter.close)
    if settings.rate_storage != "memory":
        checks["limits"] = limiter.check
    if events := settings.events():
        checks["events"] = await _consume(events, database, stack)
    rules = settings.role_rules()
    return ApiContext(
        services=Services(
            audit=AuditService(audited),
            codes=CodeService(audited, codes, parts.builds, ids, rules, keep=settings.versions),
            endpoints=EndpointService(recorded, codes, identities, cipher, PasswordCheck(), ids),
            permissions=PermissionService(audited, roles.forget),
            projects=ProjectService(audited, roles.forget),
            protections=ProtectionService(audited, codes, cipher, ids),
            secrets=ProjectValueService(ValueKind.SECRET, audited, cipher, values.forget),
            variables=ProjectValueService(ValueKind.VARIABLE, audited, cipher, values.forget),
            runs=RunService(recorded, codes, identities, RunStore(database), LogStore(database), ids),
            tokens=TokenService(audited, tokens.forget),
            trials=TrialService(audited, recorded, codes, identities, ids, rules),
            versions=VersionService(database, ids),
        ),
        identities=identities,
        limiter=limiter,
        metrics=parts.metrics,
        options=_options(settings),
        health_checks=checks,
    )


async def _listen(url: str, subscribers: dict[str, Subscriber], stack: contextlib.AsyncExitStack) -> None:
    listener = NotificationListener(url)
    for channel, subscriber in subscribers.items():
        listener.subscribe(channel, subscriber)
    stack.push_async_callback(listener.stop)
    await listener.start()


async def _consume(events: EventsConfig, database: Database, stack: contextlib.AsyncExitStack) -> HealthCheck:
    from codeactions.events.consumer import EventsConsumer
    from codeactions.services.membership_sync import MembershipSync

    consumer = EventsConsumer(events, MembershipSync(database))
    stack.push_async_callback(consumer.stop)
    await consumer.start()
    return consumer.check


def _limiter(settings: Settings) -> RateLimiter:
    try:
        return RateLimiter(per_code=settings.rate_code, per_caller=settings.rate_caller, storage=settings.rate_storage)
    except Error as error:
        raise Error(error.code, f"{variable('rate_storage')}: {error.message}") from None


def _options(settings: Settings) -> HttpOptions:
    return HttpOptions(
        body_limit=int(settings.body_mb * 1024 * 1024),
        body_timeout=settings.body_seconds,
        most_requests=settings.requests,
        endpoint_host=settings.endpoint_host.lower() if settings.endpoint_host else None,
        cors_origins=settings.origins(),
        flows_compat=settings.compat is not None,
    )
