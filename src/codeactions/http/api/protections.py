"""`/code/{id}/protection`: who may call an endpoint."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from codeactions.domain.protection import LEAST_SECRET, Protection
from codeactions.http.authentication import Authenticated
from codeactions.http.context import Services
from codeactions.http.parameters import Id
from codeactions.http.request_schemas import TEXT, json_body
from codeactions.http.requests import read_fields
from codeactions.http.response_models import ProtectionMade, ProtectionShape, errors

router = APIRouter(tags=["protections"])

_SECRET = {"type": "string", "minLength": LEAST_SECRET, "maxLength": 1024}
_BODY = json_body(
    "kind",
    kind={"type": "string", "enum": ["token", "basic", "hmac"]},
    username=TEXT | {"description": "basic"},
    password=_SECRET | {"description": "basic"},
    secret=_SECRET | {"description": "hmac: what both sides know; made and shown once when absent"},
    header=TEXT | {"description": "hmac: where the signature is; X-Signature-256 when absent"},
)


@router.get("/code/{code_id}/protection", response_model=ProtectionShape, responses=errors(404))
async def read_protection(request: Request, caller: Authenticated, code_id: Id) -> Any:
    """How an endpoint is protected; 404 when it is public."""
    services: Services = request.app.state.services
    return _shown(await services.protections.get(caller, code_id))


@router.put(
    "/code/{code_id}/protection",
    response_model=ProtectionMade,
    response_model_exclude_none=True,
    responses=errors(403, 404, 409, 413),
    openapi_extra=_BODY,
)
async def put_protection(request: Request, caller: Authenticated, code_id: Id) -> Any:
    """Protect an endpoint, in place of what protected it."""
    services: Services = request.app.state.services
    fields = await read_fields(request, services.body_timeout, "a protection's fields")
    protection, secret = await services.protections.put(caller, code_id, fields)
    return {**_shown(protection), "secret": secret}


@router.delete("/code/{code_id}/protection", status_code=204, responses=errors(403, 404))
async def delete_protection(request: Request, caller: Authenticated, code_id: Id) -> Response:
    """Make an endpoint public again."""
    services: Services = request.app.state.services
    await services.protections.delete(caller, code_id)
    return Response(status_code=204)


def _shown(protection: Protection) -> dict[str, Any]:
    return {
        "code_id": protection.code_id,
        "kind": protection.kind,
        "username": protection.username,
        "header": protection.header,
        "created_at": protection.created_at,
        "updated_at": protection.updated_at,
    }
