"""What the load generator is asked, and what it answers."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """`concurrency` connections send one GET after the other, until `most` were sent or `seconds` are over.

    `?name=…` with a value never used before is added when `check` is true, and `{"hello": value}` expected.
    The first `warmup` calls, one at a time, are not measured.
    """

    host: str
    port: int
    path: str
    concurrency: int
    most: int
    seconds: float
    warmup: int = 0
    pause: float = 0.0  # seconds that a connection rests after each answer
    check: bool = True
    status: int = 200
    samples: bool = False  # whether to answer with every single latency too


@dataclass(slots=True, kw_only=True)
class Result:
    """What came of an order. Times in milliseconds; `calls` counts the warm-up too, `measured` does not."""

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
        """Calls answered in a second."""
        return self.measured / self.elapsed_s
