"""All that is encrypted with the server's key: secrets of projects, and shared secrets of protections."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from uuid import UUID

from codeactions.domain.protection import secret_identity as protection_identity
from codeactions.postgres import queries
from codeactions.postgres.database import Statements
from codeactions.postgres.project_values import secret_identity

_SQL = queries.load("stored_secrets")


class SecretTable(Enum):
    """A table with encrypted secrets: the ends of its statements' names."""

    VALUES = "values"
    PROTECTIONS = "protections"


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """An encrypted secret. identity: the row that it is bound to. noun: what it is, for messages."""

    id: UUID
    encrypted: bytes = field(repr=False)
    identity: tuple[str, ...]
    noun: str


class StoredSecrets:
    """Encrypted secrets in PostgreSQL. Every method raises `Error` (busy) while the database is away."""

    def __init__(self, database: Statements) -> None:
        self._database = database

    async def lock(self) -> bool:
        """Be the only one that rotates, until the end of the session; return whether that is so."""
        row = await self._database.fetch_one(_SQL["lock"])
        return bool(row and row["locked"])

    async def unlock(self) -> None:
        """Let others rotate."""
        await self._database.fetch(_SQL["unlock"])

    async def samples(self) -> list[StoredSecret]:
        """Return a secret of each key that secrets are encrypted with."""
        tables = await self._database.fetch_one(_SQL["tables"])
        found: list[StoredSecret] = []
        if tables and tables["has_values"]:
            found += [_of_project(row) for row in await self._database.fetch(_SQL["sample_values"])]
        if tables and tables["has_protections"]:
            found += [_of_protection(row) for row in await self._database.fetch(_SQL["sample_protections"])]
        return found

    async def count_stale(self, newest: bytes) -> int:
        """Return the number of secrets that are encrypted with another key. newest: how those of the key begin."""
        row = await self._database.fetch_one(_SQL["count_stale"], {"newest": newest})
        return row["total"] if row else 0

    async def stale(self, table: SecretTable, newest: bytes, after: UUID | None, limit: int) -> list[StoredSecret]:
        """Return secrets that are encrypted with another key, by id from `after`, and hold their rows."""
        statement, read = _READ[table]
        return [
            read(row)
            for row in await self._database.fetch(statement, {"newest": newest, "after": after, "limit": limit})
        ]

    async def replace(self, table: SecretTable, ids: Sequence[UUID], encrypted: Sequence[bytes]) -> None:
        """Store secrets as they are encrypted anew."""
        given = {"ids": list(ids), "encrypted": list(encrypted)}
        await self._database.fetch(_REPLACE[table], given)


def _of_project(row: Mapping[str, Any]) -> StoredSecret:
    identity = secret_identity(row["project_uuid"], row["name"], row["id"])
    noun = f"secret {row['name']!r} of project {row['project_uuid']}"
    return StoredSecret(row["id"], bytes(row["encrypted"]), identity, noun)


def _of_protection(row: Mapping[str, Any]) -> StoredSecret:
    code_id = row["code_id"]
    return StoredSecret(code_id, bytes(row["encrypted"]), protection_identity(code_id), f"protection of code {code_id}")


_READ: dict[SecretTable, tuple[Any, Callable[[Mapping[str, Any]], StoredSecret]]] = {
    SecretTable.VALUES: (_SQL["stale_values"], _of_project),
    SecretTable.PROTECTIONS: (_SQL["stale_protections"], _of_protection),
}
_REPLACE: dict[SecretTable, Any] = {
    SecretTable.VALUES: _SQL["replace_values"],
    SecretTable.PROTECTIONS: _SQL["replace_protections"],
}
