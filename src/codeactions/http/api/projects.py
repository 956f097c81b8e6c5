"""`/project`: projects with their users."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from codeactions.domain.page import Page
from codeactions.domain.project import Project, ProjectChange, ProjectDraft
from codeactions.domain.text import SHORT_TEXT
from codeactions.http.authentication import Authenticated
from codeactions.http.dependencies import Projects
from codeactions.http.fields import fields_of
from codeactions.http.parameters import PageNumber
from codeactions.http.response_models import PageModel, ProjectModel, errors

router = APIRouter(tags=["projects"])

_draft = fields_of(ProjectDraft, parameters=("name", "uuid"))
_change = fields_of(ProjectChange, parameters=("name",))
_Uuid = Annotated[str, Path(min_length=1, max_length=SHORT_TEXT, description="The project's `uuid`, as codes name it")]


@router.post(
    "/project",
    summary="Make a project",
    status_code=201,
    response_model=ProjectModel,
    responses=errors(403, 409, 413),
    openapi_extra=_draft.openapi,
)
async def create_project(
    caller: Authenticated, projects: Projects, draft: Annotated[ProjectDraft, Depends(_draft)]
) -> Project:
    """Make a project, with its users. For the administrator and internal services; without `uuid` it gets one."""
    return await projects.create(caller, draft)


@router.get("/project", summary="List projects", response_model=PageModel[ProjectModel], responses=errors())
async def list_projects(caller: Authenticated, projects: Projects, page: PageNumber = 1) -> Page[Project]:
    """List the projects you have a role in, oldest first; 20 a page."""
    return await projects.page(caller, page)


@router.get("/project/{uuid}", summary="Read a project", response_model=ProjectModel, responses=errors(404))
async def read_project(caller: Authenticated, projects: Projects, uuid: _Uuid) -> Project:
    """Read a project."""
    return await projects.get(caller, uuid)


@router.patch(
    "/project/{uuid}",
    summary="Change a project",
    response_model=ProjectModel,
    responses=errors(403, 404, 413),
    openapi_extra=_change.openapi,
)
async def change_project(
    caller: Authenticated, projects: Projects, uuid: _Uuid, change: Annotated[ProjectChange, Depends(_change)]
) -> Project:
    """Change the name, the users with their roles, or both. The permissions follow."""
    return await projects.update(caller, uuid, change)


@router.delete("/project/{uuid}", summary="Delete a project", status_code=204, responses=errors(403, 404, 409))
async def delete_project(caller: Authenticated, projects: Projects, uuid: _Uuid) -> Response:
    """Delete a project without codes: its permissions go, its tokens are revoked."""
    await projects.delete(caller, uuid)
    return Response(status_code=204)
