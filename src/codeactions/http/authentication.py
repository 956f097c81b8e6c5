"""Who is calling: found out once a request, before the route's own work."""

import ipaddress
from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from codeactions.domain.caller import Caller, CallerKind
from codeactions.domain.errors import Error, ErrorCode
from codeactions.http.context import Services
from codeactions.limits.rate_limiter import Quota

# Only for the OpenAPI document; the header is read here, since it may hold the token in other ways too.
scheme = HTTPBearer(auto_error=False, description="The administrator's token, an API token, or an identity token")
# The place in a request's scope for what is left of its caller's calls; the answer tells (front.py).
QUOTA = "codeactions.quota"


def address_of(request: Request) -> str:
    """Where a request comes from; through a trusted proxy, where that says (cli/serve.py)."""
    return request.client.host if request.client else ""


async def take_from(services: Services, request: Request, *, code: str | None, caller: str | None) -> None:
    """Count a call. Raises `Error` (rate_limited) when there were too many."""
    quota = await services.limiter.take(code=code, caller=caller)
    before = quota_of(request.scope)
    if quota is not None and (before is None or quota.remaining < before.remaining):
        request.scope[QUOTA] = quota


def network_of(address: str) -> str:
    """What calls from an address are counted for: with IPv6 its /64, all of which one machine may have."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address) or parsed.ipv4_mapped:
        return address
    return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))


def refuse_forged(request: Request) -> None:
    """Refuse credentials that a browser sent by itself, because /docs had asked for them, for another site's page.

    Raises `Error` (unauthorized). Browsers say where a request comes from in Sec-Fetch-Site, over plain HTTP only in
    Origin, which they leave out of what reads.
    """
    headers = request.headers
    if not headers.get("authorization", "").lstrip().lower().startswith("basic"):
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        forged = site not in ("same-origin", "none")
    else:
        forged = origin is not None and origin.partition("://")[2] != headers.get("host")
    if forged:
        raise Error(ErrorCode.UNAUTHORIZED, "another site's page cannot use the credentials that your browser keeps")


async def recognise(request: Request) -> Caller:
    """Who calls; not counted yet, unless it is nobody known. Raises `Error` (unauthorized, rate_limited, busy)."""
    services: Services = request.app.state.services
    address = address_of(request)
    refuse_forged(request)
    try:
        return await services.identities.identify(request.headers.get("authorization", ""), address)
    except Error as error:
        if error.code is ErrorCode.UNAUTHORIZED:  # whoever guesses is slowed down
            await take_from(services, request, code=None, caller=network_of(address))
        raise


async def count(services: Services, request: Request, caller: Caller, *, code: str | None = None) -> None:
    """Count a caller's call, and that it is of a code. Raises `Error` (rate_limited)."""
    if caller.kind is not CallerKind.ADMINISTRATOR:
        await take_from(services, request, code=code, caller=caller.counted_as)


async def identify(request: Request) -> Caller:
    """Dependency of every route that is not public: who calls. Raises `Error` (unauthorized, rate_limited, busy)."""
    caller = await recognise(request)
    await count(request.app.state.services, request, caller)
    return caller


Authenticated = Annotated[Caller, Depends(identify)]
Recognised = Annotated[Caller, Depends(recognise)]  # for a route that counts by itself


def quota_of(scope: Mapping[str, object]) -> Quota | None:
    """What `take_from` left."""
    found = scope.get(QUOTA)
    return found if isinstance(found, Quota) else None
