"""How many diffs of versions are made at a time."""

import asyncio
import threading
from dataclasses import asdict
from typing import Any

import pytest
from unit.calls import ID, NOW, Ids, stored

from codeactions.domain.caller import Caller, CallerKind
from codeactions.domain.errors import Error, ErrorCode
from codeactions.services import versions
from codeactions.services.versions import VersionService

CALLER = Caller(kind=CallerKind.ADMINISTRATOR, name="a", everywhere=True)


class OneCode:
    """A database of one code with two versions."""

    sources_read = 0

    async def fetch_one(self, statement: str, values: dict[str, Any]) -> dict[str, Any]:
        """The row that a statement asks for."""
        if "code_versions" not in statement:
            return asdict(stored().code)
        self.sources_read += 1
        told = dict.fromkeys(("language", "author", "message", "artifact"))
        number = values["number"]
        row = {"code_id": ID, "number": number, "size": 1, "current": False, "source_sha256": "", "created_at": NOW}
        return {**row, **told, "source": str(number)}


async def test_one_diff_is_made_at_a_time_and_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def slow(*_: str) -> str:
        begun.set()
        assert goes_on.wait(30)
        return "the difference"

    monkeypatch.setattr(versions, "unified_diff", slow)
    database: Any = OneCode()
    service = VersionService(database, Ids(), patience=0.01)
    first = asyncio.create_task(service.diff(CALLER, ID, 2, 1))
    assert await asyncio.to_thread(begun.wait, 30)
    with pytest.raises(Error, match="too many versions are being compared; try again") as caught:
        await service.diff(CALLER, ID, 2, 1)
    assert caught.value.code is ErrorCode.BUSY
    assert database.sources_read == 2, "one that waits holds no source"
    goes_on.set()
    assert (await first).diff == "the difference"
    assert (await service.diff(CALLER, ID, 2, 1)).diff == "the difference", "the next one has its turn"
