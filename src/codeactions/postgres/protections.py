"""The table `code_protections`."""

from dataclasses import asdict
from uuid import UUID

from codeactions.domain.protection import Protection, ProtectionKind
from codeactions.postgres import queries
from codeactions.postgres.database import Statements

_SQL = queries.load("protections")


class ProtectionStore:
    """Protections in PostgreSQL. Every method raises `Error` (busy) while the database is away."""

    def __init__(self, database: Statements) -> None:
        self._database = database

    async def get(self, code_id: UUID) -> Protection | None:
        """Return the protection of a code; None if its endpoint is public."""
        row = await self._database.fetch_one(_SQL["get"], {"code_id": code_id})
        if row is None:
            return None
        secret = None if row["secret"] is None else bytes(row["secret"])
        return Protection(**{**row, "kind": ProtectionKind(row["kind"]), "secret": secret})

    async def put(self, protection: Protection) -> None:
        """Store a protection in place of any that the code has. Raises `Error` (not_found) without that code."""
        await self._database.fetch(_SQL["put"], {**asdict(protection), "kind": str(protection.kind)})

    async def delete(self, code_id: UUID) -> bool:
        """Delete the protection of a code, and return whether there was one."""
        return await self._database.fetch_one(_SQL["delete"], {"code_id": code_id}) is not None
