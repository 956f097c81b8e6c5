"""One run of the bench: start everything, measure in interleaved rounds, count the records, stop everything."""

import contextlib
import time
from collections.abc import Callable

from bench import database, machine, memory, phase
from bench.orders import Result
from bench.peers import start
from bench.processes import BenchError, start_module
from bench.results import HTTP, OURS, Measured, Plan, Recorded, Series
from bench.server import HELLO, SLEEP, Server
from bench.smaps import rollup
from bench.stats import spread

# One wave of these calls takes so long that only the first round measures it.
_ONCE = (start.IMPORTS, 64)


def measure(plan: Plan, stack: contextlib.ExitStack, say: Callable[[str], None]) -> Measured:
    """Run the bench. `stack` stops everything that it started. Raises `BenchError`."""
    say("starting the server, its PostgreSQL and its languages")
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
        zygote = rollup(memory.find(server.pid).zygotes["python"])
        forks = start_module(stack, "the forking process", "bench.peers.floor", str(zygote["Anonymous"]))
        commits = database.Commits(server.database_url)
        stack.callback(commits.close)
        measured.fork_sizes = {"zygote_rss": zygote["Rss"], "zygote_anonymous": zygote["Anonymous"]}
    began = time.monotonic()
    for number in range(1, plan.rounds + 1):
        round_began = time.monotonic()
        once = 0.0
        for level in plan.levels:
            for name in names:
                if number > 1 and (name, level) == _ONCE:
                    continue
                phase_began = time.monotonic()
                result = phase.take(load, orders[name], level, most=plan.most, seconds=plan.seconds)
                if (name, level) == _ONCE:
                    once = time.monotonic() - phase_began
                results[name, level].append(result)
                say(f"round {number}, {level} at a time, {name}: {result.p50_ms:.2f} ms, {result.per_second:.3g}/s")
        if forks is not None and commits is not None:
            answer = forks.ask({"forks": plan.floor_count})
            measured.fork.append(answer["p50_ms"])
            measured.fork_sizes |= {"rss": answer["rss"], "anonymous": answer["anonymous"]}
            measured.commit.append(commits.p50_ms(plan.floor_count))
        measured.rounds = number
        now = time.monotonic()
        if number < plan.rounds and now - began + (now - round_began - once) > plan.budget:
            say(f"the machine is too busy for more than {number} rounds in {plan.budget:g} s")
            break
    for name in names:
        measured.series[name] = {level: Series(tuple(results[name, level])) for level in plan.levels}


def _calls(measured: Measured, name: str) -> int:
    return sum(r.calls for series in measured.series.get(name, {}).values() for r in series.results)


def _recorded(url: str, code_id: str, calls: int) -> Recorded:
    return Recorded.of(calls, database.count_runs(url, code_id))
