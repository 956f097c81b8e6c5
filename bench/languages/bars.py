"""The bars of JavaScript and Go: what is promised, compared with the measured values."""

from collections.abc import Iterator

from bench.bars import Bar
from bench.languages import results
from bench.languages.results import Measured
from bench.results import rounds_median
from bench.stats import spread

_LATENCY_MS = {results.TRIVIAL: 6.0, results.TYPICAL: 6.0, results.GO: 9.0}
_PER_SECOND = {results.TRIVIAL: 90.0, results.TYPICAL: 90.0, results.GO: 180.0}
_SANDBOXED = {
    results.TRIVIAL: results.BUN_TRIVIAL_SANDBOXED,
    results.TYPICAL: results.BUN_TYPICAL_SANDBOXED,
    results.GO: results.PROGRAM_SANDBOXED,
}
_TIMES = 5.0
_DEPLOY_MS = {"go": 1500.0, "javascript": 500.0}


def bars(measured: Measured) -> list[Bar]:
    """Return every promise for which this run has the numbers."""
    return [*_speed(measured), *_against_sandboxes(measured), *_deploys(measured)]


def _speed(measured: Measured) -> Iterator[Bar]:
    for name, bar in _LATENCY_MS.items():
        value = rounds_median(measured.series[name][1].values("p50_ms"))
        yield Bar(f"{name}: p50, one after the other", value, bar, "ms", True)
        value = rounds_median(measured.spaced[name].values("p50_ms"))
        yield Bar(f"{name}: p50, {measured.plan.pause * 1000:g} ms apart", value, bar, "ms", True)
    for name, bar in _PER_SECOND.items():
        value = rounds_median(measured.series[name][16].values("per_second"))
        yield Bar(f"{name}: runs a second, 16 at a time", value, bar, "/s", False)


def _against_sandboxes(measured: Measured) -> Iterator[Bar]:
    for name, peer in _SANDBOXED.items():
        if peer in measured.series:
            value = measured.more(name, peer, 16).median
            yield Bar(f"{name}: runs a second over {peer}, 16 at a time", value, _TIMES, "×", False)


def _deploys(measured: Measured) -> Iterator[Bar]:
    for language, bar in _DEPLOY_MS.items():
        value = spread(measured.deploys[language]).median
        yield Bar(f"first deploy of a source in {language}", value, bar, "ms", True)
