"""`python -m bench.reference`: measure the cost of the foreign key coderuns.code_id → codes.

It runs the recorder's own statements, on its two kinds of connection, on two databases of one PostgreSQL that differ
only in the constraint. The databases take turns call by call, so that disk and other load affect both.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg.rows import DictRow

from bench.command import carry_out
from bench.database import create_database, insert_code
from bench.server import HELLO
from bench.stats import Spread, percentile, spread
from codeactions.domain.ids import new_id
from codeactions.domain.record import finish_run
from codeactions.domain.run import Answer, FinishedRun, Outcome, Run, RunStatus
from codeactions.postgres import coderuns
from codeactions.postgres.database import connect
from codeactions.postgres.embedded.server import EmbeddedPostgres

_CONSTRAINT = "coderuns_code_id_fkey"
_BATCHES = (1, 16)
_RULE = 1.05  # a foreign key that costs more is dropped
_STEPS = ("start", "finish", "both")


@dataclass(slots=True)
class Side:
    """One of the two databases."""

    starts: psycopg.AsyncConnection[DictRow]
    ends: psycopg.AsyncConnection[DictRow]
    code_id: UUID
    times: dict[str, list[float]] = field(default_factory=dict)  # of one round, ms

    @classmethod
    async def open(cls, url: str) -> "Side":
        """Connect as the recorder does: begins do not wait for the disk, ends do."""
        return cls(await connect(url, durable=False), await connect(url), insert_code(url, HELLO))

    async def record(self, size: int, gap: float = 0.0) -> None:
        """Begin and finish `size` runs, with `gap` seconds between the two for the time of a run."""
        rows = [_start(self.code_id) for _ in range(size)]
        began = time.perf_counter()
        await coderuns.start_many(self.starts, rows)
        started = time.perf_counter()
        if gap:
            await asyncio.sleep(gap)
        resumed = time.perf_counter()
        done = await coderuns.finish_many(self.ends, [_end(row) for row in rows])
        ended = time.perf_counter()
        if len(done) != size:
            raise RuntimeError(f"{size} runs were begun but {len(done)} finished")
        start, finish = started - began, ended - resumed
        for step, seconds in zip(_STEPS, (start, finish, start + finish), strict=True):
            self.times.setdefault(step, []).append(seconds * 1000)

    def round_over(self) -> dict[str, float]:
        """Return the medians of the round by step, in ms, and forget its times."""
        medians = {step: percentile(values, 50) for step, values in self.times.items()}
        self.times.clear()
        return medians

    async def close(self) -> None:
        """Disconnect."""
        await self.starts.close()
        await self.ends.close()


def _start(code_id: UUID) -> Run:
    extra = {"node": "bench", "instance": 1, "queue_ms": 0.021, "language": "python", "source_sha256": "0" * 64}
    headers = {"host": "127.0.0.1:8050", "accept": "*/*", "user-agent": "bench"}
    now = datetime.now(UTC)
    return Run(
        id=new_id(),
        code_id=code_id,
        status=RunStatus.STARTED,
        result=None,
        extra={**extra, "method": "GET", "path": "/"},
        params={"name": "you"},
        body="",
        headers=headers,
        created_at=now,
        updated_at=now,
    )


def _end(started: Run) -> FinishedRun:
    answer = Answer(b'{"hello": "you"}', content_type="application/json")
    return finish_run(started, Outcome(answer=answer, duration_ms=2.345), datetime.now(UTC))


async def measure(with_key: str, without_key: str, rounds: int, calls: int) -> None:
    """Measure both databases and print the result."""
    sides = [await Side.open(with_key), await Side.open(without_key)]
    try:
        for size in _BATCHES:
            for side in sides:  # fill plans and caches
                for _ in range(20):
                    await side.record(size)
                side.round_over()
            found: list[tuple[dict[str, float], dict[str, float]]] = []
            for _ in range(rounds):
                for call in range(calls):
                    for side in sides if call % 2 else reversed(sides):
                        await side.record(size)
                found.append((sides[0].round_over(), sides[1].round_over()))
            _show(size, found)
    finally:
        for side in sides:
            await side.close()


def _show(size: int, found: Sequence[tuple[dict[str, float], dict[str, float]]]) -> None:
    print(f"\nbatches of {size}: ms for a statement, median of {len(found)} rounds (lowest–highest)")
    for step in _STEPS:
        with_key, without_key = ([pair[side][step] for pair in found] for side in (0, 1))
        ratio = spread([a / b for a, b in zip(with_key, without_key, strict=True)])
        line = f"  {step:<7} with {_three(spread(with_key))}   without {_three(spread(without_key))}"
        print(f"{line}   ratio {_three(ratio)}")
    cost = spread([(a - b) / size * 1000 for a, b in zip(with_key, without_key, strict=True)])
    if ratio.low <= _RULE <= ratio.high:
        verdict = "undecided, the rounds lie on both sides of 5 %"
    else:
        verdict = "over 5 %, drop it" if ratio.median > _RULE else "within 5 %, keep it"
    print(
        f"  both together, the reference costs {(ratio.median - 1) * 100:+.1f} %, {cost.median:.0f} µs a run: {verdict}"
    )


def _three(found: Spread) -> str:
    return f"{found.median:.3f} ({found.low:.3f}–{found.high:.3f})"


def _databases(stack: contextlib.ExitStack) -> tuple[str, str]:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="codeactions-bench-"))
    postgres = EmbeddedPostgres(Path(folder))
    stack.callback(postgres.stop)
    postgres.start()
    with_key, without_key = create_database(postgres.url, "with_key"), create_database(postgres.url, "without_key")
    with psycopg.connect(without_key, autocommit=True) as connection:
        connection.execute(f"ALTER TABLE coderuns DROP CONSTRAINT {_CONSTRAINT}")
    return with_key, without_key


def main() -> int:
    """Measure and print. Returns the exit code: 0 if it could be measured, whatever the verdict."""
    parser = argparse.ArgumentParser(prog="python -m bench.reference", description="What the foreign key costs.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=150, help="per round, batch size and database")
    arguments = parser.parse_args()

    def work(stack: contextlib.ExitStack) -> bool:
        asyncio.run(measure(*_databases(stack), arguments.rounds, arguments.calls))
        return True

    return carry_out(work)


if __name__ == "__main__":
    sys.exit(main())
