"""Runs of the Go service that name their code by its old id alone, in `coderuns.code_mongo_id`."""

from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from codeactions.postgres import queries
from codeactions.postgres.database import Statements

_SQL = queries.load("linkedruns")


class LinkedRuns:
    """Reads them where the tables have the columns. Every method raises `Error` (busy) while the database is away."""

    def __init__(self, database: Statements) -> None:
        self._database = database

    async def code_of(self, run_id: UUID) -> UUID | None:
        """Return the id of the code that a run without one means; None if there is no such run or code."""
        row = await self._database.fetch_one(_SQL["code_of"], {"id": run_id})
        return row["id"] if row else None

    async def count(self, values: dict[str, Any]) -> int:
        """Return how many there are of a code or a project, as `RunStore.page` chooses them."""
        row = await self._database.fetch_one(_SQL["count"], values)
        return int(row["total"]) if row else 0

    async def page(self, values: dict[str, Any]) -> list[DictRow]:
        """Return the `id` of each run of a page, linked or not, and the `code_id` that is meant."""
        return await self._database.fetch(_SQL["page"], values)
