"""`/code`: codes are made, read, changed and deleted."""

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from codeactions.domain.code import (
    LANGUAGES,
    SOURCE_LIMIT,
    TIMEOUT_LEAST,
    TIMEOUT_MOST,
    TYPES,
    changed_code,
    new_code,
)
from codeactions.domain.errors import invalid
from codeactions.http.parameters import Id
from codeactions.http.requests import read_body
from codeactions.http.services import Services
from codeactions.http.shapes import CodeShape, errors

router = APIRouter(tags=["codes"])

_Text = Annotated[str | None, Query(max_length=255)]
_Url = Annotated[str | None, Query(max_length=512, description="http:// or https://; kept as a note")]
_Type = Literal["flow", "endpoint"]
_Language = Literal["python", "go", "javascript"]
_Timeout = Annotated[int | None, Query(ge=TIMEOUT_LEAST, le=TIMEOUT_MOST, description="Seconds")]
_FIELDS = {
    "name": {"type": "string", "minLength": 1, "maxLength": 255},
    "language": {"type": "string", "enum": list(LANGUAGES)},
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


@router.post("/code", status_code=201, response_model=CodeShape, responses=errors(413), openapi_extra=_BODY)
async def create_code(
    request: Request,
    name: _Text = None,
    language: _Language | None = None,
    type: _Type | None = None,  # noqa: A002 - the parameter's public name
    project_uuid: _Text = None,
    timeout: _Timeout = None,
    url: _Url = None,
) -> Any:
    """Make a code. The body is its source, or a JSON object that holds everything."""
    services: Services = request.app.state.services
    given = {"name": name, "language": language, "type": type, "project_uuid": project_uuid, "timeout": timeout}
    fields = await _fields(request, services, **given, url=url)
    code = new_code(fields, id=services.new_code_id(), now=services.now())
    await services.codes.create(code)
    return code


@router.get("/code", response_model=list[CodeShape], responses=errors())
async def list_codes(
    request: Request,
    project_uuid: Annotated[str, Query(min_length=1, max_length=255)],
    type: _Type | None = None,  # noqa: A002
) -> Any:
    """The codes of a project, oldest first."""
    services: Services = request.app.state.services
    return await services.codes.list(project_uuid, type)


@router.get("/code/{code_id}", response_model=CodeShape, responses=errors(404))
async def read_code(request: Request, code_id: Id) -> Any:
    """Read a code."""
    services: Services = request.app.state.services
    return await services.codes.get(code_id)


@router.patch("/code/{code_id}", response_model=CodeShape, responses=errors(404, 409, 413), openapi_extra=_BODY)
async def change_code(
    request: Request,
    code_id: Id,
    name: _Text = None,
    language: _Language | None = None,
    type: _Type | None = None,  # noqa: A002
    project_uuid: _Text = None,
    timeout: _Timeout = None,
    url: _Url = None,
) -> Any:
    """Change what is given, and only that. A body, if there is one, is the new source."""
    services: Services = request.app.state.services
    given = {"name": name, "language": language, "type": type, "project_uuid": project_uuid, "timeout": timeout}
    fields = await _fields(request, services, **given, url=url)
    read = await services.codes.get(code_id)
    code = changed_code(read, fields, now=services.now())
    try:
        await services.codes.update(code, read)
    finally:
        services.code_cache.forget(code_id)  # whatever came of it: the answer of the database may have been lost
    return code


@router.delete("/code/{code_id}", status_code=204, responses=errors(404))
async def delete_code(request: Request, code_id: Id) -> Response:
    """Delete a code, with its runs and their logs."""
    services: Services = request.app.state.services
    try:
        await services.codes.delete(code_id)
    finally:
        services.code_cache.forget(code_id)
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
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise invalid("the body says it is JSON but cannot be read as such") from None
    if not isinstance(fields, dict):
        raise invalid("a JSON body must be an object with the names of a code's fields")
    return fields
