"""One phase of a bench: calls to one server at one level of concurrency."""

from dataclasses import asdict

from bench.orders import Order, Result
from bench.processes import Child


def take(
    load: Child, address: tuple[str, int, str], level: int, *, most: int, seconds: float, pause: float = 0
) -> Result:
    """Let the load generator call `address` (host, port, path), `level` calls at a time. Raises `BenchError`.

    One call before that only warms up. The phase ends after `most` calls (half as many if `level` is 1) or after
    `seconds`, whichever comes first. Each connection rests for `pause` seconds between two calls.
    """
    host, port, path = address
    order = Order(
        host=host,
        port=port,
        path=path,
        concurrency=level,
        most=max(most // 2 if level == 1 else most, level),
        seconds=seconds,
        warmup=1,
        pause=pause,
    )
    return Result(**load.ask(asdict(order)))
