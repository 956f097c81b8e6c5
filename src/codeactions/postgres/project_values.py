"""The table `project_values`: secrets and variables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.page import PAGE_SIZE, Page
from codeactions.domain.project_value import (
    ENCRYPTION_BYTES,
    ProjectUse,
    ProjectValue,
    ValueKind,
    value_not_found,
)
from codeactions.postgres import queries
from codeactions.postgres.database import Statements

_SQL = queries.load("project_values")
_OVERHEAD = {"overhead": ENCRYPTION_BYTES}
SecretIdentity = tuple[str, ...]


def secret_identity(project_uuid: str, name: str, id: UUID) -> SecretIdentity:  # noqa: A002
    """Return what a secret is bound to when it is encrypted: it can be decrypted in this row alone."""
    return (str(ValueKind.SECRET), project_uuid, name, str(id))


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A value as it is stored, with its content: `encrypted` of a secret, `plain` of a variable."""

    id: UUID
    project_uuid: str
    name: str
    kind: ValueKind
    encrypted: bytes | None = field(repr=False)
    plain: str | None = field(repr=False)
    code_ids: tuple[UUID, ...] | None

    @property
    def identity(self) -> SecretIdentity:
        """The row that the secret is bound to."""
        return secret_identity(self.project_uuid, self.name, self.id)


class ProjectValueStore:
    """Secrets and variables in PostgreSQL. Every method raises `Error` (busy) while the database is away."""

    def __init__(self, database: Statements) -> None:
        self._database = database

    async def lock(self, project_uuid: str) -> None:
        """Keep other transactions from writing values of a project until the end of this one."""
        await self._database.fetch(_SQL["lock"], {"project_uuid": project_uuid})

    async def create(self, value: ProjectValue, encrypted: bytes | None) -> None:
        """Store a new value. Raises `Error` (conflict) when the project has one of this name, of either kind."""
        values = {**_values(value), "encrypted": encrypted}
        if await self._database.fetch_one(_SQL["create"], values) is None:
            there = await self.find(value.project_uuid, value.name)
            kind, place = (there.kind, f": /{there.kind}/{there.id}") if there else (value.kind, "")
            raise Error(ErrorCode.CONFLICT, f"project {value.project_uuid} has a {kind} {value.name!r} already{place}")

    async def get(self, kind: ValueKind, value_id: UUID) -> ProjectValue:
        """Return a value of a kind. Raises `Error` (not_found)."""
        row = await self._database.fetch_one(_SQL["get"], {"id": value_id, "kind": str(kind), **_OVERHEAD})
        if row is None:
            raise value_not_found(kind, value_id)
        return _value(row)

    async def find(self, project_uuid: str, name: str) -> ProjectValue | None:
        """Return the value of either kind with this name; None if there is none."""
        given = {"project_uuid": project_uuid, "name": name, **_OVERHEAD}
        row = await self._database.fetch_one(_SQL["find"], given)
        return None if row is None else _value(row)

    async def page(self, kind: ValueKind, project_uuid: str, page: int) -> Page[ProjectValue]:
        """Return a page of a project's values of a kind, ordered by name."""
        values = {"project_uuid": project_uuid, "kind": str(kind)}
        total = await self._database.fetch_one(_SQL["count"], values)
        bounds = {"limit": PAGE_SIZE, "offset": (page - 1) * PAGE_SIZE}
        rows = await self._database.fetch(_SQL["page"], {**values, **bounds, **_OVERHEAD})
        return Page([_value(row) for row in rows], total["total"] if total else 0, page)

    async def use(self, project_uuid: str) -> ProjectUse:
        """Return how much a project has."""
        row = await self._database.fetch_one(_SQL["use"], {"project_uuid": project_uuid, **_OVERHEAD})
        return ProjectUse(row["number"], row["size"]) if row else ProjectUse(0, 0)

    async def names(self, project_uuid: str) -> list[tuple[UUID, str, ValueKind]]:
        """Return id, name and kind of each value of a project."""
        rows = await self._database.fetch(_SQL["names"], {"project_uuid": project_uuid})
        return [(row["id"], row["name"], ValueKind(row["kind"])) for row in rows]

    async def codes_of(self, project_uuid: str, code_ids: Iterable[UUID]) -> list[UUID]:
        """Return those of these codes that are in a project."""
        given = {"project_uuid": project_uuid, "code_ids": list(code_ids)}
        return [row["id"] for row in await self._database.fetch(_SQL["codes_of"], given)]

    async def change_value(
        self, value_id: UUID, at: datetime, *, encrypted: bytes | None = None, plain: str | None = None
    ) -> None:
        """Replace the content of a value."""
        given = {"id": value_id, "encrypted": encrypted, "plain": plain, "updated_at": at}
        await self._database.fetch(_SQL["change_value"], given)

    async def change_codes(self, value_id: UUID, at: datetime, code_ids: Sequence[UUID] | None) -> None:
        """Replace the codes that get a value; None: every code of the project."""
        given = {"id": value_id, "code_ids": None if code_ids is None else list(code_ids), "updated_at": at}
        await self._database.fetch(_SQL["change_codes"], given)

    async def delete(self, kind: ValueKind, value_id: UUID) -> None:
        """Delete a value. Raises `Error` (not_found)."""
        if await self._database.fetch_one(_SQL["delete"], {"id": value_id, "kind": str(kind)}) is None:
            raise value_not_found(kind, value_id)

    async def of_project(self, project_uuid: str) -> list[StoredValue]:
        """Return all values of a project with their content, ordered by name."""
        rows = await self._database.fetch(_SQL["of_project"], {"project_uuid": project_uuid})
        return [_stored(row) for row in rows]


def _values(value: ProjectValue) -> dict[str, Any]:
    return {
        "id": value.id,
        "project_uuid": value.project_uuid,
        "name": value.name,
        "kind": str(value.kind),
        "plain": value.plain,
        "code_ids": None if value.code_ids is None else list(value.code_ids),
        "created_at": value.created_at,
        "updated_at": value.updated_at,
    }


def _value(row: Mapping[str, Any]) -> ProjectValue:
    return ProjectValue(**{**row, "kind": ValueKind(row["kind"]), "code_ids": _code_ids(row)})


def _stored(row: Mapping[str, Any]) -> StoredValue:
    encrypted = None if row["encrypted"] is None else bytes(row["encrypted"])
    return StoredValue(**{**row, "kind": ValueKind(row["kind"]), "encrypted": encrypted, "code_ids": _code_ids(row)})


def _code_ids(row: Mapping[str, Any]) -> tuple[UUID, ...] | None:
    return None if row["code_ids"] is None else tuple(row["code_ids"])
