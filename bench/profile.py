"""`python -m bench.profile`: where each tenth of a millisecond of one call goes, as far as it shows from outside.

One call at a time, in interleaved rounds, with three lesser requests that stop earlier on the same way; the rest
comes from the call's own record. Lines are medians, so they need not add up to the last digit.
"""

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID, uuid4

import psycopg

from bench.command import carry_out
from bench.database import Commits, create_database
from bench.orders import Order, Result
from bench.processes import BenchError, Child, start_module
from bench.reference import Side
from bench.server import HELLO, Server
from bench.stats import percentile, spread
from codeactions.postgres.codes import CodeStore
from codeactions.postgres.database import Database

_RECORDS = """
SELECT (extra ->> 'duration_ms')::float8, (extra ->> 'queue_ms')::float8, created_at, updated_at
FROM coderuns WHERE code_id = %s ORDER BY created_at, id
"""
_WARMUP = 20
_RUN = 0.002  # seconds, about as long as a trivial run
_PAUSE = 0.02  # seconds; in which the sandbox that a call used up is replaced, and nothing else goes on


def _ask(
    load: Child, server: Server, path: str, calls: int, *, status: int = 200, check: bool = False, pause: float = 0
) -> Result:
    order = Order(
        host=server.host,
        port=server.port,
        path=path,
        concurrency=1,
        most=calls,
        seconds=30,
        warmup=_WARMUP,
        pause=pause,
        check=check,
        status=status,
        samples=True,
    )
    result = Result(**load.ask(asdict(order)))
    if result.wrong:
        raise BenchError(f"wrong answers from {path}: {result.complaints}")
    return result


def _records(server: Server, code_id: str, skip: int) -> list[tuple[float, float, datetime, datetime]]:
    """Duration, queue, created and updated of the calls after the first `skip`, in order."""
    with psycopg.connect(server.database_url) as connection:
        return connection.execute(_RECORDS, (code_id,)).fetchall()[skip:]


async def _statements(url: str, bench_url: str, code_id: UUID, count: int) -> dict[str, float]:
    """The statements of one call by themselves, p50 in ms, with the server's own code.

    `spaced` is the finish as a call meets it: after a pause as long as a run, from which every process has to wake.
    """
    database = Database(url)
    await database.open()
    side = await Side.open(bench_url)
    try:
        codes, lookups = CodeStore(database), []
        for _ in range(count):
            began = time.perf_counter()
            await codes.get(code_id)
            lookups.append((time.perf_counter() - began) * 1000)
            await side.record(1)
        found = {"lookup": percentile(lookups, 50), **side.round_over()}
        for _ in range(count):
            await side.record(1, _RUN)
        return {**found, "spaced": side.round_over()["finish"]}
    finally:
        await side.close()
        await database.close()


class Profile:
    """The rounds' medians, line by line."""

    def __init__(self) -> None:
        self._lines: dict[str, list[float]] = {}

    def add(self, line: str, value: float) -> None:
        """One round's value, in ms."""
        self._lines.setdefault(line, []).append(value)

    def print(self) -> None:
        """All lines, a mark for each tenth of a millisecond."""
        width = max(map(len, self._lines))
        for line, values in self._lines.items():
            found = spread(values)
            marks = "▪" * min(60, round(found.median * 10))
            print(f"{line:<{width}}  {found.median:6.2f}  ({found.low:.2f}–{found.high:.2f})  {marks}")


def measure(server: Server, load: Child, rounds: int, calls: int) -> Profile:
    """Take the rounds. Raises `BenchError`."""
    code_id = server.deploy(HELLO)
    bench_url = create_database(server.database_url, "bench")
    commits = Commits(server.database_url)
    profile = Profile()
    seen = 0
    for _ in range(rounds):
        healthz = _ask(load, server, "/healthz", calls).p50_ms
        route = _ask(load, server, "/endpoint/no-id", calls, status=404).p50_ms
        lookup = _ask(load, server, f"/endpoint/{uuid4()}", calls, status=404).p50_ms
        for title, pause in (("calls back to back", 0.0), (f"calls {_PAUSE * 1000:g} ms apart", _PAUSE)):
            call = _ask(load, server, f"/endpoint/{code_id}", calls, check=True, pause=pause)
            records = _records(server, code_id, seen + _WARMUP)
            seen += call.calls
            if len(records) != len(call.samples):
                raise BenchError(f"{len(call.samples)} calls but {len(records)} records")
            _split(profile, title, call.samples, records, route, lookup)
        alone = asyncio.run(_statements(server.database_url, bench_url, UUID(code_id), calls))
        profile.add("by itself: GET /healthz", healthz)
        profile.add("by itself: the select of the code, pool and all", alone["lookup"])
        profile.add("by itself: start_many of one, not waiting for the disk", alone["start"])
        profile.add("by itself: finish_many of one, durable", alone["finish"])
        profile.add(f"by itself: the same, {_RUN * 1000:g} ms after the begin", alone["spaced"])
        profile.add("by itself: insert of one row into a bare table, durable", commits.p50_ms(calls))
    commits.close()
    return profile


def _split(
    profile: Profile,
    title: str,
    totals: Sequence[float],
    records: Sequence[tuple[float, float, datetime, datetime]],
    route: float,
    lookup: float,
) -> None:
    """Call by call: what the record tells is taken off the total; the medians of the parts are the round's values."""

    def median(values: Sequence[float]) -> float:
        return percentile(values, 50)

    inside = [duration for duration, _, _, _ in records]
    waited = [queue for _, queue, _, _ in records]
    # `created_at` is taken just before the job is sent, `updated_at` once the run is over and its begin is written.
    begun = [(updated - created).total_seconds() * 1000 - ran for ran, _, created, updated in records]
    outside = [total - ran - queue for total, (ran, queue, _, _) in zip(totals, records, strict=True)]
    rest = [left - route - (lookup - route) - wait for left, wait in zip(outside, begun, strict=True)]
    profile.add(f"{title}: one, seen by the client", median(totals))
    profile.add(f"{title}:   HTTP, loopback, client: an endpoint that is no id", route)
    profile.add(f"{title}:   code lookup: an endpoint that does not exist, less the above", lookup - route)
    profile.add(f"{title}:   waiting for a slot (queue_ms)", median(waited))
    profile.add(f"{title}:   job, run, result (duration_ms)", median(inside))
    profile.add(f"{title}:   then still waiting for the begin to be written, and small things", median(begun))
    profile.add(f"{title}:   the rest: the record's end committed, the answer", median(rest))


def main() -> int:
    """Exit code 0 when it could be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description="Where the time of one call goes.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=200, help="per round and kind of request")
    arguments = parser.parse_args()

    def work(stack: contextlib.ExitStack) -> bool:
        server = Server(stack)
        load = start_module(stack, "the load generator", "bench.load")
        profile = measure(server, load, arguments.rounds, arguments.calls)
        print(f"ms, p50 of {arguments.calls} calls: median of {arguments.rounds} rounds (lowest–highest)\n")
        profile.print()
        return True

    return carry_out(work)


if __name__ == "__main__":
    sys.exit(main())
