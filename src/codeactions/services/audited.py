"""Changes with their line in the audit log: the database of the services, with the clock and new ids."""

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from codeactions.domain.audit import AuditAction, AuditThing, entry
from codeactions.domain.caller import Caller
from codeactions.domain.ids import new_id
from codeactions.postgres.auditlog import AuditLog
from codeactions.postgres.database import Connection, Database, Transaction


class AuditedTransaction(Transaction):
    """A transaction in which a caller changes something; stores take it as their database."""

    def __init__(self, connection: Connection, database: "AuditedDatabase", caller: Caller) -> None:
        super().__init__(connection)
        self._audited = database
        self._caller = caller

    async def note(
        self, action: AuditAction, thing: AuditThing, thing_id: object, project: str | None, /, **details: Any
    ) -> None:
        """Write into the audit log what was done. `details` never hold a secret."""
        audited = self._audited
        line = entry(self._caller, action, thing, thing_id, project, id=audited.new_id(), now=audited.now(), **details)
        await AuditLog(self).add(line)


class AuditedDatabase:
    """The database as services use it, shared by those of one server. `database` is for what only reads."""

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
    async def transaction(self, caller: Caller) -> AsyncIterator[AuditedTransaction]:
        """Run the block in a transaction: committed at its end with what was noted, undone when it raises."""
        async with self.database.connection() as connection, connection.transaction():
            yield AuditedTransaction(connection, self, caller)
