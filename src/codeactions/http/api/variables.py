"""`/variable`: values that codes are given and that the members of the project can read."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from codeactions.domain.page import Page
from codeactions.domain.project_value import ProjectValue, ValueChange, ValueDraft
from codeactions.http.authentication import Authenticated
from codeactions.http.dependencies import Variables
from codeactions.http.fields import fields_of
from codeactions.http.parameters import Id, PageNumber, ProjectUuid
from codeactions.http.response_models import PageModel, errors
from codeactions.http.value_models import VariableModel

router = APIRouter(tags=["variables"])

_draft = fields_of(ValueDraft, parameters=("project_uuid", "name", "value"))
_change = fields_of(ValueChange, parameters=("value",))


@router.post(
    "/variable",
    summary="Make a variable",
    status_code=201,
    response_model=VariableModel,
    responses=errors(403, 404, 409, 413),
    openapi_extra=_draft.openapi,
)
async def create_variable(
    caller: Authenticated, variables: Variables, draft: Annotated[ValueDraft, Depends(_draft)]
) -> ProjectValue:
    """Make a variable of a project. Runs that begin from now on are given it."""
    return await variables.create(caller, draft)


@router.get(
    "/variable", summary="List the variables of a project", response_model=PageModel[VariableModel], responses=errors()
)
async def list_variables(
    caller: Authenticated, variables: Variables, project_uuid: ProjectUuid, page: PageNumber = 1
) -> Page[ProjectValue]:
    """List the variables of a project with their values, by name; 20 a page."""
    return await variables.page(caller, project_uuid, page)


@router.get("/variable/{variable_id}", summary="Read a variable", response_model=VariableModel, responses=errors(404))
async def read_variable(caller: Authenticated, variables: Variables, variable_id: Id) -> ProjectValue:
    """Read a variable."""
    return await variables.get(caller, variable_id)


@router.patch(
    "/variable/{variable_id}",
    summary="Change a variable",
    response_model=VariableModel,
    responses=errors(403, 404, 409, 413),
    openapi_extra=_change.openapi,
)
async def change_variable(
    caller: Authenticated,
    variables: Variables,
    variable_id: Id,
    change: Annotated[ValueChange, Depends(_change)],
) -> ProjectValue:
    """Change the value, the codes that get it, or both. Runs that begin from now on are given the new one."""
    return await variables.update(caller, variable_id, change)


@router.delete("/variable/{variable_id}", summary="Delete a variable", status_code=204, responses=errors(403, 404))
async def delete_variable(caller: Authenticated, variables: Variables, variable_id: Id) -> Response:
    """Delete a variable. Runs that begin from now on are not given it."""
    await variables.delete(caller, variable_id)
    return Response(status_code=204)
