"""Recognition of callers: once a request, before the route's own work."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from codeactions.domain.caller import Caller
from codeactions.domain.errors import Error, ErrorCode
from codeactions.http.dependencies import Context, Meter
from codeactions.identity.cross_site import refuse_cross_site_credentials
from codeactions.limits.networks import network_of

# Only for the OpenAPI document; the header is read here, since it may hold the token in other ways too.
scheme = HTTPBearer(auto_error=False, description="The administrator's token, an API token, or an identity token")


def address_of(request: Request) -> str:
    """Return where a request comes from; through a trusted proxy, where the proxy says (cli/serve.py)."""
    return request.client.host if request.client else ""


async def recognise(request: Request, context: Context, meter: Meter) -> Caller:
    """Return the caller. A request of an unknown one is counted; one of a known caller is not yet.

    Raises `Error` (unauthorized, rate_limited, busy).
    """
    address = address_of(request)
    refuse_cross_site_credentials(request.headers)
    try:
        return await context.identities.identify(request.headers.get("authorization", ""), address)
    except Error as error:
        if error.code is ErrorCode.UNAUTHORIZED:  # guessing is slowed down
            await meter.take(caller=network_of(address))
        raise


Recognised = Annotated[Caller, Depends(recognise)]  # for a route that counts by itself


async def identify(caller: Recognised, meter: Meter) -> Caller:
    """Return the caller, with the request counted. The dependency of every route that is not public.

    Raises `Error` (unauthorized, rate_limited, busy).
    """
    await meter.take_for(caller)
    return caller


Authenticated = Annotated[Caller, Depends(identify)]
