"""API tokens: make, list and revoke them, as the caller's role allows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from codeactions.domain.access import Action, forbidden, require, require_everywhere, require_token_maker
from codeactions.domain.audit import AuditAction, AuditThing
from codeactions.domain.caller import Caller
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.moment import text_of
from codeactions.domain.page import Page
from codeactions.domain.project import project_not_found
from codeactions.domain.token import ApiToken, TokenDraft, make_secret, new_token, token_not_found
from codeactions.postgres.projects import ProjectStore
from codeactions.postgres.tokens import TokenStore
from codeactions.services.audited import AuditedDatabase


class TokenService:
    """Every method raises `Error` (not_found, forbidden) if the caller may not do it.

    forget: drops a token from memory, by its digest. make_secret: returns a new token's text.
    """

    def __init__(
        self,
        audited: AuditedDatabase,
        forget: Callable[[bytes], None] = lambda digest: None,
        *,
        make_secret: Callable[[], str] = make_secret,
    ) -> None:
        self._audited = audited
        self._store = TokenStore(audited.database)
        self._forget = forget
        self._make_secret = make_secret

    async def create(self, caller: Caller, draft: TokenDraft) -> tuple[ApiToken, str]:
        """Make a token; without `email` and `project_uuid`, one for the caller. Return it with its text.

        The text is not stored, so that this is the only time it is known.

        Raises `Error` (invalid, not_found).
        """
        if draft.email is None and draft.project_uuid is None and caller.email is not None:
            draft = replace(draft, email=caller.email)
        secret = self._make_secret()
        token = new_token(
            draft,
            secret,
            id=self._audited.new_id(),
            created_by=caller.name,
            now=self._audited.now(),
            latest=caller.expires_at,  # or a leaked token could go on as another one
        )
        self._require(caller, token, project_not_found(token.project_uuid or ""))
        if token.manage_tokens:
            require_everywhere(caller, "give a token the right to manage tokens")
        async with self._audited.transaction(caller) as transaction:
            if token.project_uuid is not None:
                projects = ProjectStore(transaction)
                await projects.lock()  # one that is just being deleted takes its tokens along, and must find this one
                await projects.get(token.project_uuid)
            await TokenStore(transaction).create(token)
            await transaction.note(AuditAction.CREATE, AuditThing.TOKEN, token.id, token.project_uuid, **_shown(token))
        self._forget(token.sha256)
        return token, secret

    async def page(self, caller: Caller, *, email: str | None, project_uuid: str | None, page: int) -> Page[ApiToken]:
        """Return tokens, newest first: of a project or of a user; without either, the caller's own.

        The administrator gets all tokens without either.
        """
        if email is None and project_uuid is None and not caller.everywhere:
            if caller.email is None:
                raise forbidden("your identity has no address, and so no tokens")
            email = caller.email
        if project_uuid is not None:
            require(caller, Action.MANAGE, project_uuid, project_not_found(project_uuid))
        require_token_maker(caller, email)
        return await self._store.page(email=email, project_uuid=project_uuid, page=page)

    async def get(self, caller: Caller, token_id: UUID) -> ApiToken:
        """Read a token, without its text."""
        return await self._get(caller, token_id)

    async def revoke(self, caller: Caller, token_id: UUID) -> None:
        """Revoke a token: it is refused from now on. Raises `Error` (conflict) when it is revoked already."""
        token = await self._get(caller, token_id)
        async with self._audited.transaction(caller) as transaction:
            if not await TokenStore(transaction).revoke(token_id, self._audited.now()):
                raise Error(ErrorCode.CONFLICT, f"token {token_id} is revoked already")
            await transaction.note(AuditAction.REVOKE, AuditThing.TOKEN, token_id, token.project_uuid, **_shown(token))
        self._forget(token.sha256)

    async def _get(self, caller: Caller, token_id: UUID) -> ApiToken:
        token = await self._store.get(token_id)
        if token.email is not None and not caller.everywhere and token.email != (caller.email or "").lower():
            raise token_not_found(token_id)
        self._require(caller, token, token_not_found(token_id))
        return token

    @staticmethod
    def _require(caller: Caller, token: ApiToken, not_there: Error) -> None:
        if token.project_uuid is not None:  # first, or a token would learn that there is such a project
            require(caller, Action.MANAGE, token.project_uuid, not_there)
        require_token_maker(caller, token.email)


def _shown(token: ApiToken) -> dict[str, Any]:
    expires = text_of(token.expires_at) if token.expires_at else None
    return {
        "name": token.name,
        "email": token.email,
        "role": token.role,
        "expires_at": expires,
        "manage_tokens": token.manage_tokens,
    }
