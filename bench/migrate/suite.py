"""One run of the bench of `migrate`: its parts one after the other, each in interleaved rounds."""

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

from bench.migrate import results, steps
from bench.migrate.ground import Ground, session
from bench.migrate.replay import replay
from bench.migrate.results import Measured, Part, Plan, Took, interleaved, timed
from bench.processes import BenchError
from codeactions.migrate.api import upgrade


def measure(plan: Plan, stack: contextlib.ExitStack, say: Callable[[str], None]) -> Measured:
    """Run the bench. `stack` removes what it made. Raises `BenchError`."""
    say("starting PostgreSQL")
    ground = Ground(stack)
    measured = Measured(plan, ground.machine())
    tiny = ground.files("tiny", plan.migrations, "CREATE TABLE t_{} (id int)")
    say(f"{plan.starts} rounds of one start")
    measured.parts[results.VERSION] = _version(ground, plan, tiny)
    say(f"{plan.rounds} rounds of {plan.migrations} tiny migrations")
    measured.parts[results.UP] = _up(ground, plan, tiny)
    say(f"{plan.large_starts} rounds of a start with {plan.files} migrations")
    measured.parts[results.LARGE] = _large(ground, plan)
    say(f"{plan.steps} rounds inside a tiny migration")
    measured.parts[results.STEPS] = steps.measure(ground.url, plan.steps)
    return measured


def _up(ground: Ground, plan: Plan, folder: Path) -> Part:
    """Apply the same files in three ways, each to an empty database."""

    def program(url: str) -> Took:
        return ground.migrate(url, folder, "up")

    def in_process(url: str) -> Took:
        return timed(lambda: upgrade(url, folder))

    def replayed(url: str) -> Took:
        return timed(lambda: replay(url, folder))

    def contestant(way: Callable[[str], Took]) -> Callable[[], Took]:
        def once() -> Took:
            with ground.database() as url:
                took = way(url)
                _check(url, plan.migrations)
            return took

        return once

    ways = {results.PROGRAM: program, results.IN_PROCESS: in_process, results.REPLAY: replayed}
    return interleaved({name: contestant(way) for name, way in ways.items()}, plan.rounds)


def _check(url: str, count: int) -> None:
    """Check that all migrations were applied and recorded. Raises `BenchError`."""
    with session(url) as connection:
        [(made,)] = connection.execute("SELECT count(*) FROM pg_tables WHERE tablename LIKE 't\\_%'")
        recorded = connection.execute("SELECT version, dirty FROM schema_migrations")
    if made != str(count) or recorded != [(str(count), "f")]:
        raise BenchError(f"{made} of {count} migrations made their table, and {recorded} is recorded")


def _version(ground: Ground, plan: Plan, folder: Path) -> Part:
    """Measure `migrate version` on a database that is up to date, next to programs that do almost nothing."""
    with ground.database() as url:
        ground.migrate(url, folder, "up")  # with the program, which also writes byte code and fills caches
        psql = [str(ground.psql), "-X", "-A", "-t", "-c", "select 1", url]
        contestants = {
            results.LOOK: lambda: ground.migrate(url, folder, "version", says=str(plan.migrations)),
            results.PYTHON: lambda: ground.start([sys.executable, "-c", "pass"]),
            results.BARE: lambda: ground.start([sys.executable, "-I", "-S", "-c", "pass"]),
            results.PSQL: lambda: ground.start(psql, says="1"),
        }
        interleaved(contestants, 1)
        return interleaved(contestants, plan.starts)


def _large(ground: Ground, plan: Plan) -> Part:
    """Measure starts that find many files and as long a history, but have nothing to do."""
    folder = ground.files("large", plan.files, "SELECT {}", "SELECT -{}")
    with ground.database() as url:
        upgrade(f"{url}&synchronous_commit=off", folder)
        contestants = {
            results.LOOK: lambda: ground.migrate(url, folder, "version", says=str(plan.files)),
            results.NOTHING: lambda: ground.migrate(url, folder, "up", says="no change"),
            results.STATUS: lambda: ground.migrate(url, folder, "status", says=f"({plan.files} applied)"),
        }
        interleaved(contestants, 1)
        return interleaved(contestants, plan.large_starts)
