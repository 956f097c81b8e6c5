"""How the engine knows that an async function cannot wait."""

import opcode
from collections.abc import AsyncIterator
from typing import Any

import pytest

from codeactions.runtimes.python import awaitable


async def _plain(engine: Any) -> Any:
    found = [number for number in range(3) if number]
    try:
        return {"text": f"{engine}", "found": found, "of": len(found) or None}
    except ValueError as error:
        raise RuntimeError("x") from error


async def _await(engine: Any) -> Any:
    return await engine


async def _for(engine: AsyncIterator[Any]) -> None:
    async for _ in engine:
        pass


async def _with(engine: Any) -> None:
    async with engine:
        pass


async def _comprehension(engine: AsyncIterator[Any]) -> list[Any]:
    return [one async for one in engine]


@pytest.mark.parametrize("function", [_await, _for, _with, _comprehension, _plain], ids=lambda one: one.__name__)
def test_the_instruction_tells_whether_a_coroutine_can_wait(function: Any) -> None:
    instructions = function.__code__.co_code[::2]
    assert (awaitable.send_instruction() in instructions) == (function is not _plain)


def test_the_instruction_has_the_number_of_this_python() -> None:
    assert awaitable.send_instruction() == opcode.opmap["SEND"]


def test_without_its_number_the_instruction_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awaitable, "_SEND", None)
    assert awaitable.send_instruction() == opcode.opmap["SEND"]
