"""How an async `Run` is finished: with an event loop as soon as something needs one.

Importing asyncio costs a run 35 ms, and most async functions wait for nothing. So an awaitable is begun without a loop.
As soon as asyncio is imported, by whatever it calls, or something waits, there is a loop, which goes on from there.
"""

from __future__ import annotations

import _thread
import sys
import types
from _contextvars import copy_context
from collections.abc import Callable, Coroutine

from codeactions.runtimes.python.when_imported import WhenImported

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any

_ITERABLE_COROUTINE = 0x100  # inspect.CO_ITERABLE_COROUTINE, of generators that types.coroutine has marked
# By sniffio libraries find out what loop they are in. It looks for asyncio and does not import it.
_NEED_LOOP = ("asyncio", "sniffio")


def is_awaitable(value: object) -> bool:
    """Return whether `await` takes a value."""
    if hasattr(value, "__await__"):
        return True
    return isinstance(value, types.GeneratorType) and bool(value.gi_code.co_flags & _ITERABLE_COROUTINE)


def finish(value: Any, then: Callable[[Any], Any] | None = None) -> Any:
    """Wait for an awaitable that `Run` returned, and return its result. Raises whatever it raises.

    then: gets the result while the same event loop runs, and may return a coroutine that has to be waited for there.
    """
    if not any(name in sys.modules for name in _NEED_LOOP):
        return _Begun(_result_of(value, then)).finish()
    import asyncio

    # A future belongs to a loop, and can be waited for in no other.
    with asyncio.Runner(loop_factory=value.get_loop if asyncio.isfuture(value) else None) as runner:
        return runner.run(_result_of(value, then))


async def _result_of(value: Any, then: Callable[[Any], Any] | None) -> Any:
    while is_awaitable(value):  # what is around an async function may hand on what that returned
        value = await value
    more = None if then is None else then(value)
    if more is not None:
        await more
    return value


class _Begun(Coroutine["Any", "Any", "Any"]):
    """A coroutine whose first step is made without an event loop.

    To the loop it looks like one that has not begun: the loop's first step gets what its own came to.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self._context = copy_context()  # what is set in it before the loop is there has to stay set
        self._thread = _thread.get_ident()
        self._imports = WhenImported(_NEED_LOOP, lambda _: self._start_loop())
        self._runner: Any = None
        self._task: Any = None
        self._first: Callable[[], Any] | None = None

    def finish(self) -> Any:
        """Run it to its end and return its result."""
        hooks = sys.get_asyncgen_hooks()
        self._imports.watch()
        # The loop closes generators at its end, so it has to know of each.
        sys.set_asyncgen_hooks(self._on_generator, lambda generator: self._loop._asyncgen_finalizer_hook(generator))
        try:
            waits_for = self._context.run(self._coroutine.send, None)
            self._first = lambda: waits_for
            self._start_loop()
        except BaseException as error:
            if self._runner is None:
                if isinstance(error, StopIteration):
                    return error.value
                raise
            raised = error
            self._first = lambda: _raise(raised)
        finally:
            sys.set_asyncgen_hooks(*hooks)
            self._imports.stop()
        return self._go_on()

    @property
    def _loop(self) -> Any:
        return self._runner.get_loop()

    def _start_loop(self) -> None:
        """Make a loop and a task of this coroutine, and let both look as if they were running."""
        self._imports.stop()
        if self._runner is not None or _thread.get_ident() != self._thread:
            return
        import asyncio

        self._runner = asyncio.Runner()
        asyncio._set_running_loop(self._loop)
        self._task = self._loop.create_task(self, context=self._context)
        asyncio.tasks._enter_task(self._loop, self._task)

    def _go_on(self) -> Any:
        """Let the loop run the task to its end."""
        import asyncio

        asyncio.tasks._leave_task(self._loop, self._task)
        asyncio._set_running_loop(None)
        with self._runner:
            return self._loop.run_until_complete(self._task)

    def _on_generator(self, generator: Any) -> None:
        self._start_loop()
        self._loop._asyncgen_firstiter_hook(generator)

    def send(self, value: Any) -> Any:
        """Go on to where it waits next, with what it has waited for."""
        first, self._first = self._first, None
        return self._coroutine.send(value) if first is None else first()

    def throw(self, *raised: Any) -> Any:
        """Go on with an exception."""
        self._first = None
        return self._coroutine.throw(*raised)

    def close(self) -> None:
        """End where it waits."""
        self._coroutine.close()

    def __await__(self) -> Any:
        raise TypeError("only a loop's task takes this")


def _raise(error: BaseException) -> Any:
    raise error
