"""Versions of codes: read and compare them, as the caller's role allows. services/codes.py makes one current."""

import asyncio
from uuid import UUID

from codeactions.domain.access import Action, require
from codeactions.domain.caller import Caller
from codeactions.domain.code import code_not_found
from codeactions.domain.ids import AnyId
from codeactions.domain.page import Page
from codeactions.domain.source_diff import unified_diff
from codeactions.domain.version import ListedVersion, Version, VersionDiff
from codeactions.postgres.codes import CodeStore
from codeactions.postgres.codeversions import VersionStore
from codeactions.postgres.database import Database
from codeactions.services.collaborators import Ids


class VersionService:
    """Every method raises `Error` (not_found, forbidden) as the caller's role in the code's project demands."""

    def __init__(self, database: Database, ids: Ids) -> None:
        self._codes = CodeStore(database)
        self._store = VersionStore(database)
        self._ids = ids

    async def page(self, caller: Caller, code_id: AnyId, page: int) -> Page[ListedVersion]:
        """Return the versions of a code, newest first."""
        return await self._store.page(await self._readable(caller, code_id), page)

    async def get(self, caller: Caller, code_id: AnyId, number: int) -> Version:
        """Read a version, with its source. Raises `Error` (not_found)."""
        return await self._store.get(await self._readable(caller, code_id), number)

    async def diff(self, caller: Caller, code_id: AnyId, number: int, against: int | None) -> VersionDiff:
        """Return what changed from a version to another; without `against`, from the one before.

        Raises `Error` (not_found).
        """
        found = await self._readable(caller, code_id)
        version = await self._store.get(found, number)
        if against is None:
            against = await self._store.number_before(found, number)
        before = None if against is None else await self._store.get(found, against)
        text = await asyncio.to_thread(
            unified_diff,
            "" if before is None else before.source or "",
            version.source or "",
            "nothing" if before is None else f"version {before.number}",
            f"version {version.number}",
        )
        return VersionDiff(
            code_id=found,
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
