"""API tokens: made, listed and revoked by those who may."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from codeactions.domain.access import Action, forbidden, require, require_token_maker
from codeactions.domain.audit import Deed, Thing
from codeactions.domain.caller import Caller
from codeactions.domain.errors import Error, ErrorCode, not_found
from codeactions.domain.page import Page
from codeactions.domain.token import ApiToken, make_secret, new_token
from codeactions.postgres.projects import ProjectStore
from codeactions.postgres.projects import missing as missing_project
from codeactions.postgres.tokens import TokenStore, missing
from codeactions.services.audited import AuditedDatabase


class TokenService:
    """Every method raises `Error` (not_found, forbidden) to who may not.

    forget: lets go of what is kept in memory of a token, by its digest. make_secret: a new token's text.
    """

    def __init__(
        self,
        desk: AuditedDatabase,
        forget: Callable[[bytes], None] = lambda digest: None,
        *,
        make_secret: Callable[[], str] = make_secret,
    ) -> None:
        self._desk = desk
        self._store = TokenStore(desk.database)
        self._forget = forget
        self._make_secret = make_secret

    async def create(self, caller: Caller, fields: Mapping[str, Any]) -> tuple[ApiToken, str]:
        """Make a token: for oneself without `email` and `project_uuid`. With its text, which nobody sees again.

        Raises `Error` (invalid, not_found).
        """
        if fields.get("email") is None and fields.get("project_uuid") is None and caller.email is not None:
            fields = {**fields, "email": caller.email}
        secret = self._make_secret()
        token = new_token(fields, secret, id=self._desk.new_id(), created_by=caller.name, now=self._desk.now())
        self._require(caller, token, missing_project(token.project_uuid or ""))
        async with self._desk.change(caller) as change:
            if token.project_uuid is not None:
                projects = ProjectStore(change)
                await projects.lock()  # one that is just being deleted takes its tokens along, and must find this one
                await projects.get(token.project_uuid)
            await TokenStore(change).create(token)
            await change.note(Deed.CREATE, Thing.TOKEN, token.id, token.project_uuid, **_shown(token))
        self._forget(token.sha256)
        return token, secret

    async def page(self, caller: Caller, *, email: str | None, project_uuid: str | None, page: int) -> Page[ApiToken]:
        """Tokens, newest first: of a project, of a user; without either one's own, or to the administrator all."""
        if email is None and project_uuid is None and not caller.everywhere:
            if caller.email is None:
                raise forbidden("your identity has no address, and so no tokens")
            email = caller.email
        if project_uuid is not None:
            require(caller, Action.MANAGE, project_uuid, missing_project(project_uuid))
        require_token_maker(caller, email)
        return await self._store.page(email=email, project_uuid=project_uuid, page=page)

    async def get(self, caller: Caller, token_id: UUID) -> ApiToken:
        """Read a token, without its text."""
        return await self._get(caller, token_id)

    async def revoke(self, caller: Caller, token_id: UUID) -> None:
        """Let a token count no more, from now on. Raises `Error` (conflict) when it does not already."""
        token = await self._get(caller, token_id)
        async with self._desk.change(caller) as change:
            if not await TokenStore(change).revoke(token_id, self._desk.now()):
                raise Error(ErrorCode.CONFLICT, f"token {token_id} is revoked already")
            await change.note(Deed.REVOKE, Thing.TOKEN, token_id, token.project_uuid, **_shown(token))
        self._forget(token.sha256)

    async def _get(self, caller: Caller, token_id: UUID) -> ApiToken:
        token = await self._store.get(token_id)
        if token.email is not None and not caller.everywhere and token.email != (caller.email or "").lower():
            raise not_found(missing(token_id))
        self._require(caller, token, missing(token_id))
        return token

    @staticmethod
    def _require(caller: Caller, token: ApiToken, told: str) -> None:
        if token.project_uuid is not None:  # first, or a token would learn that there is such a project
            require(caller, Action.MANAGE, token.project_uuid, told)
        require_token_maker(caller, token.email)


def _shown(token: ApiToken) -> dict[str, Any]:
    expires = token.expires_at.isoformat() if token.expires_at else None
    return {"name": token.name, "email": token.email, "role": token.role, "expires_at": expires}
