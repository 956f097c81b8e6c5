"""`/code`: make, read, change and delete codes, by services/codes.py."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BeforeValidator
from starlette.responses import Response

from codeactions.domain.code import Code, CodeChange, CodeDraft, CodeType
from codeactions.domain.errors import invalid
from codeactions.http.authentication import Authenticated
from codeactions.http.dependencies import Codes
from codeactions.http.fields import fields_of
from codeactions.http.parameters import Filter, PageNumber, PathId, ProjectUuid, empty_is_absent
from codeactions.http.response_models import CodeModel, ListedCodeModel, errors
from codeactions.postgres.codes import ListedCode
from codeactions.runtimes import registry

router = APIRouter(tags=["codes"])

_PARAMETERS = (
    *("name", "language", "type", "project_uuid", "timeout", "timezone", "url"),
    *("description", "mask_result", "message"),
)
_RULES = {"language": registry.language_rule()}
_draft = fields_of(CodeDraft, parameters=_PARAMETERS, takes_source=True, rules=_RULES)
_change = fields_of(CodeChange, parameters=_PARAMETERS, takes_source=True, rules=_RULES)
_Draft = Annotated[CodeDraft, Depends(_draft)]
_Change = Annotated[CodeChange, Depends(_change)]
_Check = Annotated[bool, Query(description="false saves the source even if its language does not take it")]
_Type = Annotated[CodeType | None, BeforeValidator(empty_is_absent)]
# Each is at two paths: the Go service has both. The caller's role decides, whatever the path.
_CREATE: dict[str, Any] = {
    "summary": "Make a code",
    "status_code": 201,
    "response_model": CodeModel,
    "responses": errors(403, 404, 413),
    "openapi_extra": _draft.openapi,
}
_CHANGE: dict[str, Any] = {
    "summary": "Change a code",
    "response_model": CodeModel,
    "responses": errors(403, 404, 409, 413),
    "openapi_extra": _change.openapi,
}
# The list is a plain array, as clients know it: what other lists say in their object is said in a header.
_TOTAL = "X-Total-Count"
_PAGE_OF_CODES: dict[str, Any] = {
    "headers": {_TOTAL: {"description": "How many codes there are on all pages", "schema": {"type": "integer"}}}
}


@router.post("/admin/code", **{**_CREATE, "name": "create_code_by_another_path", "deprecated": True})
@router.post("/code", **_CREATE)
async def create_code(caller: Authenticated, codes: Codes, draft: _Draft, check: _Check = True) -> Code:
    """Make a code. The body is its source, or a JSON object that holds everything.

    Languages have other names, too, such as `typescript`; the code is stored with the one that is listed.

    The source is built first: one that its language does not take is 400 with `error_type`, `line` and `column`.
    """
    return await codes.create(caller, draft, check=check)


@router.get(
    "/code",
    summary="List the codes of a project",
    response_model=list[ListedCodeModel],
    response_model_exclude_defaults=True,
    responses={200: _PAGE_OF_CODES, **errors()},
)
async def list_codes(
    response: Response,
    caller: Authenticated,
    codes: Codes,
    project_uuid: ProjectUuid,
    type: _Type = None,  # noqa: A002 - the parameter's public name
    code_type: Annotated[_Type, Query(description="The same as `type`")] = None,
    page: PageNumber = 1,
) -> list[ListedCode]:
    """List the codes of a project, oldest first; 1,000 a page. `X-Total-Count` says how many there are.

    The sources of a page have at most 8 MiB together. If there is more, those over an equal share are cut to their
    first 1,000 characters, and `cut` says so; `/code/{code_id}` has all of a code.
    """
    if type and code_type and type != code_type:
        raise invalid("type and code_type say the same: give one of them")
    found, total = await codes.list(caller, project_uuid, type or code_type, page)
    response.headers[_TOTAL] = str(total)
    return found


@router.get("/code/{code_id}", summary="Read a code", response_model=CodeModel, responses=errors(403, 404))
async def read_code(caller: Authenticated, codes: Codes, code_id: PathId) -> Code:
    """Read a code."""
    return await codes.get(caller, code_id)


@router.patch("/admin/code/{code_id}", **{**_CHANGE, "name": "change_code_by_another_path", "deprecated": True})
@router.patch("/code/{code_id}", **_CHANGE)
async def change_code(
    caller: Authenticated, codes: Codes, code_id: PathId, change: _Change, check: _Check = True
) -> Code:
    """Change what is given, and only that. A body, if there is one, is the new source, and is built first."""
    return await codes.update(caller, code_id, change, check=check)


@router.delete("/code/{code_id}", summary="Delete a code", status_code=204, responses=errors(403, 404))
async def delete_code(
    caller: Authenticated,
    codes: Codes,
    code_id: PathId,
    project_uuid: Annotated[Filter, Query(description="If given, the code must be in this project")] = None,
) -> Response:
    """Delete a code, with its runs and their logs."""
    await codes.delete(caller, code_id, project_uuid)
    return Response(status_code=204)
