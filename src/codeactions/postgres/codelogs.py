"""The table `codelogs`, for reading; the recorder writes it together with the runs."""

from typing import Any
from uuid import UUID

from codeactions.domain.log import StoredLog, log_not_found
from codeactions.domain.page import PAGE_SIZE, Page
from codeactions.postgres import queries
from codeactions.postgres.database import Statements

_SQL = queries.load("codelogs")


class LogStore:
    """Log lines in PostgreSQL. Every method raises `Error` (busy) while the database is away."""

    def __init__(self, database: Statements) -> None:
        self._database = database

    async def get(self, log_id: UUID) -> StoredLog:
        """Return one line. Raises `Error` (not_found)."""
        row = await self._database.fetch_one(_SQL["get"], {"id": log_id})
        if row is None:
            raise log_not_found(log_id)
        return StoredLog(**row)

    async def page_of_run(self, run_id: UUID, page: int) -> Page[StoredLog]:
        """Return a page of the lines of a run, in the order in which they were written."""
        return await self._page("of_run", {"run_id": run_id}, page)

    async def page_of_code(self, code_id: UUID, page: int) -> Page[StoredLog]:
        """Return a page of the lines of all runs of a code, newest first."""
        return await self._page("of_code", {"code_id": code_id}, page)

    async def page_of_project(self, project_uuid: str, page: int) -> Page[StoredLog]:
        """Return a page of the lines of all runs of a project's codes, newest first."""
        return await self._page("of_project", {"project_uuid": project_uuid}, page)

    async def _page(self, what: str, values: dict[str, Any], page: int) -> Page[StoredLog]:
        total = await self._database.fetch_one(_SQL[f"count_{what}"], values)
        bounds = {"limit": PAGE_SIZE, "offset": (page - 1) * PAGE_SIZE, "reach": page * PAGE_SIZE}
        rows = await self._database.fetch(_SQL[f"page_{what}"], {**values, **bounds})
        return Page([StoredLog(**row) for row in rows], total["total"] if total else 0, page)
