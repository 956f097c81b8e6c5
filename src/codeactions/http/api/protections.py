"""`/code/{id}/protection`: how an endpoint authenticates its callers."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from codeactions.domain.protection import Protection
from codeactions.domain.protection_draft import ProtectionDraft, protection_schema, read_protection_draft
from codeactions.http.authentication import Authenticated
from codeactions.http.dependencies import Protections
from codeactions.http.fields import RequestFields
from codeactions.http.parameters import PathId
from codeactions.http.response_models import NewProtectionModel, ProtectionModel, errors

router = APIRouter(tags=["protections"])

_draft = RequestFields(read_protection_draft, protection_schema(), "a protection")


@router.get(
    "/code/{code_id}/protection",
    summary="Read an endpoint's protection",
    response_model=ProtectionModel,
    responses=errors(404),
)
async def read_protection(caller: Authenticated, protections: Protections, code_id: PathId) -> Protection:
    """Read how an endpoint is protected; 404 when it is public."""
    return await protections.get(caller, code_id)


@router.put(
    "/code/{code_id}/protection",
    summary="Protect an endpoint",
    response_model_exclude_none=True,
    responses=errors(403, 404, 409, 413),
    openapi_extra=_draft.openapi,
)
async def put_protection(
    caller: Authenticated,
    protections: Protections,
    code_id: PathId,
    draft: Annotated[ProtectionDraft, Depends(_draft)],
) -> NewProtectionModel:
    """Protect an endpoint, in place of its protection before."""
    protection, secret = await protections.put(caller, code_id, draft)
    # Not from the protection as it stands: its own `secret` is the stored one.
    return NewProtectionModel(**ProtectionModel.model_validate(protection).model_dump(), secret=secret)


@router.delete(
    "/code/{code_id}/protection", summary="Make an endpoint public", status_code=204, responses=errors(403, 404)
)
async def delete_protection(caller: Authenticated, protections: Protections, code_id: PathId) -> Response:
    """Make an endpoint public again."""
    await protections.delete(caller, code_id)
    return Response(status_code=204)
