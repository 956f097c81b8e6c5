"""Runs of the Go service that name their code by its old id alone, in `coderuns.code_mongo_id`."""

from collections.abc import Mapping
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

    async def count(self, of: str, values: Mapping[str, Any]) -> int:
        """Return how many there are. of: "" for those of a code, "_of_project" for those of a project."""
        row = await self._database.fetch_one(_SQL[f"count{of}"], dict(values))
        return int(row["total"]) if row else 0

    async def page(self, of: str, values: Mapping[str, Any]) -> list[DictRow]:
        """Return the rows of a page of all runs, these and the others. of: as for `count`."""
        found = await self._database.fetch(_SQL[f"page{of}"], dict(values))
        return await self._database.fetch(_SQL["of_ids"], {**values, "ids": [row["id"] for row in found]})
