"""`/permission`: the one role that a user has in a project."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from codeactions.http.authentication import Authenticated
from codeactions.http.context import Services
from codeactions.http.parameters import Id, PageNumber
from codeactions.http.request_schemas import ROLE, TEXT, json_body
from codeactions.http.requests import read_fields
from codeactions.http.response_models import PageShape, PermissionShape, errors, page_object

router = APIRouter(tags=["permissions"])

_Text = Annotated[str | None, Query(max_length=255)]
_Role = Annotated[int | None, Query(ge=1, le=3, description="1 viewer, 2 contributor, 3 moderator")]
_WHAT = "a permission's fields"


@router.post(
    "/permission",
    status_code=201,
    response_model=PermissionShape,
    responses=errors(403, 404, 409, 413),
    openapi_extra=json_body(project_uuid=TEXT, email=TEXT, role=ROLE),
)
async def create_permission(
    request: Request,
    caller: Authenticated,
    project_uuid: _Text = None,
    email: _Text = None,
    role: _Role = None,
) -> Any:
    """Give a user a role in a project. The project's authorizations follow."""
    services: Services = request.app.state.services
    given = {"project_uuid": project_uuid, "email": email, "role": role}
    return await services.permissions.create(caller, await read_fields(request, services.body_timeout, _WHAT, **given))


@router.get("/permission", response_model=PageShape[PermissionShape], responses=errors())
async def list_permissions(
    request: Request,
    caller: Authenticated,
    project_uuid: Annotated[str, Query(min_length=1, max_length=255)],
    page: PageNumber = 1,
) -> Any:
    """The permissions of a project, by address; 20 a page."""
    services: Services = request.app.state.services
    found = await services.permissions.page(caller, project_uuid, page)
    return page_object(found, found.data)


@router.get("/permission/{permission_id}", response_model=PermissionShape, responses=errors(404))
async def read_permission(request: Request, caller: Authenticated, permission_id: Id) -> Any:
    """Read a permission."""
    services: Services = request.app.state.services
    return await services.permissions.get(caller, permission_id)


@router.patch(
    "/permission/{permission_id}",
    response_model=PermissionShape,
    responses=errors(403, 404, 413),
    openapi_extra=json_body(role=ROLE),
)
async def change_permission(request: Request, caller: Authenticated, permission_id: Id, role: _Role = None) -> Any:
    """Change a user's role."""
    services: Services = request.app.state.services
    fields = await read_fields(request, services.body_timeout, _WHAT, role=role)
    return await services.permissions.update(caller, permission_id, fields)


@router.delete("/permission/{permission_id}", status_code=204, responses=errors(403, 404))
async def delete_permission(request: Request, caller: Authenticated, permission_id: Id) -> Response:
    """Take a user's role away."""
    services: Services = request.app.state.services
    await services.permissions.delete(caller, permission_id)
    return Response(status_code=204)
