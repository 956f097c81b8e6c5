"""The batcher, against a database that does what a test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import psycopg
import pytest
from harness import until

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres.recording import batcher as module
from codeactions.postgres.recording.batcher import Batcher

Write = Callable[[Any, Sequence[int]], Awaitable[Sequence[int]]]


class FakeConnection:
    """As much of a connection as the batcher looks at."""

    def __init__(self) -> None:
        self.closed = False
        self.broken = False

    async def close(self) -> None:
        """Close it."""
        self.closed = True


class FakeDatabase:
    """Keeps every batch that was written; a gate holds up writing, a plan makes attempts fail."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.attempts: list[list[int]] = []
        self.connections: list[FakeConnection] = []
        self.refuses_connections = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.held_up = 0
        self.plan: list[Exception] = []
        self.bad: set[int] = set()

    async def connect(self, url: str, *, durable: bool = True) -> FakeConnection:
        """Stands in for `postgres.database.connect`."""
        if self.refuses_connections:
            self.refuses_connections -= 1
            raise psycopg.OperationalError("refused")
        self.connections.append(FakeConnection())
        return self.connections[-1]

    async def write(self, connection: FakeConnection, items: Sequence[int]) -> list[int]:
        """Stands in for a statement."""
        assert not connection.closed
        self.held_up += 1
        await self.gate.wait()
        self.held_up -= 1
        self.attempts.append(list(items))
        if self.plan:
            raise self.plan.pop(0)
        if self.bad & set(items):
            raise psycopg.errors.DataError("bad item")
        self.batches.append(list(items))
        return [item * 10 for item in items]


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> FakeDatabase:
    """A database that answers."""
    fake = FakeDatabase()
    monkeypatch.setattr(module, "connect", fake.connect)
    monkeypatch.setattr(module, "_RETRY_DELAY", 0.01)
    return fake


@pytest.fixture
async def batcher(database: FakeDatabase) -> AsyncIterator["Batcher[int, int]"]:
    """A batcher at work."""
    batcher: Batcher[int, int] = Batcher("url", database.write, name="test", patience=0.3)  # type: ignore[arg-type]
    await batcher.start()
    yield batcher
    await batcher.stop()


async def test_an_item_alone_goes_out_at_once(batcher: "Batcher[int, int]", database: FakeDatabase) -> None:
    assert await batcher.submit(1) == 10
    assert database.batches == [[1]]


async def test_what_waits_during_a_statement_shares_the_next_in_order(
    batcher: "Batcher[int, int]", database: FakeDatabase
) -> None:
    database.gate.clear()
    first = batcher.submit(0)
    await until(lambda: database.held_up == 1)
    rest = [batcher.submit(n) for n in range(1, 41)]
    database.gate.set()
    assert await asyncio.gather(first, *rest) == [n * 10 for n in range(41)]
    assert database.batches == [[0], list(range(1, 41))]


async def test_a_batch_has_a_bound(batcher: "Batcher[int, int]", database: FakeDatabase) -> None:
    database.gate.clear()
    futures = [batcher.submit(n) for n in range(150)]
    database.gate.set()
    await asyncio.gather(*futures)
    assert [n for batch in database.batches for n in batch] == list(range(150))
    assert max(map(len, database.batches)) == 64


async def test_large_items_make_small_batches_and_one_over_the_bound_still_goes(database: FakeDatabase) -> None:
    sized: Batcher[int, int] = Batcher(
        "url", database.write, name="test", size=lambda item: item, most_bytes=100  # type: ignore[arg-type]
    )  # fmt: skip
    futures = [sized.submit(n) for n in (60, 60, 60, 500, 1)]
    await sized.start()
    await asyncio.gather(*futures)
    await sized.stop()
    assert database.batches == [[60, 60], [60, 500], [1]]


async def test_a_bad_item_harms_no_other(batcher: "Batcher[int, int]", database: FakeDatabase) -> None:
    database.bad = {3}
    database.gate.clear()
    futures = [batcher.submit(n) for n in range(6)]
    database.gate.set()
    results = await asyncio.gather(*futures, return_exceptions=True)
    assert isinstance(results[3], Error)
    assert results[3].code is ErrorCode.INVALID
    assert [result for n, result in enumerate(results) if n != 3] == [0, 10, 20, 40, 50]
    assert await batcher.submit(7) == 70


async def test_a_mistake_that_is_not_the_drivers_ends_neither_the_lane_nor_the_other_items(
    batcher: "Batcher[int, int]", database: FakeDatabase
) -> None:
    await batcher.submit(1)
    database.plan = [UnicodeEncodeError("utf-8", "", 0, 1, "surrogates not allowed")]
    with pytest.raises(UnicodeEncodeError):
        await batcher.submit(2)
    assert await batcher.submit(3) == 30


