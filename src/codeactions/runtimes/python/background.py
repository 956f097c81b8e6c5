"""Work that a Python run does after its answer: `engine.background`.

Imported in the zygote and used inside runs; needs the standard library, awaitable and output alone.
"""

from __future__ import annotations

import sys

from codeactions.runtimes.python import awaitable
from codeactions.runtimes.python.output import OutputLimitError

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


# As `inspect` has them, which is too large to import here.
_GENERATOR = 0x20 | 0x200  # CO_GENERATOR and CO_ASYNC_GENERATOR
_ITERABLE_COROUTINE = 0x100


class Background:
    """Takes work, and does it when the answer has gone out. errors: what the work raised, in order."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = []
        self.errors: list[BaseException] = []

    def __call__(self, work: Any, *args: Any, **kwargs: Any) -> None:
        """Do something after the answer: `work` is a function, async or not, with its arguments, or an awaitable.

        Functions are called in the order in which they were given; async ones then go on at the same time. Each is
        tried, whatever the others raise. Raises `TypeError` for anything else.
        """
        flags = getattr(getattr(work, "__code__", None), "co_flags", 0)
        if flags & _GENERATOR and not flags & _ITERABLE_COROUTINE:
            raise TypeError(
                "engine.background takes a function that does its work when it is called: a generator function, one "
                "with a yield in it, does none until something goes through what it returns"
            )
        if not callable(work) and not awaitable.is_awaitable(work):
            raise TypeError(f"engine.background takes a function or an awaitable, not a {type(work).__name__}")
        if (args or kwargs) and not callable(work):
            raise TypeError(f"a {type(work).__name__} takes no arguments: give engine.background the function itself")
        self._waiting.append((work, args, kwargs))

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def finish(self, at_end: Callable[[Any], None]) -> None:
        """Do all of it, also what is given meanwhile. at_end: called in each event loop that it needed."""
        while self._waiting:
            begun = self._begin()
            if begun:
                awaitable.finish(self._finish(begun), at_end)

    async def finish_in_loop(self) -> None:
        """Do all of it in the loop that runs, in which what is waited for may have begun."""
        while self._waiting:
            await self._finish(self._begin())

    def _begin(self) -> list[Any]:
        """Call the functions that wait, and return what has to be awaited."""
        begun = []
        while self._waiting:
            work, args, kwargs = self._waiting.pop(0)
            try:
                value = work(*args, **kwargs) if callable(work) else work
            except BaseException as error:  # SystemExit too: to a run it is a failure
                self._note(error)
                continue
            if awaitable.is_awaitable(value):
                begun.append(value)
        return begun

    async def _finish(self, begun: list[Any]) -> None:
        if len(begun) == 1 and "asyncio" not in sys.modules:  # importing it costs 35 ms
            await self._finish_one(begun[0])
            begun = self._begin()
        if not begun:
            return
        import asyncio

        tasks = {asyncio.ensure_future(self._finish_one(one)) for one in begun}
        while tasks:
            done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            tasks |= {asyncio.ensure_future(self._finish_one(one)) for one in self._begin()}

    async def _finish_one(self, value: Any) -> None:
        try:
            while awaitable.is_awaitable(value):
                value = await value
        except BaseException as error:
            self._note(error)

    def _note(self, error: BaseException) -> None:
        if isinstance(error, OutputLimitError):
            raise error
        self.errors.append(error)
