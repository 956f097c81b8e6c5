"""The ids that codes and runs had in the first database of the Go service, which some of its callers still send.

Its tables keep them in the column `mongo_object_id`; tables that this server has made have no such column.
"""

import asyncio
import time
from collections.abc import Callable
from uuid import UUID

from cachetools import TTLCache

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.ids import AnyId, OldId, parse_id
from codeactions.postgres import queries
from codeactions.postgres.database import Statements

_SQL = queries.load("oldids")
_KEPT, _KEPT_SECONDS = 10_000, 5.0  # answers, unknown ids too: a wrong id that is sent again and again is cheap
_LOOK_AGAIN = 60.0  # seconds after which the columns are looked for again: they may come and go
_TURN_SECONDS = 5.0  # that a caller waits for the look-ups before its own; as long as for a connection


class OldIds:
    """Finds codes and runs by their old ids. Every method raises `Error` (busy) while the database is away.

    clock: returns seconds. patience: seconds that a caller waits for its turn.
    """

    def __init__(
        self,
        database: Statements,
        clock: Callable[[], float] = time.monotonic,
        *,
        patience: float = _TURN_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._patience = patience
        self._found: TTLCache[tuple[str, OldId], UUID | None] = TTLCache(_KEPT, _KEPT_SECONDS, timer=clock)
        # One look-up at a time: a table that lacks its index is read from end to end for each.
        self._turn = asyncio.Lock()
        self._columns: dict[str, bool] = {}
        self._looked_at = -_LOOK_AGAIN

    async def code(self, given: AnyId) -> UUID | None:
        """Return the id of the code that a caller means; None if no code has this old id.

        Raises `Error` (invalid) for an old id in a database that has none.
        """
        return given if isinstance(given, UUID) else await self._find("codes", given, "code_id")

    async def run(self, given: AnyId) -> UUID | None:
        """Return the id of the run that a caller means; None if no run has this old id. Raises as `code` does."""
        return given if isinstance(given, UUID) else await self._find("coderuns", given, "run_id")

    async def in_links(self) -> bool:
        """Return whether runs may name their code by its old id alone."""
        return await self._has("links")

    async def _find(self, table: str, old: OldId, name: str) -> UUID | None:
        if not await self._has(table):
            return parse_id(old, name)  # raises: it is none
        try:
            return self._found[table, old]
        except KeyError:
            await self._wait_for_turn()
        try:
            return self._found[table, old]  # found meanwhile, for another caller
        except KeyError:
            rows = await self._database.fetch(_SQL[table], {"old_id": str(old)})
            found = min((row["id"] for row in rows), default=None)
            self._found[table, old] = found
            return found
        finally:
            self._turn.release()

    async def _wait_for_turn(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._turn.acquire()
        except TimeoutError:
            raise Error(ErrorCode.BUSY, "too many old ids are being looked up; try again shortly") from None

    async def _has(self, table: str) -> bool:
        if self._clock() - self._looked_at >= _LOOK_AGAIN:
            rows = await self._database.fetch(_SQL["columns"])
            self._columns = {row["name"]: row["there"] for row in rows}
            self._columns["links"] = self._columns["codes"] and any(row["links"] for row in rows)
            self._looked_at = self._clock()
        return self._columns[table]
