"""How an async `Run` is finished: with an event loop, unless it certainly needs none."""

from __future__ import annotations

import sys
import types

from codeactions.runtimes.python.source import FILE

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any

# The number of the instruction SEND, by version. `await`, `async for` and `async with` are compiled to it, so without
# it a coroutine cannot wait for anything. In the zygote, importing `opcode` would cost every run eight page faults.
_SEND = {(3, 11): 123, (3, 12): 123, (3, 13): 104, (3, 14): 106}.get(sys.version_info[:2])
_ITERABLE_COROUTINE = 0x100  # inspect.CO_ITERABLE_COROUTINE, of generators that types.coroutine has marked


def is_awaitable(value: object) -> bool:
    """Return whether `await` takes a value."""
    if hasattr(value, "__await__"):
        return True
    return isinstance(value, types.GeneratorType) and bool(value.gi_code.co_flags & _ITERABLE_COROUTINE)


def finish(value: Any, source: str) -> Any:
    """Wait for an awaitable that `Run` returned, and return its result. Raises whatever it raises.

    Importing asyncio costs a run 35 ms, so a coroutine that needs no event loop is finished without one.
    """
    if _needs_loop(value, source):
        import asyncio

        async def main() -> Any:
            return await value

        return asyncio.run(main())
    try:
        value.send(None)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("a coroutine without an await waits for something")


def _needs_loop(value: object, source: str) -> bool:
    """Return whether an event loop has to be there.

    A coroutine needs none if its own code waits for nothing and if nothing that it calls could ask for the running
    loop. The second is certain enough where asyncio is not imported yet and the source, in which the coroutine is
    defined, does not have the word.
    """
    if not isinstance(value, types.CoroutineType) or "asyncio" in sys.modules:
        return True
    code = value.cr_code
    return code.co_filename != FILE or "asyncio" in source or send_instruction() in code.co_code[::2]


def send_instruction() -> int:
    """Return the number of the instruction SEND in this version of Python."""
    if _SEND is not None:
        return _SEND
    import opcode

    return opcode.opmap["SEND"]