async def test_a_connection_that_says_nothing_is_given_up_and_the_item_written_on_another(
    batcher: "Batcher[int, int]", database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_STATEMENT_SECONDS", 0.05)
    database.gate.clear()
    waiting = batcher.submit(7)
    await until(lambda: database.connections and database.connections[0].closed)
    database.gate.set()
    assert await waiting == 70
    assert len(database.connections) > 1


async def test_a_lost_connection_is_made_again_and_the_same_items_are_written_in_order(
    batcher: "Batcher[int, int]", database: FakeDatabase
) -> None:
    database.plan = [psycopg.OperationalError("gone")]
    database.refuses_connections = 0
    futures = [batcher.submit(n) for n in range(3)]
    database.refuses_connections = 2
    assert await asyncio.gather(*futures) == [0, 10, 20]
    assert database.attempts == [[0, 1, 2], [0, 1, 2]]
    assert len(database.connections) == 2
    assert database.connections[0].closed


async def test_a_connection_that_went_bad_in_idle_times_is_replaced(
    batcher: "Batcher[int, int]", database: FakeDatabase
) -> None:
    await batcher.submit(1)
    database.connections[0].broken = True
    assert await batcher.submit(2) == 20
    assert len(database.connections) == 2


async def test_items_are_given_up_when_the_database_stays_away(
    batcher: "Batcher[int, int]", database: FakeDatabase
) -> None:
    database.refuses_connections = 10_000
    with pytest.raises(Error, match="database cannot be reached") as caught:
        await batcher.submit(1)
    assert caught.value.code is ErrorCode.BUSY
    refused = 10_000 - database.refuses_connections
    assert 0 < refused < 10_000, "it is tried, and not for ever"
    database.refuses_connections = 0
    assert await batcher.submit(2) == 20, "what comes later is written again"
    assert database.batches == [[2]]


async def test_items_are_given_up_when_every_attempt_breaks_the_connection(
    batcher: "Batcher[int, int]", database: FakeDatabase
) -> None:
    database.plan = [psycopg.OperationalError("gone") for _ in range(100_000)]
    with pytest.raises(Error, match="database cannot be reached"):
        await batcher.submit(1)


async def test_a_caller_that_stopped_waiting_harms_nobody(batcher: "Batcher[int, int]", database: FakeDatabase) -> None:
    database.gate.clear()
    gone, kept = batcher.submit(1), batcher.submit(2)
    gone.cancel()
    database.gate.set()
    assert await kept == 20
    assert await batcher.submit(3) == 30


async def test_stopping_gives_up_what_waits_and_closes_connections(database: FakeDatabase) -> None:
    batcher: Batcher[int, int] = Batcher("url", database.write, name="test", lanes=2)  # type: ignore[arg-type]
    await batcher.start()
    await batcher.submit(0)
    database.gate.clear()
    futures = [batcher.submit(n) for n in range(3)]
    await until(lambda: database.held_up)
    await batcher.stop()
    for future in futures:
        with pytest.raises(Error, match="database cannot be reached"):
            await future
    assert all(connection.closed for connection in database.connections)
    assert "0 waiting" in repr(batcher)


async def test_what_is_submitted_after_the_end_fails_at_once(database: FakeDatabase) -> None:
    batcher: Batcher[int, int] = Batcher("url", database.write, name="test")  # type: ignore[arg-type]
    await batcher.start()
    await batcher.stop()
    assert batcher.submit(1).exception() is not None
    assert "0 waiting" in repr(batcher)


async def test_two_lanes_have_two_statements_on_their_way(database: FakeDatabase) -> None:
    batcher: Batcher[int, int] = Batcher("url", database.write, name="test", lanes=2)  # type: ignore[arg-type]
    await batcher.start()
    database.gate.clear()
    futures = [batcher.submit(1)]
    await until(lambda: database.held_up == 1)
    futures.append(batcher.submit(2))
    await until(lambda: database.held_up == 2)
    assert len(database.connections) == 2
    database.gate.set()
    assert await asyncio.gather(*futures) == [10, 20]
    assert sorted(database.batches) == [[1], [2]]
    await batcher.stop()


async def test_items_keep_their_order_when_the_connection_breaks_between_those_that_are_tried_one_by_one(
    batcher: "Batcher[int, int]", database: FakeDatabase
) -> None:
    bad_batch, first_alone, second_alone = psycopg.errors.DataError("bad"), None, psycopg.OperationalError("gone")
    plan = [bad_batch, first_alone, second_alone]
    write = database.write

    async def planned(connection: FakeConnection, items: Sequence[int]) -> list[int]:
        error = plan.pop(0) if plan else None
        database.plan = [error] if error else []
        return await write(connection, items)

    batcher._write = planned  # type: ignore[assignment]
    database.gate.clear()
    futures = [batcher.submit(n) for n in range(4)]
    database.gate.set()
    assert await asyncio.gather(*futures) == [0, 10, 20, 30]
    assert database.attempts == [[0, 1, 2, 3], [0], [1], [1, 2, 3]]
    assert len(database.connections) == 2


async def test_what_nobody_waits_for_any_more_is_written_all_the_same(
    batcher: "Batcher[int, int]", database: FakeDatabase
) -> None:
    database.plan = [psycopg.OperationalError("gone")]
    database.gate.clear()
    futures = [batcher.submit(n) for n in range(2)]
    await until(lambda: database.held_up)
    futures[0].cancel()
    database.gate.set()
    assert await futures[1] == 10
    assert database.batches == [[0, 1]]


async def test_an_item_whose_time_is_up_does_not_wait_behind_a_younger_one(database: FakeDatabase) -> None:
    batcher: Batcher[int, int] = Batcher("url", database.write, name="test", patience=60)  # type: ignore[arg-type]
    database.refuses_connections = 10_000
    patient = batcher.submit(1)
    batcher._patience = 0.05
    hurried = batcher.submit(2)
    await batcher.start()
    with pytest.raises(Error, match="database cannot be reached"):
        await hurried
    assert not patient.done()
    await batcher.stop()
    assert patient.exception() is not None  # taken here: its finalizer would log it, in the middle of another test
