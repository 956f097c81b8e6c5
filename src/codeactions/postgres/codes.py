"""The table `codes`."""

from dataclasses import asdict
from uuid import UUID

from codeactions.domain.code import Code
from codeactions.domain.errors import Error, ErrorCode, not_found
from codeactions.postgres import queries
from codeactions.postgres.database import Database

LIST_LIMIT = 1000  # codes of one project in one answer
_SQL = queries.load("codes")


class CodeStore:
    """Codes in PostgreSQL. Every method raises `Error` (busy) while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, code: Code) -> None:
        """Store a new code."""
        await self._database.fetch(_SQL["create"], asdict(code))

    async def get(self, code_id: UUID) -> Code:
        """Read a code. Raises `Error` (not_found)."""
        row = await self._database.fetch_one(_SQL["get"], {"id": code_id})
        if row is None:
            raise not_found(f"there is no code {code_id}")
        return Code(**row)

    async def list(self, project_uuid: str, kind: str | None) -> list[Code]:
        """The codes of a project, of one type or of both, oldest first; at most `LIST_LIMIT`."""
        values = {"project_uuid": project_uuid, "type": kind, "limit": LIST_LIMIT}
        return [Code(**row) for row in await self._database.fetch(_SQL["list"], values)]

    async def update(self, code: Code, read: Code) -> None:
        """Replace `read` by `code`. Raises `Error` (conflict) when it was changed or deleted meanwhile."""
        values = {**asdict(code), "read_updated_at": read.updated_at}
        if await self._database.fetch_one(_SQL["update"], values) is None:
            raise Error(ErrorCode.CONFLICT, f"code {code.id} was changed by somebody else meanwhile; read it again")

    async def delete(self, code_id: UUID) -> None:
        """Delete a code and, with it, its runs and logs. Raises `Error` (not_found)."""
        if await self._database.fetch_one(_SQL["delete"], {"id": code_id}) is None:
            raise not_found(f"there is no code {code_id}")

    async def is_empty(self) -> bool:
        """Whether no code was ever stored, or all were deleted."""
        row = await self._database.fetch_one(_SQL["is_empty"])
        return bool(row and row["is_empty"])
