"""`/permission`: the one role that a user has in a project."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from codeactions.domain.page import Page
from codeactions.domain.permission import Permission, PermissionChange, PermissionDraft
from codeactions.http.authentication import Authenticated
from codeactions.http.dependencies import Permissions
from codeactions.http.fields import fields_of
from codeactions.http.parameters import Id, PageNumber, ProjectUuid
from codeactions.http.response_models import PageModel, PermissionModel, errors

router = APIRouter(tags=["permissions"])

_draft = fields_of(PermissionDraft, parameters=("project_uuid", "email", "role"))
_change = fields_of(PermissionChange, parameters=("role",))


@router.post(
    "/permission",
    summary="Give a user a role",
    status_code=201,
    response_model=PermissionModel,
    responses=errors(403, 404, 409, 413),
    openapi_extra=_draft.openapi,
)
async def create_permission(
    caller: Authenticated, permissions: Permissions, draft: Annotated[PermissionDraft, Depends(_draft)]
) -> Permission:
    """Give a user a role in a project. The project's authorizations follow."""
    return await permissions.create(caller, draft)


@router.get(
    "/permission",
    summary="List the permissions of a project",
    response_model=PageModel[PermissionModel],
    responses=errors(),
)
async def list_permissions(
    caller: Authenticated,
    permissions: Permissions,
    project_uuid: ProjectUuid,
    page: PageNumber = 1,
) -> Page[Permission]:
    """List the permissions of a project, by address; 20 a page."""
    return await permissions.page(caller, project_uuid, page)


@router.get(
    "/permission/{permission_id}", summary="Read a permission", response_model=PermissionModel, responses=errors(404)
)
async def read_permission(caller: Authenticated, permissions: Permissions, permission_id: Id) -> Permission:
    """Read a permission."""
    return await permissions.get(caller, permission_id)


@router.patch(
    "/permission/{permission_id}",
    summary="Change a user's role",
    response_model=PermissionModel,
    responses=errors(403, 404, 413),
    openapi_extra=_change.openapi,
)
async def change_permission(
    caller: Authenticated,
    permissions: Permissions,
    permission_id: Id,
    change: Annotated[PermissionChange, Depends(_change)],
) -> Permission:
    """Change a user's role. The project's authorizations follow."""
    return await permissions.update(caller, permission_id, change)


@router.delete(
    "/permission/{permission_id}", summary="Take a user's role away", status_code=204, responses=errors(403, 404)
)
async def delete_permission(caller: Authenticated, permissions: Permissions, permission_id: Id) -> Response:
    """Take a user's role away. The project's authorizations follow."""
    await permissions.delete(caller, permission_id)
    return Response(status_code=204)
