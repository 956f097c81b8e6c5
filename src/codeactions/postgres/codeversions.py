"""The table `code_versions`. Triggers make its rows; see migration 19."""

from datetime import datetime
from uuid import UUID

from codeactions.domain.code import Code
from codeactions.domain.page import PAGE_SIZE, Page
from codeactions.domain.text import SHORT_TEXT
from codeactions.domain.version import ListedVersion, Version, version_not_found
from codeactions.postgres import queries
from codeactions.postgres.database import Statements

_SQL = queries.load("codeversions")


class VersionStore:
    """Versions in PostgreSQL. Every method raises `Error` (busy) while the database is away."""

    def __init__(self, database: Statements) -> None:
        self._database = database

    async def describe(
        self, code: Code, *, author: str, message: str | None, artifact: str | None, at: datetime
    ) -> None:
        """Note of a code's current version what the trigger that made it cannot know."""
        values = {"code_id": code.id, "number": code.version, "author": author[:SHORT_TEXT], "message": message}
        await self._database.fetch(_SQL["describe"], {**values, "artifact": artifact, "at": at})

    async def prune(self, code: Code, keep: int) -> None:
        """Delete the versions of a code but for the newest `keep` and the current one."""
        values = {"code_id": code.id, "current": code.version, "keep": keep}
        await self._database.fetch(_SQL["prune"], values)

    async def page(self, code_id: UUID, page: int) -> Page[ListedVersion]:
        """Return a page of a code's versions, newest first."""
        total = await self._database.fetch_one(_SQL["count"], {"code_id": code_id})
        bounds = {"code_id": code_id, "limit": PAGE_SIZE, "offset": (page - 1) * PAGE_SIZE}
        rows = await self._database.fetch(_SQL["page"], bounds)
        return Page([ListedVersion(**row) for row in rows], total["total"] if total else 0, page)

    async def get(self, code_id: UUID, number: int) -> Version:
        """Return a version. Raises `Error` (not_found)."""
        row = await self._database.fetch_one(_SQL["get"], {"code_id": code_id, "number": number})
        if row is None:
            raise version_not_found(code_id, number)
        return Version(**row)

    async def number_before(self, code_id: UUID, number: int) -> int | None:
        """Return the number of the version before another; None if there is none."""
        row = await self._database.fetch_one(_SQL["number_before"], {"code_id": code_id, "number": number})
        return row["number"] if row else None
