"""Metrics for Prometheus. Labels come from small closed sets, so the number of series is bounded."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from codeactions.domain.code import TYPES, Code
from codeactions.domain.run import Outcome

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._runs = Counter(
            "ca_run_count",
            "Runs that ended, by how: completed, or the type of the error",
            ("language", "type", "outcome"),
            registry=self._registry,
        )
        self._durations = Histogram(
            "ca_run_duration_seconds",
            "From the job handed to the sandbox to its end",
            ("language",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._errors = Counter(
            "ca_http_errors", "Error answers of the API, by code", ("code",), registry=self._registry
        )

    def count_run(self, code: Code, outcome: Outcome) -> None:
        """Count a run that is on record."""
        how = "completed" if outcome.error is None else str(outcome.error.type)
        kind = code.type if code.type in TYPES else "other"
        self._runs.labels(code.language, kind, how).inc()
        self._durations.labels(code.language).observe(outcome.duration_ms / 1000)

    def count_error(self, code: str) -> None:
        """Count an error answer."""
        self._errors.labels(code).inc()

    def watch(self, name: str, description: str, read: Callable[[], float]) -> None:
        """Add a gauge; `read` is called each time the metrics are read."""
        Gauge(name, description, registry=self._registry).set_function(read)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)
