"""The load generator: a separate process, light enough to leave the cores to the measured server.

It reads one `Order` a line, as JSON, from standard input and answers each with one `Result`.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict
from typing import cast

import httptools
import uvloop

from bench.orders import Order, Result
from bench.stats import percentile

_GRACE = 120.0  # seconds that calls in flight may take after the last one was sent
_ATTEMPTS = 3


class _Burst:
    """A number of calls that some connections make together."""

    def __init__(self, order: Order, result: Result, most: int, seconds: float) -> None:
        self.order, self.result = order, result
        self.latencies: list[float] = []
        self._left = most
        self._deadline = time.perf_counter() + seconds
        self._active = 0
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, connections: "list[_Connection]") -> float:
        """Make the calls. Returns the seconds that they took."""
        began = time.perf_counter()
        for connection in connections:
            if self.take():
                self._active += 1
                connection.begin(self)
        if self._active:
            await asyncio.wait_for(self._over, self.order.seconds + _GRACE)
        return time.perf_counter() - began

    def take(self) -> bool:
        """Take one more call, if there is one left. Returns whether there was."""
        if self._left <= 0 or time.perf_counter() > self._deadline:
            return False
        self._left -= 1
        self.result.calls += 1
        return True

    def leave(self) -> None:
        """Note that one connection has no more calls to make."""
        self._active -= 1
        if self._active == 0:
            self._over.set_result(None)

    def complain(self, text: str) -> None:
        """Count a wrong answer."""
        self.result.wrong += 1
        if len(self.result.complaints) < 3:
            self.result.complaints.append(text[:200])


class _Connection(asyncio.Protocol):
    _names = 0

    def __init__(self, order: Order) -> None:
        self._order = order
        self._transport: asyncio.Transport | None = None
        self._burst: _Burst | None = None  # set while a call is in flight
        self._tail = f" HTTP/1.1\r\nHost: {order.host}:{order.port}\r\nAccept: */*\r\n\r\n"
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self, self._order.host, self._order.port)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def begin(self, burst: _Burst) -> None:
        self._burst = burst
        self._attempts = 0
        _Connection._names += 1
        self._name = f"n{_Connection._names}"
        self._began = time.perf_counter()
        self._send()

    def _send(self) -> None:
        self._body = b""
        if self._transport is None or self._transport.is_closing():
            task = asyncio.get_running_loop().create_task(self._open_again())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        query = f"?name={self._name}" if self._order.check else ""
        self._transport.write(f"GET {self._order.path}{query}{self._tail}".encode())

    async def _open_again(self) -> None:
        assert self._burst is not None
        self._burst.result.reconnects += 1
        self._attempts += 1
        try:
            await self.open()
        except OSError as error:
            self._next(f"cannot connect: {error}")
        else:
            self._send()

    def _next(self, complaint: str) -> None:
        burst = self._burst
        assert burst is not None
        self._burst = None
        if complaint:
            burst.complain(complaint)
        if not burst.take():
            burst.leave()
        elif self._order.pause:
            asyncio.get_running_loop().call_later(self._order.pause, self.begin, burst)
        else:
            self.begin(burst)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's class is no subclass of it
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.close()
            if self._burst is not None:
                self._next(f"no HTTP: {error}")

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        burst = self._burst
        if burst is None:
            return
        burst.latencies.append((time.perf_counter() - self._began) * 1000)
        if not self._parser.should_keep_alive():
            self.close()
        self._next(self._complaint())

    def _complaint(self) -> str:
        status = self._parser.get_status_code()
        if status != self._order.status:
            return f"status {status}: {self._body!r}"
        try:
            if not self._order.check or json.loads(self._body) == {"hello": self._name}:
                return ""
        except ValueError:
            pass
        return f"asked as {self._name}, answered {self._body!r}"

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._burst is None:
            return
        if self._attempts < _ATTEMPTS and not self._body:
            self._send()  # the server closed the idle connection while the request was written
        else:
            self._next("the connection was closed before the answer was complete")


async def carry_out(order: Order) -> Result:
    result = Result()
    connections = [_Connection(order) for _ in range(order.concurrency)]
    try:
        for connection in connections:
            await connection.open()
        if order.warmup:
            await _Burst(order, result, order.warmup, order.seconds).run(connections[:1])
        burst = _Burst(order, result, order.most, order.seconds)
        result.elapsed_s = await burst.run(connections)
    finally:
        for connection in connections:
            connection.close()
    if not burst.latencies:
        raise RuntimeError(f"no call was answered: {result.complaints}")
    result.measured = len(burst.latencies)
    result.p50_ms = percentile(burst.latencies, 50)
    result.p99_ms = percentile(burst.latencies, 99)
    if order.samples:
        result.samples = burst.latencies
    return result


def main() -> None:
    """Serve orders until standard input ends."""
    for line in sys.stdin:
        print(json.dumps(asdict(uvloop.run(carry_out(Order(**json.loads(line)))))), flush=True)


if __name__ == "__main__":
    main()
