"""The report of the bench of languages: tables for people, plain data for programs."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from bench.languages.bars import bars
from bench.languages.results import COMPARED, OURS, Measured
from bench.stats import Spread, number, spread
from bench.tables import recorded_table, table


def data(measured: Measured) -> dict[str, Any]:
    """Return the whole report as plain data. Times are in milliseconds."""
    return {
        "machine": measured.machine,
        "plan": asdict(measured.plan),
        "missing": measured.missing,
        "servers": {
            name: {str(level): series.sums() for level, series in levels.items()}
            for name, levels in measured.series.items()
        },
        "spaced": {name: series.sums() for name, series in measured.spaced.items()},
        "ratios": [
            {"of": name, "to": peer, "level": level, "latency": asdict(faster), "rate": asdict(more)}
            for name, peer, level, faster, more in _ratios(measured)
        ],
        "deploys": {
            language: {"count": len(found), **asdict(spread(found))} for language, found in measured.deploys.items()
        },
        "recorded": {name: {**asdict(found), "ok": found.ok} for name, found in measured.recorded.items()},
        "answers_right": measured.answers_right,
        "bars": [{**asdict(bar), "ok": bar.ok} for bar in bars(measured)],
    }


def text(measured: Measured) -> str:
    """Return the whole report as tables."""
    parts = [_machine(measured), _calls(measured), _against(measured), _deploys(measured), _recorded(measured)]
    return "\n\n".join([*parts, _bars(measured)])


def _machine(measured: Measured) -> str:
    found = measured.machine
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    lines = [
        f"{found['cpu']}, {found['cores']} cores, Linux {found['kernel']}, PostgreSQL {found['postgresql']} on "
        f"{found['data_on']}, {versions}",
        f"sandbox {found['sandbox']} (cgroup {found['cgroup']}), {found['slots']} slots, {found['warm']} warm; "
        f"load average at start {found['load_average']}",
        f"{measured.plan.rounds} interleaved rounds: the median of the rounds (lowest–highest)",
    ]
    return "\n".join(lines)


def _calls(measured: Measured) -> str:
    rows = []
    for level in measured.plan.levels:
        for name, levels in measured.series.items():
            series = levels[level]
            values = [str(spread(series.values(what))) for what in ("p50_ms", "p99_ms", "per_second")]
            label = name if name in OURS else f"per request: {name}"
            rows.append([str(level), label, *values, str(sum(series.values("measured")))])
    for name, series in measured.spaced.items():
        values = [str(spread(series.values(what))) for what in ("p50_ms", "p99_ms")]
        rows.append(["1, spaced", name, *values, "", str(sum(series.values("measured")))])
    lines = [table(["at a time", "server", "p50 ms", "p99 ms", "runs/s", "calls"], rows)]
    lines.append(
        f"spaced: {measured.plan.pause * 1000:g} ms between two calls, in which the used sandbox is replaced; "
        "otherwise each call follows the previous answer at once"
    )
    lines += [f"not measured: {name}: {why}" for name, why in measured.missing.items()]
    lines.append(
        "a sandbox per request is only `unshare`: no root file system of its own, no limits, no system call filter"
    )
    return "\n".join(lines)


def _ratios(measured: Measured) -> Iterator[tuple[str, str, int, Spread, Spread]]:
    """Yield our name, the peer's, the level of concurrency, and the ratios of latency and of rate."""
    for name, peers in COMPARED.items():
        for peer in peers:
            for level in measured.plan.levels if peer in measured.series else ():
                yield name, peer, level, measured.faster(name, peer, level), measured.more(name, peer, level)


def _against(measured: Measured) -> str:
    rows = [[name, peer, str(level), str(faster), str(more)] for name, peer, level, faster, more in _ratios(measured)]
    head = ["ours", "against, per request", "at a time", "p50: times faster", "runs/s: times as many"]
    return table(head, rows)


def _deploys(measured: Measured) -> str:
    rows = [[language, str(spread(found)), str(len(found))] for language, found in measured.deploys.items()]
    note = "each deploy is of a new source: median (lowest–highest) of all"
    return f"{table(['deploy', 'ms', 'count'], rows)}\n{note}"


def _recorded(measured: Measured) -> str:
    complaints = (
        f"{name}: {complaint}"
        for name in measured.series
        for result in measured.results(name)
        for complaint in result.complaints[:1]
    )
    return recorded_table(measured.recorded, complaints)


def _bars(measured: Measured) -> str:
    rows = [
        ["ok" if bar.ok else "MISSED", bar.name, str(bar), f"{number(bar.value / bar.bar)} of it"]
        for bar in bars(measured)
    ]
    return table(["bar", "what", "measured", ""], rows)
