"""`/token`: API tokens, for users and of projects."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from codeactions.http.authentication import Authenticated
from codeactions.http.context import Services
from codeactions.http.parameters import Id, PageNumber
from codeactions.http.request_schemas import ROLE, TEXT, json_body
from codeactions.http.requests import read_fields
from codeactions.http.response_models import PageShape, TokenMade, TokenShape, errors, page_object

router = APIRouter(tags=["tokens"])

_Text = Annotated[str | None, Query(min_length=1, max_length=255)]
_BODY = json_body(
    "name",
    name=TEXT,
    email=TEXT | {"description": "Whom it stands for; without this and project_uuid: you"},
    project_uuid=TEXT | {"description": "The project whose it is, in place of email"},
    role=ROLE,
    expires_in_days={"type": "integer", "minimum": 1},
    expires_at={"type": "string", "format": "date-time"},
)


@router.post("/token", status_code=201, response_model=TokenMade, responses=errors(403, 404, 413), openapi_extra=_BODY)
async def create_token(request: Request, caller: Authenticated) -> Any:
    """Make a token. `token` in the answer is the only time that it is shown."""
    services: Services = request.app.state.services
    fields = await read_fields(request, services.body_timeout, "a token's fields")
    token, secret = await services.tokens.create(caller, fields)
    return {**asdict(token), "token": secret}


@router.get("/token", response_model=PageShape[TokenShape], responses=errors(403, 404))
async def list_tokens(
    request: Request,
    caller: Authenticated,
    email: _Text = None,
    project_uuid: _Text = None,
    page: PageNumber = 1,
) -> Any:
    """Tokens, newest first: of a project, of a user; without either your own, for the administrator all."""
    services: Services = request.app.state.services
    found = await services.tokens.page(caller, email=email, project_uuid=project_uuid, page=page)
    return page_object(found, found.data)


@router.get("/token/{token_id}", response_model=TokenShape, responses=errors(403, 404))
async def read_token(request: Request, caller: Authenticated, token_id: Id) -> Any:
    """Read a token: everything but the token itself."""
    services: Services = request.app.state.services
    return await services.tokens.get(caller, token_id)


@router.delete("/token/{token_id}", status_code=204, responses=errors(403, 404, 409))
async def revoke_token(request: Request, caller: Authenticated, token_id: Id) -> Response:
    """Revoke a token: it counts no more from now on, and stays in the list."""
    services: Services = request.app.state.services
    await services.tokens.revoke(caller, token_id)
    return Response(status_code=204)
