"""What every service works with: the database, the clock, new ids, and the audit log in the transaction of a change."""

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import DictRow

from codeactions.domain.audit import Deed, Thing, entry
from codeactions.domain.caller import Caller
from codeactions.domain.ids import new_id
from codeactions.postgres.auditlog import AuditLog
from codeactions.postgres.database import Database, Transaction


class AuditedTransaction(Transaction):
    """A transaction in which somebody changes something; stores take it as their database."""

    def __init__(self, connection: psycopg.AsyncConnection[DictRow], desk: "AuditedDatabase", caller: Caller) -> None:
        super().__init__(connection)
        self._desk = desk
        self._caller = caller

    async def note(self, deed: Deed, thing: Thing, thing_id: object, project: str | None, /, **details: Any) -> None:
        """Write into the audit log what was done. `details` never hold a secret."""
        line = entry(
            self._caller, deed, thing, thing_id, project, id=self._desk.new_id(), now=self._desk.now(), **details
        )
        await AuditLog(self).add(line)


class AuditedDatabase:
    """Shared by the services of one server."""

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_id: Callable[[], UUID] = new_id,
    ) -> None:
        self.database = database
        self.now = now
        self.new_id = new_id

    @contextlib.asynccontextmanager
    async def change(self, caller: Caller) -> AsyncIterator[AuditedTransaction]:
        """All that happens in the block is committed at its end, with what was noted; undone when it raises."""
        async with self.database.connection() as connection, connection.transaction():
            yield AuditedTransaction(connection, self, caller)
