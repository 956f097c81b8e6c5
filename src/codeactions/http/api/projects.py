"""`/project`: projects, and who is in them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from codeactions.http.authentication import Authenticated
from codeactions.http.context import Services
from codeactions.http.parameters import PageNumber
from codeactions.http.request_schemas import ROLE, TEXT, json_body
from codeactions.http.requests import read_fields
from codeactions.http.response_models import PageShape, ProjectShape, errors, page_object

router = APIRouter(tags=["projects"])

_Name = Annotated[str | None, Query(max_length=255)]
_Uuid = Annotated[str, Path(min_length=1, max_length=255, description="The project's `uuid`, as codes name it")]
_WHAT = "a project's fields"
_AUTHORIZATIONS = {
    "type": "array",
    "description": "Everybody who is to have a role, in place of whoever had",
    "items": {
        "type": "object",
        "required": ["email", "role"],
        "properties": {"email": {"type": "string"}, "role": ROLE},
    },
}


@router.post(
    "/project",
    status_code=201,
    response_model=ProjectShape,
    responses=errors(403, 409, 413),
    openapi_extra=json_body(uuid=TEXT, name=TEXT, authorizations=_AUTHORIZATIONS),
)
async def create_project(request: Request, caller: Authenticated, name: _Name = None, uuid: _Name = None) -> Any:
    """Make a project, with who is in it. For the administrator and internal services; without `uuid` it gets one."""
    services: Services = request.app.state.services
    fields = await read_fields(request, services.body_timeout, _WHAT, name=name, uuid=uuid)
    return await services.projects.create(caller, fields)


@router.get("/project", response_model=PageShape[ProjectShape], responses=errors())
async def list_projects(request: Request, caller: Authenticated, page: PageNumber = 1) -> Any:
    """The projects you have a role in, oldest first; 20 a page."""
    services: Services = request.app.state.services
    found = await services.projects.page(caller, page)
    return page_object(found, found.data)


@router.get("/project/{uuid}", response_model=ProjectShape, responses=errors(404))
async def read_project(request: Request, caller: Authenticated, uuid: _Uuid) -> Any:
    """Read a project."""
    services: Services = request.app.state.services
    return await services.projects.get(caller, uuid)


@router.patch(
    "/project/{uuid}",
    response_model=ProjectShape,
    responses=errors(403, 404, 413),
    openapi_extra=json_body(name=TEXT, authorizations=_AUTHORIZATIONS),
)
async def change_project(request: Request, caller: Authenticated, uuid: _Uuid, name: _Name = None) -> Any:
    """Change the name, who is in it, or both. The permissions follow."""
    services: Services = request.app.state.services
    fields = await read_fields(request, services.body_timeout, _WHAT, name=name)
    return await services.projects.update(caller, uuid, fields)


@router.delete("/project/{uuid}", status_code=204, responses=errors(403, 404, 409))
async def delete_project(request: Request, caller: Authenticated, uuid: _Uuid) -> Response:
    """Delete a project without codes: its permissions go, its tokens are revoked."""
    services: Services = request.app.state.services
    await services.projects.delete(caller, uuid)
    return Response(status_code=204)
