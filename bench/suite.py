"""One run of the bench: everything is started, measured in interleaved rounds, counted, and stopped."""

import contextlib
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench import database, machine, memory
from bench.orders import Order, Result
from bench.peers import start
from bench.processes import BenchError, Child, start_module
from bench.server import HELLO, SLEEP, Server
from bench.smaps import rollup
from bench.stats import Spread, spread

OURS = "codeactions"
HTTP = (OURS, *start.PEERS)
PARTS = (*HTTP, "floor", "memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured. A phase ends with its calls or its seconds, whichever comes first."""

    rounds: int = 3
    levels: tuple[int, ...] = (1, 16, 64)
    seconds: float = 2.5
    most: int = 2000  # calls in a phase, at any concurrency
    floor_count: int = 200
    sleepers: int = 3
    only: frozenset[str] = frozenset(PARTS)


QUICK = Plan(rounds=1, levels=(1, 4), seconds=0.5, most=8, floor_count=20, sleepers=1)


@dataclass(frozen=True, slots=True)
class Series:
    """One server at one level of concurrency: a result from each round."""

    results: tuple[Result, ...]

    def values(self, what: str) -> list[float]:
        """`p50_ms`, `p99_ms` or `per_second` of each round."""
        return [getattr(result, what) for result in self.results]

    def sums(self) -> dict[str, Any]:
        """As plain data."""
        numbers: dict[str, Any] = {
            name: asdict(spread(self.values(name))) for name in ("p50_ms", "p99_ms", "per_second")
        }
        for name in ("calls", "measured", "wrong", "reconnects"):
            numbers[name] = sum(getattr(result, name) for result in self.results)
        return {**numbers, "complaints": [text for result in self.results for text in result.complaints][:3]}


@dataclass(frozen=True, slots=True)
class Recorded:
    """Calls that were made, and what the database holds of them."""

    calls: int
    completed: int
    other: int

    @property
    def ok(self) -> bool:
        """Whether every call is on record as completed, and nothing else is."""
        return self.calls == self.completed and self.other == 0


@dataclass(slots=True)
class Measured:
    """Everything that a run of the bench found."""

    plan: Plan
    machine: dict[str, Any]
    series: dict[str, dict[int, Series]] = field(default_factory=dict)
    fork: list[float] = field(default_factory=list)  # p50 of each round, ms
    commit: list[float] = field(default_factory=list)
    fork_sizes: dict[str, int] = field(default_factory=dict)
    idle_before: dict[str, memory.Size] = field(default_factory=dict)
    idle_after: dict[str, memory.Size] = field(default_factory=dict)
    run_private: Spread | None = None
    recorded: dict[str, Recorded] = field(default_factory=dict)

    @property
    def floor(self) -> Spread | None:
        """A fork and a commit, one after the other."""
        return spread([a + b for a, b in zip(self.fork, self.commit, strict=True)]) if self.fork else None

    @property
    def answers_right(self) -> bool:
        """Whether no call was answered wrongly."""
        return not any(r.wrong for levels in self.series.values() for s in levels.values() for r in s.results)


def measure(plan: Plan, stack: contextlib.ExitStack, say: Callable[[str], None]) -> Measured:
    """Run the bench; `stack` stops what it started. Raises `BenchError`."""
    say("starting the server and its PostgreSQL")
    server = Server(stack)
    hello, sleep = server.deploy(HELLO), server.deploy(SLEEP)
    measured = Measured(plan, machine.describe(server))
    peers_url = database.create_database(server.database_url, "bench")
    orders: dict[str, tuple[str, int, str]] = {OURS: (server.host, server.port, f"/endpoint/{hello}")}
    peer_codes = {}
    for name in start.PEERS:
        if name in plan.only:
            say(f"starting {name}")
            peer_codes[name] = database.insert_code(peers_url, HELLO)
            orders[name] = (*start.start(name, stack, peers_url, peer_codes[name], HELLO), "/")
    if not server.call(hello, "first"):
        raise BenchError("the server's first answer is wrong")
    if "memory" in plan.only:
        measured.idle_before = memory.idle(server)
    _run_rounds(measured, stack, server, orders, say)
    if "memory" in plan.only:
        say("memory")
        measured.idle_after = memory.idle(server)
        measured.run_private = spread([memory.of_a_run(server, sleep) for _ in range(plan.sleepers)])
        measured.recorded["runs that sleep"] = _recorded(server.database_url, sleep, plan.sleepers)
    measured.recorded[OURS] = _recorded(server.database_url, hello, 1 + _calls(measured, OURS))
    for name in start.RECORDING:
        if name in plan.only:
            measured.recorded[name] = _recorded(peers_url, str(peer_codes[name]), _calls(measured, name))
    return measured


def _run_rounds(
    measured: Measured,
    stack: contextlib.ExitStack,
    server: Server,
    orders: dict[str, tuple[str, int, str]],
    say: Callable[[str], None],
) -> None:
    plan = measured.plan
    load = start_module(stack, "the load generator", "bench.load")
    names = [name for name in HTTP if name in plan.only]
    results: dict[tuple[str, int], list[Result]] = {(name, level): [] for name in names for level in plan.levels}
    forks = commits = None
    if "floor" in plan.only:
        zygote = rollup(memory.find(server.pid).zygote)
        forks = start_module(stack, "the forking process", "bench.peers.floor", str(zygote["Anonymous"]))
        commits = database.Commits(server.database_url)
        stack.callback(commits.close)
        measured.fork_sizes = {"zygote_rss": zygote["Rss"], "zygote_anonymous": zygote["Anonymous"]}
    for number in range(1, plan.rounds + 1):
        for level in plan.levels:
            for name in names:
                result = _phase(load, plan, orders[name], level)
                results[name, level].append(result)
                say(f"round {number}, {level} at a time, {name}: {result.p50_ms:.2f} ms, {result.per_second:.0f}/s")
        if forks is not None and commits is not None:
            answer = forks.ask({"forks": plan.floor_count})
            measured.fork.append(answer["p50_ms"])
            measured.fork_sizes |= {"rss": answer["rss"], "anonymous": answer["anonymous"]}
            measured.commit.append(commits.p50_ms(plan.floor_count))
    for name in names:
        measured.series[name] = {level: Series(tuple(results[name, level])) for level in plan.levels}


def _phase(load: Child, plan: Plan, address: tuple[str, int, str], level: int) -> Result:
    host, port, path = address
    order = Order(
        host=host,
        port=port,
        path=path,
        concurrency=level,
        most=max(plan.most // 2 if level == 1 else plan.most, level),
        seconds=plan.seconds,
        warmup=2,
    )
    return Result(**load.ask(asdict(order)))


def _calls(measured: Measured, name: str) -> int:
    return sum(r.calls for series in measured.series.get(name, {}).values() for r in series.results)


def _recorded(url: str, code_id: str, calls: int) -> Recorded:
    counts = database.count_runs(url, code_id)
    completed = counts.pop("completed", 0)
    return Recorded(calls, completed, sum(counts.values()))


def ratios(upper: Sequence[float], lower: Sequence[float]) -> Spread:
    """The ratio of two series, round by round: what both met in the same minute cancels out."""
    return spread([a / b for a, b in zip(upper, lower, strict=True)])


def rounds_median(values: Sequence[float]) -> float:
    """The median of the rounds' values."""
    return statistics.median(values)
