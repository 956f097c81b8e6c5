"""One run of the bench of languages: calls in interleaved rounds, then deploys, then the count of recorded runs."""

import contextlib
import time
from collections.abc import Callable

from bench import database, machine, phase
from bench.languages import contestants
from bench.languages.contestants import Contestant
from bench.languages.results import OURS, Measured, Plan
from bench.orders import Result
from bench.processes import BenchError, start_module
from bench.results import Recorded, Series
from bench.server import Server

_DEPLOYED = ("go", "javascript", "python")


def measure(plan: Plan, stack: contextlib.ExitStack, say: Callable[[str], None]) -> Measured:
    """Run the bench. `stack` stops everything that it started. Raises `BenchError`."""
    say("starting the server, its PostgreSQL and its languages")
    server = Server(stack)
    measured = Measured(plan, {**machine.describe(server), "versions": contestants.versions(server)})
    ours = contestants.ours(server)
    say("starting the peers")
    all_of_them = {**ours, **contestants.peers(server, stack, measured.missing)}
    for name, why in measured.missing.items():
        say(f"{name} is not measured: {why}")
    for name, contestant in ours.items():
        if not server.call(contestant.code, "first"):
            raise BenchError(f"the first answer is wrong: {name}")
    _run_rounds(measured, stack, all_of_them, say)
    say(f"{plan.deploys} deploys of each language")
    _deploy(measured, server)
    for name, contestant in all_of_them.items():
        calls = sum(result.calls for result in measured.results(name))
        counts = database.count_runs(contestant.database, contestant.code)
        measured.recorded[name] = Recorded.of(calls + (name in OURS), counts)
    return measured


def _run_rounds(
    measured: Measured, stack: contextlib.ExitStack, all_of_them: dict[str, Contestant], say: Callable[[str], None]
) -> None:
    plan = measured.plan
    load = start_module(stack, "the load generator", "bench.load")
    names = list(all_of_them)
    found: dict[tuple[str, int], list[Result]] = {(name, level): [] for name in names for level in plan.levels}
    spaced: dict[str, list[Result]] = {name: [] for name in OURS}
    for number in range(plan.rounds):
        for level in plan.levels:
            # Every other round in reverse order, so that a contestant does not always follow the same one.
            for name in names if number % 2 == 0 else reversed(names):
                address = all_of_them[name].address
                result = phase.take(load, address, level, most=plan.most, seconds=plan.seconds)
                found[name, level].append(result)
                times = f"{result.p50_ms:.2f} ms, {result.per_second:.3g}/s"
                say(f"round {number + 1}, {level} at a time, {name}: {times}")
        for name in OURS:
            address = all_of_them[name].address
            result = phase.take(load, address, 1, most=plan.most, seconds=plan.seconds, pause=plan.pause)
            spaced[name].append(result)
            say(f"round {number + 1}, {plan.pause * 1000:g} ms apart, {name}: {result.p50_ms:.2f} ms")
    measured.spaced = {name: Series(tuple(results)) for name, results in spaced.items()}
    for name in names:
        measured.series[name] = {level: Series(tuple(found[name, level])) for level in plan.levels}


def _deploy(measured: Measured, server: Server) -> None:
    """Measure deploys of new sources. The languages take turns."""
    sources = {language: contestants.sources(language) for language in _DEPLOYED}
    measured.deploys = {language: [] for language in _DEPLOYED}
    for _ in range(measured.plan.deploys):
        for language in _DEPLOYED:
            source = next(sources[language])
            began = time.perf_counter()
            server.deploy(source, language)
            measured.deploys[language].append((time.perf_counter() - began) * 1000)
