"""`/docs` and `/openapi.json`. This server itself serves all that a browser needs for them."""

from importlib import resources
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, JSONResponse, Response

from codeactions.domain.errors import Error, ErrorCode, not_found
from codeactions.http.authentication import identify, recognise
from codeactions.http.dependencies import Context, Meter
from codeactions.http.errors import error_answer
from codeactions.http.response_models import ERRORS

router = APIRouter(include_in_schema=False)
_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
_METHODS = ("get", "post", "put", "patch", "delete")
# The paths of endpoints, and what the functions of generated clients are called after.
_ENDPOINTS = {
    "/endpoint/{code_id}": "endpoint",
    "/action/endpoint/{code_id}": "action_endpoint",
    "/endpoint/{project}/{name}": "endpoint_by_name",
}
_PARTS: dict[str, dict[str, Any]] = {
    "code_id": {"type": "string", "format": "uuid"},
    "project": {"type": "string", "minLength": 1, "maxLength": 255},
    "name": {"type": "string", "minLength": 1, "maxLength": 255},
}


async def _challenge(request: Request, context: Context, meter: Meter) -> Response | None:
    """Return the answer to an unknown caller: a browser then asks for a token (as the password, with any name)."""
    try:
        await identify(await recognise(request, context, meter), meter)
        return None
    except Error as error:
        if error.code is not ErrorCode.UNAUTHORIZED:
            raise
    return error_answer(
        Error(ErrorCode.UNAUTHORIZED, "a token is needed; in a browser, give it as the password"),
        headers={"WWW-Authenticate": 'Basic realm="codeactions: any name, the token as password", charset="UTF-8"'},
    )


_Challenge = Annotated[Response | None, Depends(_challenge)]


@router.get("/docs", response_model=None)
async def docs(challenge: _Challenge) -> Response:
    """Show the API's description, to be read and tried."""
    return challenge or HTMLResponse(
        get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="codeactions",
            swagger_js_url="/docs/swagger-ui-bundle.js",
            swagger_css_url="/docs/swagger-ui.css",
            swagger_favicon_url="/docs/favicon.png",
        ).body
    )


@router.get("/docs/{name}", response_model=None)
async def asset(challenge: _Challenge, name: str) -> Response:
    """Return one of the page's scripts and styles."""
    if challenge is not None:
        return challenge
    if name not in _ASSETS:
        raise not_found(f"there is nothing at /docs/{name[:64]}")
    content = resources.files("fastapi_offline").joinpath("static", name).read_bytes()
    return Response(content, media_type=_ASSETS[name], headers={"Cache-Control": "private, max-age=3600"})


@router.get("/openapi.json", response_model=None)
async def openapi(request: Request, challenge: _Challenge) -> Response:
    """Return the OpenAPI document."""
    return challenge or JSONResponse(request.app.openapi())


def describe_endpoints(app: FastAPI) -> None:
    """Add the endpoint routes to the OpenAPI document: they are plain routes, for speed, which it leaves out."""
    generate = app.openapi

    def with_endpoints() -> dict[str, Any]:
        document = generate()
        _without_unused_answers(document)
        for path, name in _ENDPOINTS.items():
            document["paths"].setdefault(path, {method: _operation(path, name, method) for method in _METHODS})
        return document

    app.openapi = with_endpoints  # type: ignore[method-assign]


def _without_unused_answers(document: dict[str, Any]) -> None:
    """Remove the 422 that FastAPI adds to every route with parameters: a wrong request is 400 here (see errors.py)."""
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


def _operation(path: str, name: str, method: str) -> dict[str, Any]:
    failures = {
        str(status): {
            "description": ERRORS[status]["description"],
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorModel"}}},
        }
        for status in (400, 401, 403, 404, 409, 413, 429, 500, 503, 504)
    }
    parts = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    return {
        "tags": ["endpoints"],
        "summary": "Run an endpoint",
        "description": "A further path is allowed. The answer's status, type and headers are the code's own.",
        "operationId": f"{method}_{name}",
        "parameters": [{"name": part, "in": "path", "required": True, "schema": _PARTS[part]} for part in parts],
        "responses": {"default": {"description": "What the code answers"}, **failures},
    }
