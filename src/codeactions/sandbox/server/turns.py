"""Callers that wait for a sandbox, in the order they came."""

import asyncio
import collections
from collections.abc import Callable
from dataclasses import dataclass

from codeactions.domain.errors import Error


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    zygote: str
    turn: asyncio.Future[None]


class Turns:
    """Says whose turn it is. `len()` is the number of callers that wait.

    is_ready: tells whether a zygote takes runs; a caller whose zygote does not is passed over.
    """

    def __init__(self, is_ready: Callable[[str], bool]) -> None:
        self._is_ready = is_ready
        self._waiting: collections.deque[_Waiter] = collections.deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def __repr__(self) -> str:
        return f"<Turns {len(self)} waiting>"

    @property
    def lack_a_slot(self) -> bool:
        """Whether a caller waits that lacks a slot alone, and not its zygote."""
        return any(self._is_ready(waiter.zygote) for waiter in self._waiting)

    async def wait(self, zygote: str, deadline: float) -> None:
        """Wait for the caller's turn, until `deadline` by the loop's clock.

        Raises `TimeoutError`, and the `Error` of `refuse`. A caller that raises may have had its turn.
        """
        waiter = _Waiter(zygote, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                await waiter.turn
        finally:
            self._waiting.remove(waiter)

    def give(self, places: int) -> None:
        """Give so many callers their turn; those that have it and have not left yet are among them."""
        for waiter in self._waiting:
            if places <= 0:
                return
            if self._is_ready(waiter.zygote):
                if not waiter.turn.done():
                    waiter.turn.set_result(None)
                places -= 1

    def refuse(self, zygote: str, error: Error) -> None:
        """Send away all callers that wait for a sandbox of a zygote."""
        for waiter in self._waiting:
            if waiter.zygote == zygote and not waiter.turn.done():
                waiter.turn.set_exception(error)
