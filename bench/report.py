"""The bench's report: tables for people, plain data for programs."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from bench.bars import MB, bars, floor_ratio, latency_ratio, rate_ratio
from bench.peers.start import PEERS
from bench.results import HTTP, OURS, Measured
from bench.stats import spread
from bench.tables import recorded_table, table


def data(measured: Measured) -> dict[str, Any]:
    """Return the whole report as plain data. Times are in milliseconds, sizes in bytes."""
    plan = measured.plan
    floor = measured.floor
    return {
        "machine": measured.machine,
        "plan": {"rounds": measured.rounds, "levels": list(plan.levels), "seconds": plan.seconds, "most": plan.most},
        "servers": {
            name: {str(level): series.sums() for level, series in levels.items()}
            for name, levels in measured.series.items()
        },
        "floor": {
            "fork_ms": asdict(spread(measured.fork)),
            "commit_ms": asdict(spread(measured.commit)),
            "sum_ms": asdict(floor),
            **measured.fork_sizes,
        }
        if floor
        else None,
        "ratios": list(_ratio_data(measured)),
        "memory": {
            "idle_before": {name: asdict(size) for name, size in measured.idle_before.items()},
            "idle_after": {name: asdict(size) for name, size in measured.idle_after.items()},
            "run_private": asdict(measured.run_private),
        }
        if measured.run_private
        else None,
        "recorded": {name: {**asdict(found), "ok": found.ok} for name, found in measured.recorded.items()},
        "answers_right": measured.answers_right,
        "bars": [{**asdict(bar), "ok": bar.ok} for bar in bars(measured)],
    }


def _ratio_data(measured: Measured) -> Iterator[dict[str, Any]]:
    for peer in PEERS:
        for level in measured.plan.levels:
            latency, rate = latency_ratio(measured, peer, level), rate_ratio(measured, peer, level)
            if latency and rate:
                numbers = {"latency": asdict(latency), "rate": asdict(rate)}
                yield {"peer": peer, "level": level, **numbers}
    if found := floor_ratio(measured):
        yield {"peer": "floor", "level": 1, "latency": asdict(found), "rate": None}


def text(measured: Measured) -> str:
    """Return the whole report as tables."""
    parts = [_machine(measured), _servers(measured), _floor(measured), _ratios(measured), _memory(measured)]
    return "\n\n".join(part for part in [*parts, _recorded(measured), _bars(measured)] if part)


def _machine(measured: Measured) -> str:
    found = measured.machine
    return (
        f"{found['cpu']}, {found['cores']} cores, Linux {found['kernel']}, Python {found['python']}, "
        f"PostgreSQL {found['postgresql']} on {found['data_on']}\n"
        f"sandbox {found['sandbox']} (cgroup {found['cgroup']}), {found['slots']} slots, {found['warm']} warm; "
        f"load average at start {found['load_average']}\n"
        f"{measured.rounds} interleaved rounds: the median of the rounds (lowest–highest)"
    )


def _servers(measured: Measured) -> str:
    rows = []
    for level in measured.plan.levels:
        for name in HTTP:
            if name in measured.series:
                series = measured.series[name][level]
                values = [str(spread(series.values(what))) for what in ("p50_ms", "p99_ms", "per_second")]
                rows.append([str(level), name, *values, str(sum(series.values("measured")))])
    return table(["at a time", "server", "p50 ms", "p99 ms", "runs/s", "calls"], rows)


def _floor(measured: Measured) -> str:
    if not measured.floor:
        return ""
    sizes = {name: f"{size / MB:.1f}" for name, size in measured.fork_sizes.items()}
    rows = [
        ["fork and wait", str(spread(measured.fork))],
        ["one row, one commit", str(spread(measured.commit))],
        ["sum", str(measured.floor)],
    ]
    note = (
        f"the forking process has {sizes['anonymous']} MB of its own ({sizes['rss']} MB RSS), "
        f"the zygote {sizes['zygote_anonymous']} ({sizes['zygote_rss']})"
    )
    return f"{table(['floor', 'p50 ms'], rows)}\n{note}"


def _ratios(measured: Measured) -> str:
    rows = []
    for found in _ratio_data(measured):
        latency, rate = found["latency"], found["rate"]
        values = [_times(latency), _times(rate) if rate else ""]
        rows.append([found["peer"], str(found["level"]), *values])
    if not rows:
        return ""
    head = [f"{OURS} against", "at a time", "p50: times faster", "runs/s: times as many"]
    note = "the floor's row is the inverse: a call takes that many times as long as a fork and a commit"
    return f"{table(head, rows)}\n{note}"


def _times(found: dict[str, float]) -> str:
    return f"{found['median']:.2f} ({found['low']:.2f}–{found['high']:.2f})"


def _memory(measured: Measured) -> str:
    if not measured.run_private:
        return ""
    rows = []
    for when, sizes in (("at start", measured.idle_before), ("after the load", measured.idle_after)):
        rows += [[when, name, f"{size.pss / MB:.1f}", f"{size.rss / MB:.1f}"] for name, size in sizes.items()]
    run = measured.run_private
    note = f"a run that sleeps has {run.median / MB:.2f} ({run.low / MB:.2f}–{run.high / MB:.2f}) MB of its own"
    return f"{table(['idle memory', 'of', 'PSS MB', 'RSS MB'], rows)}\n{note}"


def _recorded(measured: Measured) -> str:
    complaints = (
        f"{name}, {level} at a time: {complaint}"
        for name, levels in measured.series.items()
        for level, series in levels.items()
        for complaint in series.sums()["complaints"]
    )
    return recorded_table(measured.recorded, complaints)


def _bars(measured: Measured) -> str:
    rows = [["ok" if bar.ok else "MISSED", bar.name, str(bar)] for bar in bars(measured)]
    return table(["bar", "what", "measured"], rows) if rows else ""
