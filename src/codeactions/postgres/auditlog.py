"""The table `audit_log`, to which lines are only added."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from codeactions.domain.audit import AuditAction, AuditEntry, AuditThing
from codeactions.domain.page import PAGE_SIZE, Page
from codeactions.postgres import queries
from codeactions.postgres.database import Statements

_SQL = queries.load("auditlog")
_MAX_CHARACTERS = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """A choice of lines; a field that is None does not restrict it. `after` is inclusive, `before` exclusive."""

    project_uuid: str | None = None
    thing_id: str | None = None
    actor: str | None = None
    after: datetime | None = None
    before: datetime | None = None


class AuditLog:
    """The audit log in PostgreSQL. Every method raises `Error` (busy) while the database is away."""

    def __init__(self, database: Statements) -> None:
        self._database = database

    async def add(self, entry: AuditEntry) -> None:
        """Write a line, in the same transaction as the change that it describes."""
        values = {**asdict(entry), "details": Jsonb(dict(entry.details))}
        for name in ("actor", "address", "thing_id"):
            values[name] = values[name][:_MAX_CHARACTERS]
        await self._database.fetch(_SQL["add"], values)

    async def page(self, wanted: AuditFilter, page: int) -> Page[AuditEntry]:
        """Return a page of lines, newest first."""
        values = asdict(wanted)
        total = await self._database.fetch_one(_SQL["count"], values)
        bounds = {"limit": PAGE_SIZE, "offset": (page - 1) * PAGE_SIZE}
        rows = await self._database.fetch(_SQL["page"], {**values, **bounds})
        return Page([_entry(row) for row in rows], total["total"] if total else 0, page)


def _entry(row: Mapping[str, Any]) -> AuditEntry:
    return AuditEntry(**{**row, "action": AuditAction(row["action"]), "thing": AuditThing(row["thing"])})
