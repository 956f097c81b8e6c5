"""`/secret`: values that codes are given and that are never shown again."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from codeactions.domain.page import Page
from codeactions.domain.project_value import ProjectValue, ValueChange, ValueDraft
from codeactions.http.authentication import Authenticated
from codeactions.http.dependencies import Secrets
from codeactions.http.fields import fields_of
from codeactions.http.parameters import Id, PageNumber, ProjectUuid
from codeactions.http.response_models import PageModel, errors
from codeactions.http.value_models import SecretModel

router = APIRouter(tags=["secrets"])

# The value is no query parameter: addresses are written into the logs of proxies.
_draft = fields_of(ValueDraft, parameters=("project_uuid", "name"))
_change = fields_of(ValueChange)


@router.post(
    "/secret",
    summary="Make a secret",
    status_code=201,
    response_model=SecretModel,
    responses=errors(403, 404, 409, 413),
    openapi_extra=_draft.openapi,
)
async def create_secret(
    caller: Authenticated, secrets: Secrets, draft: Annotated[ValueDraft, Depends(_draft)]
) -> ProjectValue:
    """Make a secret of a project. Runs that begin from now on are given it."""
    return await secrets.create(caller, draft)


@router.get(
    "/secret", summary="List the secrets of a project", response_model=PageModel[SecretModel], responses=errors()
)
async def list_secrets(
    caller: Authenticated, secrets: Secrets, project_uuid: ProjectUuid, page: PageNumber = 1
) -> Page[ProjectValue]:
    """List the secrets of a project, by name; 20 a page. Values are never shown."""
    return await secrets.page(caller, project_uuid, page)


@router.get("/secret/{secret_id}", summary="Read a secret", response_model=SecretModel, responses=errors(404))
async def read_secret(caller: Authenticated, secrets: Secrets, secret_id: Id) -> ProjectValue:
    """Read a secret: everything but its value, which is never shown."""
    return await secrets.get(caller, secret_id)


@router.patch(
    "/secret/{secret_id}",
    summary="Change a secret",
    response_model=SecretModel,
    responses=errors(403, 404, 409, 413),
    openapi_extra=_change.openapi,
)
async def change_secret(
    caller: Authenticated,
    secrets: Secrets,
    secret_id: Id,
    change: Annotated[ValueChange, Depends(_change)],
) -> ProjectValue:
    """Change the value, the codes that get it, or both. Runs that begin from now on are given the new one."""
    return await secrets.update(caller, secret_id, change)


@router.delete("/secret/{secret_id}", summary="Delete a secret", status_code=204, responses=errors(403, 404))
async def delete_secret(caller: Authenticated, secrets: Secrets, secret_id: Id) -> Response:
    """Delete a secret. Runs that begin from now on are not given it."""
    await secrets.delete(caller, secret_id)
    return Response(status_code=204)
