"""The table `api_tokens`."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from codeactions.domain.page import PAGE_SIZE, Page
from codeactions.domain.role import Role
from codeactions.domain.token import ApiToken, token_not_found
from codeactions.postgres import queries
from codeactions.postgres.database import Statements

_SQL = queries.load("tokens")


class TokenStore:
    """API tokens in PostgreSQL. Every method raises `Error` (busy) while the database is away."""

    def __init__(self, database: Statements) -> None:
        self._database = database

    async def create(self, token: ApiToken) -> None:
        """Store a new token."""
        await self._database.fetch(_SQL["create"], {**asdict(token), "role": int(token.role)})

    async def get(self, token_id: UUID) -> ApiToken:
        """Return a token. Raises `Error` (not_found)."""
        row = await self._database.fetch_one(_SQL["get"], {"id": token_id})
        if row is None:
            raise token_not_found(token_id)
        return _token(row)

    async def by_digest(self, digest: bytes) -> ApiToken | None:
        """Return the token with this SHA-256; None if there is none."""
        row = await self._database.fetch_one(_SQL["by_digest"], {"sha256": digest})
        return None if row is None else _token(row)

    async def page(self, *, email: str | None, project_uuid: str | None, page: int) -> Page[ApiToken]:
        """Return a page of tokens, newest first: a user's, a project's, or all."""
        values = {"email": email, "project_uuid": project_uuid}
        total = await self._database.fetch_one(_SQL["count"], values)
        bounds = {"limit": PAGE_SIZE, "offset": (page - 1) * PAGE_SIZE}
        rows = await self._database.fetch(_SQL["page"], {**values, **bounds})
        return Page([_token(row) for row in rows], total["total"] if total else 0, page)

    async def live_of(self, project_uuid: str) -> list[ApiToken]:
        """Return the tokens of a project that are not revoked."""
        return [_token(row) for row in await self._database.fetch(_SQL["live_of"], {"project_uuid": project_uuid})]

    async def revoke(self, token_id: UUID, at: datetime) -> bool:
        """Revoke a token, and return whether it was valid until now."""
        return await self._database.fetch_one(_SQL["revoke"], {"id": token_id, "at": at}) is not None

    async def note_use(self, used: Mapping[UUID, datetime]) -> None:
        """Store when tokens were last used."""
        values = {"ids": list(used), "times": list(used.values())}
        await self._database.fetch(_SQL["note_use"], values)


def _token(row: Mapping[str, Any]) -> ApiToken:
    return ApiToken(**{**row, "sha256": bytes(row["sha256"]), "role": Role(row["role"])})
