"""Look-ups of old ids: one at a time, each waited for a while and no longer."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from harness import turns

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.ids import OldId
from codeactions.postgres.oldids import OldIds

CODE = UUID(int=7)
KNOWN, OTHER, UNKNOWN = (OldId(digit * 24) for digit in "abc")


class Held:
    """A database of the Go service in which look-ups wait until they may go on."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.looked_up: list[str] = []

    async def fetch(self, statement: str, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        if values is None:
            return [{"name": table, "there": True, "links": False} for table in ("codes", "coderuns")]
        self.looked_up.append(values["old_id"])
        await self.gate.wait()
        return [{"id": CODE}] if values["old_id"] == KNOWN else []


async def test_behind_a_look_up_that_hangs_others_are_busy_and_what_is_known_is_there() -> None:
    held: Any = Held()
    ids = OldIds(held, patience=0.01)
    held.gate.set()
    assert await ids.code(KNOWN) == CODE
    held.gate.clear()
    hanging = asyncio.create_task(ids.code(UNKNOWN))
    await turns()
    for look_up in (ids.code(OTHER), ids.run(OTHER), ids.code(UNKNOWN)):
        with pytest.raises(Error, match="too many old ids") as caught:
            await look_up
        assert caught.value.code is ErrorCode.BUSY
    assert await ids.code(KNOWN) == CODE
    held.gate.set()
    assert await hanging is None
    assert await ids.run(OTHER) is None, "its turn comes again"


async def test_an_id_that_many_ask_for_at_once_is_looked_up_once() -> None:
    held: Any = Held()
    ids = OldIds(held)
    asking = [asyncio.create_task(ids.code(one)) for one in (KNOWN, UNKNOWN) * 5]
    await turns()
    held.gate.set()
    assert await asyncio.gather(*asking) == [CODE, None] * 5
    assert held.looked_up == [KNOWN, UNKNOWN]


async def test_an_answer_that_expires_while_it_is_read_is_looked_up_again() -> None:
    held: Any = Held()
    held.gate.set()
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 1.0  # so that it may expire between any two looks at it
        return now

    ids = OldIds(held, clock)
    assert [await ids.code(KNOWN) for _ in range(20)] == [CODE] * 20
