"""One phase: one server, called for a while by so many at a time."""

from dataclasses import asdict

from bench.orders import Order, Result
from bench.processes import Child


def take(
    load: Child, address: tuple[str, int, str], level: int, *, most: int, seconds: float, pause: float = 0
) -> Result:
    """Have the load generator call `address` (host, port, path), `level` at a time, after one call that only warms up.

    It ends with `most` calls (half as many one at a time) or after `seconds`; each rests for `pause` seconds between
    two calls. Raises `BenchError`.
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
