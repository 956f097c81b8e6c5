"""Batching: the writes of many callers in few statements, over connections of its own."""

import asyncio
import collections
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import psycopg
import structlog

from codeactions.postgres.database import Connection, connect, translated, unavailable

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Entry = tuple[_Item, float, "asyncio.Future[_Result]"]  # the item, its deadline, and the future of its result
_MOST_ITEMS = 64
_STATEMENT_SECONDS = 30.0  # after which a silent connection is given up
_RETRY_DELAY = 0.2  # seconds between attempts to reach the database
_log = structlog.get_logger()


class Batcher(Generic[_Item, _Result]):
    """Gathers the items that arrive while a statement is on its way, and sends them as the next one.

    An item alone goes out at once. Under load many items share a commit. `write` must be safe to repeat: it is called
    again with the same items when the connection broke and it is unknown whether the commit was done. When a batch is
    refused, its items are tried one by one, so that a bad one harms no other.
    """

    def __init__(
        self,
        url: str,
        write: Callable[[Connection, Sequence[_Item]], Awaitable[Sequence[_Result]]],
        *,
        name: str,
        lanes: int = 1,
        durable: bool = True,
        patience: float = 10.0,
        size: Callable[[_Item], int] = lambda item: 0,
        most_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        """patience: seconds that an item may wait for an unreachable database before it fails with `Error` (busy)."""
        self._url = url
        self._write = write
        self._name = name
        self._durable = durable
        self._patience = patience
        self._size = size
        self._most_bytes = most_bytes
        self._waiting: collections.deque[_Entry[_Item, _Result]] = collections.deque()
        self._wanted = asyncio.Event()
        self._lanes: list[asyncio.Task[None]] = []
        self._lane_count = lanes
        self._stopped = False

    def __repr__(self) -> str:
        return f"<Batcher {self._name}: {len(self._waiting)} waiting, {len(self._lanes)} lanes>"

    async def start(self) -> None:
        """Start the lanes. Each has a connection and at most one statement on its way."""
        self._lanes = [
            asyncio.create_task(self._serve(), name=f"{self._name}-{lane}") for lane in range(self._lane_count)
        ]

    async def stop(self) -> None:
        """Stop. Items that still wait fail, and items that are submitted later fail at once."""
        self._stopped = True
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)
        for _, _, done in self._waiting:
            _fail(done, unavailable())
        self._waiting.clear()

    def submit(self, item: _Item) -> "asyncio.Future[_Result]":
        """Queue one item.

        The future is done when the item is written. It fails with `Error`, or with the error that a mistake raised.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_Result] = loop.create_future()
        if self._stopped:
            _fail(done, unavailable())
            return done
        self._waiting.append((item, loop.time() + self._patience, done))
        self._wanted.set()
        return done

    async def _serve(self) -> None:
        connection: Connection | None = None
        try:
            while True:
                while not self._waiting:
                    self._wanted.clear()
                    await self._wanted.wait()
                if connection is None or connection.closed or connection.broken:
                    connection = await self._reconnect(connection)
                batch = self._take() if connection is not None else []
                if connection is not None and batch:  # another lane may have taken them
                    await self._send(connection, batch)
        finally:
            if connection is not None:
                await connection.close()

    async def _reconnect(self, old: Connection | None) -> Connection | None:
        if old is not None:
            await old.close()
        try:
            async with asyncio.timeout(5.0):
                return await connect(self._url, durable=self._durable)
        except (psycopg.Error, TimeoutError):
            self._give_up_on_expired()
            await asyncio.sleep(_RETRY_DELAY)
            return None

    def _give_up_on_expired(self) -> None:
        now = asyncio.get_running_loop().time()
        waiting, self._waiting = self._waiting, collections.deque()
        for entry in waiting:
            if entry[1] < now:
                _fail(entry[2], unavailable())
            else:
                self._waiting.append(entry)

    def _take(self) -> "list[_Entry[_Item, _Result]]":
        batch: list[_Entry[_Item, _Result]] = []
        room = self._most_bytes
        while self._waiting and len(batch) < _MOST_ITEMS and (room > 0 or not batch):
            entry = self._waiting.popleft()
            room -= self._size(entry[0])
            batch.append(entry)
        return batch

    async def _send(self, connection: Connection, batch: "list[_Entry[_Item, _Result]]") -> None:
        try:
            left = await self._unwritten(connection, batch)
        except asyncio.CancelledError:
            self._put_back(batch)
            raise
        if left:
            await connection.close()
            self._put_back(left)
            self._give_up_on_expired()
            await asyncio.sleep(_RETRY_DELAY)

    def _put_back(self, entries: "list[_Entry[_Item, _Result]]") -> None:
        """Put entries first in line again, in the same order. Those whose caller stopped waiting are written too."""
        self._waiting.extendleft(entry for entry in reversed(entries) if entry[2].cancelled() or not entry[2].done())

    async def _unwritten(
        self, connection: Connection, batch: "list[_Entry[_Item, _Result]]"
    ) -> "list[_Entry[_Item, _Result]]":
        """Write a batch; return the entries to send again, since the database is away, silent, or its disk is full."""
        try:
            async with asyncio.timeout(_STATEMENT_SECONDS):
                results = await self._write(connection, [item for item, _, _ in batch])
        except (psycopg.OperationalError, TimeoutError) as error:
            _log.warning("record_delayed", what=self._name, items=len(batch), error=type(error).__name__)
            return batch
        except Exception as error:  # whatever goes wrong with an item, the lane must go on for the others
            if len(batch) == 1:
                _fail(batch[0][2], error)
                return []
            for place in range(len(batch)):
                if await self._unwritten(connection, batch[place : place + 1]):
                    return batch[place:]
            return []
        for (_, _, done), result in zip(batch, results, strict=True):
            with contextlib.suppress(asyncio.InvalidStateError):  # its caller stopped waiting
                done.set_result(result)
        return []


def _fail(done: "asyncio.Future[_Result]", error: Exception) -> None:
    if done.done():
        return
    try:
        with translated():
            raise error
    except Exception as told:
        done.set_exception(told)
