"""`/token`: API tokens, for users and of projects."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from codeactions.domain.page import Page
from codeactions.domain.token import ApiToken, TokenDraft
from codeactions.http.authentication import Authenticated
from codeactions.http.dependencies import Tokens
from codeactions.http.fields import fields_of
from codeactions.http.parameters import Filter, Id, PageNumber
from codeactions.http.response_models import NewTokenModel, PageModel, TokenModel, errors

router = APIRouter(tags=["tokens"])

_draft = fields_of(TokenDraft)


@router.post(
    "/token",
    summary="Make an API token",
    status_code=201,
    responses=errors(403, 404, 413),
    openapi_extra=_draft.openapi,
)
async def create_token(
    caller: Authenticated, tokens: Tokens, draft: Annotated[TokenDraft, Depends(_draft)]
) -> NewTokenModel:
    """Make a token. `token` in the answer is the only time that it is shown."""
    token, secret = await tokens.create(caller, draft)
    return NewTokenModel(**asdict(token), token=secret)


@router.get("/token", summary="List API tokens", response_model=PageModel[TokenModel], responses=errors(403, 404))
async def list_tokens(
    caller: Authenticated,
    tokens: Tokens,
    email: Filter = None,
    project_uuid: Filter = None,
    page: PageNumber = 1,
) -> Page[ApiToken]:
    """List tokens, newest first: of a project, of a user; without either your own, for the administrator all."""
    return await tokens.page(caller, email=email, project_uuid=project_uuid, page=page)


@router.get("/token/{token_id}", summary="Read an API token", response_model=TokenModel, responses=errors(403, 404))
async def read_token(caller: Authenticated, tokens: Tokens, token_id: Id) -> ApiToken:
    """Read a token: everything but the token itself."""
    return await tokens.get(caller, token_id)


@router.delete("/token/{token_id}", summary="Revoke an API token", status_code=204, responses=errors(403, 404, 409))
async def revoke_token(caller: Authenticated, tokens: Tokens, token_id: Id) -> Response:
    """Revoke a token: it is refused from now on, and stays in the list."""
    await tokens.revoke(caller, token_id)
    return Response(status_code=204)
