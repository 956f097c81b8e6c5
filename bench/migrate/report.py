"""The report of the bench of `migrate`: tables for people, plain data for programs."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from bench.bars import Bar
from bench.migrate import results
from bench.migrate.results import Measured
from bench.stats import number


def bars(measured: Measured) -> list[Bar]:
    """Return the promises, compared with the measured values."""
    of_replay = measured.ratio(results.UP, results.PROGRAM, results.REPLAY).median
    look = measured.wall(results.VERSION, results.LOOK).median
    many = f"with {measured.plan.files} migrations"
    large = {name: measured.wall(results.LARGE, name).median for name in (results.LOOK, results.NOTHING)}
    return [
        Bar(f"{results.PROGRAM} over {results.REPLAY}", of_replay, 0.333, "times as long", True),
        Bar(results.LOOK, look, 120.0, "ms", True),
        *(Bar(f"{name}, {many}", value, 1000.0, "ms", True) for name, value in large.items()),
    ]


def data(measured: Measured) -> dict[str, Any]:
    """Return the whole report as plain data. Times are in milliseconds."""
    return {
        "machine": measured.machine,
        "plan": asdict(measured.plan),
        "parts": {
            part: {
                name: {
                    "rounds": len(found),
                    "wall_ms": asdict(measured.wall(part, name)),
                    "cpu_ms": asdict(measured.cpu(part, name)),
                }
                for name, found in contestants.items()
            }
            for part, contestants in measured.parts.items()
        },
        "ratios": [
            {"part": part, "of": name, "to": other, **asdict(measured.ratio(part, name, other))}
            for part, name, other in _ratios(measured)
        ],
        "bars": [{**asdict(bar), "ok": bar.ok} for bar in bars(measured)],
    }


def text(measured: Measured) -> str:
    """Return the whole report as tables."""
    found = measured.machine
    lines = [
        f"{found['cores']} cores, Linux {found['kernel']}, Python {found['python']}, PostgreSQL {found['postgresql']}, "
        f"load average at start {found['load_average']}",
        "ms: the median of the rounds (lowest–highest); CPU is the process' own, without PostgreSQL",
    ]
    titles = {
        results.UP: f"{measured.plan.migrations} {results.UP}",
        results.LARGE: f"{results.LARGE}: {measured.plan.files} × 2",
    }
    for part, contestants in measured.parts.items():
        rounds = max(map(len, contestants.values()))
        lines += ["", f"{titles.get(part, part):<48}{'by the clock':<24}{'CPU':<22}rounds: {rounds}"]
        for name in contestants:
            lines.append(f"  {name:<46}{measured.wall(part, name)!s:<24}{measured.cpu(part, name)!s}".rstrip())
    lines += ["", "ratios, round by round"]
    for part, name, other in _ratios(measured):
        lines.append(f"  {f'{name} / {other}':<60}{measured.ratio(part, name, other)}")
    lines += ["", "bars"]
    lines += [
        f"  {'met' if bar.ok else 'MISSED':<8}{bar.name:<60}{bar} = {number(bar.value / bar.bar)} of it"
        for bar in bars(measured)
    ]
    return "\n".join(lines)


def _ratios(measured: Measured) -> Iterator[tuple[str, str, str]]:
    """Yield each part, with two of its contestants that are compared."""
    for name in (results.PROGRAM, results.IN_PROCESS):
        yield results.UP, name, results.REPLAY
    yield results.UP, results.PROGRAM, results.IN_PROCESS
    for name in measured.parts[results.VERSION]:
        if name != results.LOOK:
            yield results.VERSION, results.LOOK, name
