"""What a `Run` may return is waited for, however it came to be awaitable. The unusual kinds of it."""

import asyncio
import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from codeactions.runtimes.python import awaitable


async def _coroutine(result: str = "x") -> str:
    await asyncio.sleep(0)
    return result


@types.coroutine
def _generator() -> Iterator[None]:
    yield
    return "x"  # type: ignore[return-value]


class _Callable:
    async def __call__(self) -> str:
        return await _coroutine()


class _Awaitable:
    def __await__(self) -> Any:
        return _coroutine().__await__()


async def _handed_on() -> Any:
    return _coroutine()  # without await


def _task_of_a_loop_of_its_own() -> Any:
    return asyncio.new_event_loop().create_task(_coroutine())


@pytest.mark.parametrize(
    "make",
    [
        _coroutine,
        _generator,
        functools.partial(_coroutine, "x"),
        _Callable(),
        _Awaitable,
        _handed_on,
        _task_of_a_loop_of_its_own,
    ],
    ids=["coroutine", "generator", "partial", "callable", "awaitable", "handed on", "task"],
)
def test_whatever_can_be_awaited_is_waited_for(make: Callable[[], Any]) -> None:
    value = make()
    assert awaitable.is_awaitable(value)
    assert awaitable.finish(value) == "x"


@pytest.mark.parametrize(
    "value", ["x", None, (one for one in "x"), _coroutine], ids=["text", "None", "generator", "def"]
)
def test_anything_else_is_not(value: object) -> None:
    assert not awaitable.is_awaitable(value)
