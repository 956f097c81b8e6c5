"""The table `identity_events`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from psycopg.types.json import Jsonb

from codeactions.domain.role import Role
from codeactions.postgres import queries
from codeactions.postgres.database import Statements

_SQL = queries.load("identityevents")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The state of a project in the identity system, as far as messages have told of it.

    snapshot: the fingerprint of the last list of members that was applied. pending: roles by address, None for no
    role, that will be applied when the project exists.
    """

    snapshot: bytes | None = None
    pending: Mapping[str, Role | None] = field(default_factory=dict)


class IdentityEventStore:
    """Remembered states in PostgreSQL. Every method raises `Error` (busy) while the database is away."""

    def __init__(self, database: Statements) -> None:
        self._database = database

    async def get(self, project_uuid: str) -> Remembered:
        """Return what is remembered of a project; it is empty if no message has told of the project."""
        row = await self._database.fetch_one(_SQL["get"], {"project_uuid": project_uuid})
        if row is None:
            return Remembered()
        snapshot = None if row["snapshot"] is None else bytes(row["snapshot"])
        pending = {email: None if role is None else Role(role) for email, role in row["pending"].items()}
        return Remembered(snapshot=snapshot, pending=pending)

    async def put(self, project_uuid: str, remembered: Remembered, now: datetime) -> None:
        """Replace what is remembered of a project."""
        pending = {email: None if role is None else int(role) for email, role in remembered.pending.items()}
        values = {"snapshot": remembered.snapshot, "pending": Jsonb(pending), "updated_at": now}
        await self._database.fetch(_SQL["put"], {"project_uuid": project_uuid, **values})
