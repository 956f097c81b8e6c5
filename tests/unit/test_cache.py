"""Rows kept in memory: only while changes are heard, and never one that may be stale."""

import asyncio
from collections.abc import Callable

import pytest

from codeactions.domain.errors import Error, not_found
from codeactions.postgres.cache import Cache

MOST_SECONDS = 5.0


class Rows:
    """What is read, and how often; `held` lets reads wait."""

    def __init__(self) -> None:
        self.values: dict[int, str] = {}
        self.reads: list[int] = []
        self.now = 1000.0
        self.held: asyncio.Event | None = None

    async def read(self, key: int) -> str:
        self.reads.append(key)
        if key not in self.values:
            raise not_found(f"there is no {key}")
        value = self.values[key]
        if self.held:
            await self.held.wait()
        return value

    def cache(
        self, *, capacity: int = 100, size: Callable[[str], int] = lambda _: 1, on: bool = True
    ) -> Cache[int, str]:
        made = Cache(self.read, parse=int, capacity=capacity, size=size, clock=lambda: self.now)
        if on:
            made.on_hearing(is_hearing=True)
        return made


@pytest.fixture
def rows() -> Rows:
    made = Rows()
    made.values = {1: "one", 2: "two", 3: "three"}
    return made


async def reads(rows: Rows, cache: Cache[int, str], *keys: int) -> list[int]:
    """Gets the values; those of them that had to be read."""
    rows.reads.clear()
    for key in keys:
        assert await cache.get(key) == rows.values[key]
    return list(rows.reads)


async def test_a_value_is_read_once_while_changes_are_heard(rows: Rows) -> None:
    assert await reads(rows, rows.cache(), 1, 1, 2, 1, 2) == [1, 2]


async def test_nothing_is_kept_while_changes_are_not_heard(rows: Rows) -> None:
    cache = rows.cache(on=False)
    assert await reads(rows, cache, 1, 1) == [1, 1]
    cache.on_hearing(is_hearing=True)
    assert await reads(rows, cache, 1, 1) == [1]
    cache.on_hearing(is_hearing=False)
    rows.values[1] = "changed unheard"
    assert await reads(rows, cache, 1, 1) == [1, 1]
    cache.on_hearing(is_hearing=True)
    assert await reads(rows, cache, 1, 1) == [1]


@pytest.mark.parametrize("how", ["changed", "everything changed", "forget", "forget_all"])
async def test_a_change_drops_its_value(rows: Rows, how: str) -> None:
    cache = rows.cache()
    await reads(rows, cache, 1, 2)
    rows.values[1] = "new"
    {
        "changed": lambda: cache.on_change("1"),
        "everything changed": lambda: cache.on_change("*"),
        "forget": lambda: cache.forget(1),
        "forget_all": cache.forget_all,
    }[how]()
    assert await reads(rows, cache, 1, 1, 2) == ([1] if how in ("changed", "forget") else [1, 2])


@pytest.mark.parametrize("payload", ["", "x", "1x", "9"])
async def test_a_payload_that_names_nothing_drops_nothing(rows: Rows, payload: str) -> None:
    cache = rows.cache()
    await reads(rows, cache, 1, 2)
    cache.on_change(payload)
    assert await reads(rows, cache, 1, 2) == []


@pytest.mark.parametrize("how", ["changed", "forget", "deaf", "deaf and hearing again"])
async def test_what_was_read_before_a_change_is_not_kept_after_it(rows: Rows, how: str) -> None:
    cache = rows.cache()
    rows.held = asyncio.Event()
    getting = asyncio.create_task(cache.get(1))
    await asyncio.sleep(0)
    assert rows.reads == [1]
    rows.values[1] = "new"
    if how.startswith("deaf"):
        cache.on_hearing(is_hearing=False)
        cache.on_hearing(is_hearing=how.endswith("again"))
    else:
        {"changed": lambda: cache.on_change("1"), "forget": lambda: cache.forget(1)}[how]()
    rows.held.set()
    assert await getting == "one"  # asked for before the change
    if how == "deaf":
        cache.on_hearing(is_hearing=True)
    assert await reads(rows, cache, 1, 1) == [1]


async def test_values_that_are_read_at_the_same_time_are_all_kept(rows: Rows) -> None:
    cache = rows.cache()
    rows.held = asyncio.Event()
    getting = [asyncio.create_task(cache.get(key)) for key in (1, 2, 3)]
    await asyncio.sleep(0)
    rows.held.set()
    assert await asyncio.gather(*getting) == ["one", "two", "three"]
    assert await reads(rows, cache, 1, 2, 3) == []


async def test_a_value_is_read_again_after_a_while_however_often_it_is_used(rows: Rows) -> None:
    cache = rows.cache()
    await reads(rows, cache, 1)
    for _ in range(4):
        rows.now += MOST_SECONDS / 5
        assert await reads(rows, cache, 1) == []
    rows.now += MOST_SECONDS / 5
    assert await reads(rows, cache, 1, 1) == [1]
    rows.now += MOST_SECONDS - 0.01
    assert await reads(rows, cache, 1) == []


async def test_those_used_longest_ago_make_room(rows: Rows) -> None:
    cache = rows.cache(capacity=2)
    assert await reads(rows, cache, 1, 2, 1, 3) == [1, 2, 3]
    assert await reads(rows, cache, 1, 3) == []
    assert await reads(rows, cache, 2) == [2]
    assert await reads(rows, cache, 3) == []


async def test_sizes_are_counted_and_given_back(rows: Rows) -> None:
    cache = rows.cache(capacity=8, size=len)
    assert await reads(rows, cache, 1, 2, 1, 2) == [1, 2]
    for number in range(20):
        rows.values[1] = "x" * (number % 5)
        cache.on_change("1")
        assert await reads(rows, cache, 1, 2) == [1]
    rows.now += 2 * MOST_SECONDS
    assert await reads(rows, cache, 1, 2, 1, 2) == [1, 2]
    rows.values[1] = "x" * 9
    cache.on_change("1")
    assert await reads(rows, cache, 1, 1) == [1, 1]  # larger than all there is room for
    assert await reads(rows, cache, 3, 2, 3, 2) == [3]


async def test_an_error_is_not_kept(rows: Rows) -> None:
    cache = rows.cache()
    for _ in range(2):
        with pytest.raises(Error, match="there is no 4"):
            await cache.get(4)
    rows.values[4] = "four"
    assert await reads(rows, cache, 4, 4) == [4]


async def test_it_says_how_full_it_is_and_nothing_of_what_it_holds(rows: Rows) -> None:
    cache = rows.cache(capacity=50, size=len)
    await reads(rows, cache, 1, 2)
    assert repr(cache) == "<Cache of 2, 6 of 50, hearing>"
    cache.on_hearing(is_hearing=False)
    assert repr(cache) == "<Cache of 0, 0 of 50, deaf>"
