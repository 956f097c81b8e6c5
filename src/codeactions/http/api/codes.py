"""`/code`: codes are made, read, changed and deleted."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from codeactions.domain.code import SOURCE_LIMIT, TIMEOUT_LEAST, TIMEOUT_MOST, TYPES
from codeactions.domain.errors import invalid
from codeactions.http.authentication import Authenticated
from codeactions.http.context import Services
from codeactions.http.parameters import Id, PageNumber
from codeactions.http.requests import parse_object, read_body
from codeactions.http.response_models import CodeShape, ListedCodeShape, errors
from codeactions.runtimes import registry

router = APIRouter(tags=["codes"])

_Text = Annotated[str | None, Query(max_length=255)]
_Url = Annotated[str | None, Query(max_length=512, description="http:// or https://; kept as a note")]
_Type = Literal["flow", "endpoint"]
if TYPE_CHECKING:
    _Language = str
else:
    _Language = Literal[registry.names()]
_Timeout = Annotated[int | None, Query(ge=TIMEOUT_LEAST, le=TIMEOUT_MOST, description="Seconds")]
_Check = Annotated[bool, Query(description="false saves the source even if its language does not take it")]
# The list is a plain array, as clients know it: what other lists say in their object is said in a header.
_TOTAL = "X-Total-Count"
_PAGE_OF_CODES: dict[str, Any] = {
    "headers": {_TOTAL: {"description": "How many codes there are on all pages", "schema": {"type": "integer"}}}
}
_FIELDS = {
    "name": {"type": "string", "minLength": 1, "maxLength": 255},
    "language": {"type": "string", "enum": list(registry.names())},
    "type": {"type": "string", "enum": list(TYPES)},
    "project_uuid": {"type": "string", "minLength": 1, "maxLength": 255},
    "timeout": {"type": "integer", "minimum": TIMEOUT_LEAST, "maximum": TIMEOUT_MOST},
    "url": {"type": ["string", "null"], "maxLength": 512, "description": "http:// or https://; null takes it away"},
    "source": {"type": "string", "minLength": 1},
}
_BODY = {
    "requestBody": {
        "description": "The source, or a JSON object with the parameters' names and `source`",
        "content": {
            "text/plain": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "object", "properties": _FIELDS, "additionalProperties": False}},
        },
    }
}


@router.post("/code", status_code=201, response_model=CodeShape, responses=errors(403, 404, 413), openapi_extra=_BODY)
async def create_code(
    request: Request,
    caller: Authenticated,
    name: _Text = None,
    language: _Language | None = None,
    type: _Type | None = None,  # noqa: A002 - the parameter's public name
    project_uuid: _Text = None,
    timeout: _Timeout = None,
    url: _Url = None,
    check: _Check = True,
) -> Any:
    """Make a code. The body is its source, or a JSON object that holds everything.

    The source is built first: one that its language does not take is 400 with `error_type`, `line` and `column`.
    """
    services: Services = request.app.state.services
    given = {"name": name, "language": language, "type": type, "project_uuid": project_uuid, "timeout": timeout}
    return await services.codes.create(caller, await _fields(request, services, **given, url=url), check=check)


@router.get(
    "/code",
    response_model=list[ListedCodeShape],
    response_model_exclude_defaults=True,
    responses={200: _PAGE_OF_CODES, **errors()},
)
async def list_codes(
    request: Request,
    response: Response,
    caller: Authenticated,
    project_uuid: Annotated[str, Query(min_length=1, max_length=255)],
    type: _Type | None = None,  # noqa: A002
    page: PageNumber = 1,
) -> Any:
    """The codes of a project, oldest first; 1,000 a page. `X-Total-Count` says how many there are.

    The sources of a page have at most 8 MiB together. If there is more, those over an equal share are cut to their
    first 1,000 characters, and `cut` says so; `/code/{code_id}` has all of a code.
    """
    services: Services = request.app.state.services
    found, total = await services.codes.list(caller, project_uuid, type, page)
    response.headers[_TOTAL] = str(total)
    return found


@router.get("/code/{code_id}", response_model=CodeShape, responses=errors(403, 404))
async def read_code(request: Request, caller: Authenticated, code_id: Id) -> Any:
    """Read a code."""
    services: Services = request.app.state.services
    return await services.codes.get(caller, code_id)


@router.patch("/code/{code_id}", response_model=CodeShape, responses=errors(403, 404, 409, 413), openapi_extra=_BODY)
async def change_code(
    request: Request,
    caller: Authenticated,
    code_id: Id,
    name: _Text = None,
    language: _Language | None = None,
    type: _Type | None = None,  # noqa: A002
    project_uuid: _Text = None,
    timeout: _Timeout = None,
    url: _Url = None,
    check: _Check = True,
) -> Any:
    """Change what is given, and only that. A body, if there is one, is the new source, and is built first."""
    services: Services = request.app.state.services
    given = {"name": name, "language": language, "type": type, "project_uuid": project_uuid, "timeout": timeout}
    fields = await _fields(request, services, **given, url=url)
    return await services.codes.update(caller, code_id, fields, check=check)


@router.delete("/code/{code_id}", status_code=204, responses=errors(403, 404))
async def delete_code(request: Request, caller: Authenticated, code_id: Id) -> Response:
    """Delete a code, with its runs and their logs."""
    services: Services = request.app.state.services
    await services.codes.delete(caller, code_id)
    return Response(status_code=204)


async def _fields(request: Request, services: Services, **given: Any) -> dict[str, Any]:
    """What the body gives, and over it what the query parameters give."""
    fields = await _body_fields(request, services)
    return fields | {name: value for name, value in given.items() if value is not None}


async def _body_fields(request: Request, services: Services) -> dict[str, Any]:
    """The source as it is, or every field by name when the body is JSON."""
    # In JSON a character of source may take six bytes, and the other fields come on top.
    is_json = request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
    limit = 6 * SOURCE_LIMIT + 65536 if is_json else SOURCE_LIMIT
    body = await read_body(request, limit, services.body_timeout, "the source")
    if not body:
        return {}
    if not is_json:
        try:
            return {"source": body.decode("utf-8")}
        except UnicodeDecodeError as error:
            raise invalid(f"the source must be UTF-8; byte {error.start} is not") from None
    return parse_object(body, "a code's fields")
