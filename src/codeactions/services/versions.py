"""Versions of codes: read and compare them, as the caller's role allows. services/codes.py makes one current."""

import asyncio
from uuid import UUID

from codeactions.domain.access import Action, require
from codeactions.domain.caller import Caller
from codeactions.domain.code import code_not_found
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.ids import AnyId
from codeactions.domain.page import Page
from codeactions.domain.source_diff import unified_diff
from codeactions.domain.version import ListedVersion, Version, VersionDiff
from codeactions.postgres.codes import CodeStore
from codeactions.postgres.codeversions import VersionStore
from codeactions.postgres.database import Database
from codeactions.services.collaborators import Ids

_DIFFS = 1  # made at a time: each may take half a second of a core, that all calls share, and 150 MB of memory
_DIFF_SECONDS = 10.0  # that a caller waits for its turn


class VersionService:
    """Every method raises `Error` (not_found, forbidden) as the caller's role in the code's project demands."""

    def __init__(self, database: Database, ids: Ids, *, patience: float = _DIFF_SECONDS) -> None:
        """patience: seconds that a caller waits until its diff is made."""
        self._codes = CodeStore(database)
        self._store = VersionStore(database)
        self._ids = ids
        self._diffs = asyncio.Semaphore(_DIFFS)
        self._patience = patience

    async def page(self, caller: Caller, code_id: AnyId, page: int) -> Page[ListedVersion]:
        """Return the versions of a code, newest first."""
        return await self._store.page(await self._readable(caller, code_id), page)

    async def get(self, caller: Caller, code_id: AnyId, number: int) -> Version:
        """Read a version, with its source. Raises `Error` (not_found)."""
        return await self._store.get(await self._readable(caller, code_id), number)

    async def diff(self, caller: Caller, code_id: AnyId, number: int, against: int | None) -> VersionDiff:
        """Return what changed from a version to another; without `against`, from the one before.

        Raises `Error`: not_found; busy when too many diffs are wanted at a time.
        """
        found = await self._readable(caller, code_id)
        try:
            async with asyncio.timeout(self._patience):
                await self._diffs.acquire()
        except TimeoutError:
            raise Error(ErrorCode.BUSY, "too many versions are being compared; try again") from None
        try:  # the sources are read only now: those that wait hold none
            return await self._compared(found, number, against)
        finally:
            self._diffs.release()

    async def _compared(self, code_id: UUID, number: int, against: int | None) -> VersionDiff:
        version = await self._store.get(code_id, number)
        if against is None:
            against = await self._store.number_before(code_id, number)
        before = None if against is None else await self._store.get(code_id, against)
        text = await asyncio.to_thread(
            unified_diff,
            "" if before is None else before.source or "",
            version.source or "",
            "nothing" if before is None else f"version {before.number}",
            f"version {version.number}",
        )
        return VersionDiff(
            code_id=code_id,
            number=version.number,
            against=against,
            language=version.language,
            against_language=None if before is None else before.language,
            diff=text,
        )

    async def _readable(self, caller: Caller, code_id: AnyId) -> UUID:
        found = await self._ids.code(code_id)
        if found is None:
            raise code_not_found(code_id)
        code = await self._codes.get(found)
        require(caller, Action.READ, code.project_uuid, code_not_found(code_id))
        return found
