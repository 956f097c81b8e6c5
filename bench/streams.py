"""`python -m bench.streams`: answers that go out as they come, measured at the client.

Two things: how long a piece takes from the code that writes it to the client, for the first of an answer and for later
ones; and many answers at once, each of which counts its pieces, so that nothing can be lost unnoticed. The code and the
client read the same clock. Every answer has to be whole, and on record as long as it was.
"""

import asyncio
import contextlib
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import uvloop

from bench.command import carry_out, parser_of, say
from bench.processes import BenchError
from bench.server import Server
from bench.stats import Spread, number, percentile, spread

FIRST_BAR, STREAMS = 1.0, 64  # milliseconds; answers at once
_WARM_UP = 20
SOURCE = """
import time

def Run(engine):
    end, pause = time.time() + float(engine.params.get("seconds")), float(engine.params.get("pause"))
    number = 0
    while True:
        number += 1
        yield b"%d %d\\n" % (number, time.time_ns())
        if time.time() >= end:
            return
        time.sleep(pause)
"""


@dataclass
class Streamed:
    """One answer, as its client has seen it. first, later: milliseconds that a piece took, from the code to here."""

    first: float = 0.0
    later: list[float] = field(default_factory=list)
    pieces: int = 0
    size: int = 0
    run_id: str = ""


@dataclass
class Told:
    """The findings. Times are milliseconds from the code to the client."""

    first_p50: Spread
    first_p99: float
    later_p50: Spread
    later_p99: float
    streams: int
    seconds: float
    pieces: int
    together_p50: float
    together_p99: float

    def __str__(self) -> str:
        is_ok = self.first_p50.median <= FIRST_BAR
        return (
            f"first piece, from the code to the client: p50 {self.first_p50} ms, p99 {number(self.first_p99)} ms\n"
            f"a later piece: p50 {self.later_p50} ms, p99 {number(self.later_p99)} ms\n"
            f"{'ok' if is_ok else 'MISSED'}: the first within {FIRST_BAR:g} ms\n"
            f"{self.streams} at once for {self.seconds:g} s: {self.pieces} pieces, none lost, all on record; "
            f"p50 {number(self.together_p50)} ms, p99 {number(self.together_p99)} ms"
        )


async def stream(server: Server, code_id: str, seconds: float, pause: float) -> Streamed:
    """Call the code once and take its answer. Raises `BenchError` when a piece is lost, or the answer is not whole."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    with contextlib.closing(writer):
        path = f"/endpoint/{code_id}?seconds={seconds}&pause={pause}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        if " 200 " not in head.splitlines()[0] or "transfer-encoding: chunked" not in head:
            raise BenchError(f"answered {head!r}")
        found = Streamed(run_id=head.partition("x-run-id: ")[2].partition("\r\n")[0])
        rest = b""
        while size := int(await reader.readline(), 16):
            piece = (await reader.readexactly(size + 2))[:-2]
            at = time.time_ns()
            found.size += size
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                _count(found, line, at)
        if rest or await reader.readexactly(2) != b"\r\n":
            raise BenchError("an answer does not end as it should")
        return found


def _count(found: Streamed, line: bytes, at: int) -> None:
    count, written = map(int, line.split())
    found.pieces += 1
    if count != found.pieces:
        raise BenchError(f"piece {found.pieces} is lost")
    took = (at - written) / 1e6
    if count == 1:
        found.first = took
    else:
        found.later.append(took)


def recorded(server: Server, found: Streamed) -> dict[str, Any]:
    """Return the record of an answer's run. Raises `BenchError` if it is another answer's."""
    run = server.get(f"/coderun/{found.run_id}")
    if run["status"] != "completed" or run["extra"]["result_bytes"] != found.size:
        raise BenchError(f"run {found.run_id} is not on record as it was answered: {run['extra']}")
    return run


def main() -> int:
    """Measure and print."""
    parser = parser_of("python -m bench.streams", __doc__, 5, "few calls and a short time")
    parser.add_argument("--calls", type=int, default=100, help="one after the other, in each round")
    parser.add_argument("--seconds", type=float, default=60.0, help="that the answers at once last")
    arguments = parser.parse_args()
    quick = arguments.quick
    rounds, calls = arguments.rounds or (1 if quick else 5), 10 if quick else arguments.calls
    seconds = 2.0 if quick else arguments.seconds

    def work(stack: contextlib.ExitStack) -> bool:
        server = Server(stack, languages="python")
        code_id = server.deploy(SOURCE, timeout="300")
        first, later = uvloop.run(alone(server, code_id, rounds, calls))
        say(f"{STREAMS} at once for {seconds:g} s")
        together = uvloop.run(at_once(server, code_id, seconds))
        for found in together:
            recorded(server, found)
        told = Told(
            first_p50=spread([percentile(one, 50) for one in first]),
            first_p99=percentile([ms for one in first for ms in one], 99),
            later_p50=spread([percentile(one, 50) for one in later]),
            later_p99=percentile([ms for one in later for ms in one], 99),
            streams=len(together),
            seconds=seconds,
            pieces=sum(found.pieces for found in together),
            together_p50=percentile([ms for one in together for ms in one.later], 50),
            together_p99=percentile([ms for one in together for ms in one.later], 99),
        )
        print(json.dumps(asdict(told)) if arguments.json else told)
        return True

    return carry_out(work)


async def alone(server: Server, code_id: str, rounds: int, calls: int) -> tuple[list[list[float]], list[list[float]]]:
    """Return the milliseconds of first and of later pieces, by round, of calls one after the other."""
    for _ in range(_WARM_UP):
        await stream(server, code_id, 0, 0)
    first, later = [], []
    for place in range(rounds):
        found = [await stream(server, code_id, 0.02, 0.005) for _ in range(calls)]
        first.append([one.first for one in found])
        later.append([ms for one in found for ms in one.later])
        say(f"round {place + 1} of {rounds}: {percentile(first[-1], 50):.2f} ms")
    return first, later


async def at_once(server: Server, code_id: str, seconds: float) -> list[Streamed]:
    """Take many answers at once, each of which writes ten pieces a second."""
    return await asyncio.gather(*[stream(server, code_id, seconds, 0.1) for _ in range(STREAMS)])


if __name__ == "__main__":
    sys.exit(main())
