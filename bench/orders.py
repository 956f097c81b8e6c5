"""The orders that the load generator takes, and their results."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order for GET requests: `concurrency` connections send them one after the other.

    It ends when `most` were sent or `seconds` are over. The first `warmup` calls, one at a time, are not measured.
    check: add `?name=…` with a new value to each request, and expect `{"hello": value}`.
    """

    host: str
    port: int
    path: str
    concurrency: int
    most: int
    seconds: float
    warmup: int = 0
    pause: float = 0.0  # seconds for which a connection rests after each answer
    check: bool = True
    status: int = 200
    samples: bool = False  # whether the result has every single latency


@dataclass(slots=True, kw_only=True)
class Result:
    """The result of an order. Times are in milliseconds. `calls` includes the warm-up, `measured` does not."""

    calls: int = 0
    measured: int = 0
    wrong: int = 0
    complaints: list[str] = field(default_factory=list)  # the first few wrong answers
    reconnects: int = 0
    elapsed_s: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    samples: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """The number of answered calls a second."""
        return self.measured / self.elapsed_s
