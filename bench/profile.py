"""`python -m bench.profile`: show where the time of one call goes, as far as it can be measured from outside.

It sends one call at a time, in interleaved rounds. Three smaller requests stop earlier on the same path through the
server. The other parts come from the record of the call. All lines are medians, so they need not add up exactly.
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
_PAUSE = 0.02  # seconds; long enough for the used sandbox to be replaced, so that the next call meets an idle server


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
    """Return (duration_ms, queue_ms, created_at, updated_at) of the calls after the first `skip`, in order."""
    with psycopg.connect(server.database_url) as connection:
        return connection.execute(_RECORDS, (code_id,)).fetchall()[skip:]


async def _statements(url: str, bench_url: str, code_id: UUID, count: int) -> dict[str, float]:
    """Measure the statements of one call by themselves, with the server's own code. Returns their p50 in ms.

    `spaced` is the finish as it happens in a call: after a pause as long as a run, from which every process must wake.
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
    """The medians of the rounds, by line of the profile."""

    def __init__(self) -> None:
        self._lines: dict[str, list[float]] = {}

    def add(self, line: str, value: float) -> None:
        """Add the value of one round to a line, in ms."""
        self._lines.setdefault(line, []).append(value)

    def print(self) -> None:
        """Print all lines, with one mark for each tenth of a millisecond."""
        width = max(map(len, self._lines))
        for line, values in self._lines.items():
            found = spread(values)
            marks = "▪" * min(60, round(found.median * 10))
            print(f"{line:<{width}}  {found.median:6.2f}  ({found.low:.2f}–{found.high:.2f})  {marks}")


def measure(server: Server, load: Child, rounds: int, calls: int) -> Profile:
    """Measure all rounds. Raises `BenchError`."""
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
        profile.add("by itself: the select of the code, with the pool", alone["lookup"])
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
    """Split each call into its parts, and add the median of each part as the round's value.

    The recorded times are subtracted from the total of the call.
    """

    def median(values: Sequence[float]) -> float:
        return percentile(values, 50)

    inside = [duration for duration, _, _, _ in records]
    waited = [queue for _, queue, _, _ in records]
    # `created_at` is read just before the job is sent, `updated_at` when the run has ended and its begin is written.
    begun = [(updated - created).total_seconds() * 1000 - ran for ran, _, created, updated in records]
    outside = [total - ran - queue for total, (ran, queue, _, _) in zip(totals, records, strict=True)]
    rest = [left - route - (lookup - route) - wait for left, wait in zip(outside, begun, strict=True)]
    profile.add(f"{title}: one, seen by the client", median(totals))
    profile.add(f"{title}:   HTTP, loopback, client: an endpoint whose id is invalid", route)
    profile.add(f"{title}:   code lookup: an endpoint that does not exist, less the above", lookup - route)
    profile.add(f"{title}:   waiting for a slot (queue_ms)", median(waited))
    profile.add(f"{title}:   job, run, result (duration_ms)", median(inside))
    profile.add(f"{title}:   then waiting for the begin to be written, and small things", median(begun))
    profile.add(f"{title}:   the rest: commit of the end, the answer", median(rest))


def main() -> int:
    """Measure and print. Returns the exit code: 0 if it could be measured."""
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
