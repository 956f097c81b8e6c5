"""Dependencies that a route may name in its signature, such as `codes: Codes`."""

# Each is `async`, though none waits: FastAPI runs others in threads, which costs more than they do.

from typing import Annotated

from fastapi import Depends, Request

from codeactions.http.context import ApiContext, HttpOptions
from codeactions.http.rate_limit_headers import meter_in
from codeactions.limits.call_meter import CallMeter
from codeactions.services.audit import AuditService
from codeactions.services.codes import CodeService
from codeactions.services.permissions import PermissionService
from codeactions.services.project_values import ProjectValueService
from codeactions.services.projects import ProjectService
from codeactions.services.protections import ProtectionService
from codeactions.services.runs import RunService
from codeactions.services.tokens import TokenService
from codeactions.services.trials import TrialService
from codeactions.services.versions import VersionService


async def _context(request: Request) -> ApiContext:
    context: ApiContext = request.app.state.context
    return context


Context = Annotated[ApiContext, Depends(_context)]


async def _options(context: Context) -> HttpOptions:
    return context.options


async def _meter(request: Request) -> CallMeter:
    return meter_in(request.scope)


async def _audit(context: Context) -> AuditService:
    return context.services.audit


async def _codes(context: Context) -> CodeService:
    return context.services.codes


async def _permissions(context: Context) -> PermissionService:
    return context.services.permissions


async def _projects(context: Context) -> ProjectService:
    return context.services.projects


async def _protections(context: Context) -> ProtectionService:
    return context.services.protections


async def _runs(context: Context) -> RunService:
    return context.services.runs


async def _secrets(context: Context) -> ProjectValueService:
    return context.services.secrets


async def _tokens(context: Context) -> TokenService:
    return context.services.tokens


async def _trials(context: Context) -> TrialService:
    return context.services.trials


async def _versions(context: Context) -> VersionService:
    return context.services.versions


async def _variables(context: Context) -> ProjectValueService:
    return context.services.variables


Options = Annotated[HttpOptions, Depends(_options)]
Meter = Annotated[CallMeter, Depends(_meter)]
Audit = Annotated[AuditService, Depends(_audit)]
Codes = Annotated[CodeService, Depends(_codes)]
Permissions = Annotated[PermissionService, Depends(_permissions)]
Projects = Annotated[ProjectService, Depends(_projects)]
Protections = Annotated[ProtectionService, Depends(_protections)]
Runs = Annotated[RunService, Depends(_runs)]
Secrets = Annotated[ProjectValueService, Depends(_secrets)]
Tokens = Annotated[TokenService, Depends(_tokens)]
Trials = Annotated[TrialService, Depends(_trials)]
Versions = Annotated[VersionService, Depends(_versions)]
Variables = Annotated[ProjectValueService, Depends(_variables)]
