"""`python -m bench.compare PYTHON`: compare the CPU of a trivial call with that of another checkout.

PYTHON is the interpreter of a virtual environment in which the other codeactions is installed. Both servers run at the
same time and are called in turn, in many short rounds, so that other load on the machine affects both. The CPU is that
of all processes of a server: runs, launcher, zygotes and PostgreSQL included.
"""

import argparse
import contextlib
import http.client
import math
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.command import carry_out, say
from bench.processes import BenchError
from bench.server import HELLO, Server
from bench.smaps import children
from bench.stats import percentile, spread

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
_SETTLE_SECONDS = 0.3  # after a round, so that the work its last calls left behind is counted
# 0.975 quantiles of Student's distribution, by degrees of freedom; the next lower row is used.
_STUDENT = {4: 2.776, 9: 2.262, 14: 2.145, 19: 2.093, 29: 2.045, 59: 2.001}


class Side:
    """One of the two servers, with its endpoint and a kept-alive connection."""

    def __init__(self, stack: contextlib.ExitStack, python: str) -> None:
        self._server = Server(stack, python=python, languages="python")
        self._path = f"/endpoint/{self._server.deploy(HELLO)}?name=you"
        self._connection = http.client.HTTPConnection(self._server.host, self._server.port, timeout=60)
        self.cpu_ms: list[float] = []  # of a call, by round
        self.p50_ms: list[float] = []

    def round(self, calls: int) -> None:
        """Call the endpoint and store the cost of a call. Raises `BenchError` for a wrong answer."""
        before, taken = cpu_ms(self._server.pid), []
        for _ in range(calls):
            began = time.perf_counter()
            self._connection.request("GET", self._path)
            answer = self._connection.getresponse()
            content = answer.read()
            taken.append((time.perf_counter() - began) * 1000)
            if content != b'{"hello": "you"}':
                raise BenchError(f"answered {answer.status}: {content[:200]!r}")
        time.sleep(_SETTLE_SECONDS)
        self.cpu_ms.append((cpu_ms(self._server.pid) - before) / calls)
        self.p50_ms.append(percentile(taken, 50))


def cpu_ms(pid: int) -> float:
    """Return the CPU of a process and its descendants in milliseconds, including ended ones that were waited for."""
    total, below = 0.0, [pid]
    while below:
        one = below.pop()
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))  # user and system time, its own and its children's
            below += children(one)
    return total * _TICK_MS


def interval(ratios: Sequence[float]) -> tuple[float, float, float]:
    """Return the geometric mean of at least five ratios, and the bounds of its 95 % confidence interval.

    The arithmetic mean of ratios lies above 1 for two equal sides: 2 and 1/2 have a mean of 1.25.
    """
    logarithms = [math.log(ratio) for ratio in ratios]
    mean = statistics.fmean(logarithms)
    student = _STUDENT[max(known for known in _STUDENT if known <= len(ratios) - 1)]
    half = student * statistics.stdev(logarithms) / math.sqrt(len(ratios))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def main() -> int:
    """Measure and print. Returns the exit code: 0 if it could be measured, whatever the verdict."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("python", help="the other checkout's interpreter, such as ../before/.venv/bin/python")
    parser.add_argument("--rounds", type=int, default=200, help="at least 5")
    parser.add_argument("--calls", type=int, default=100, help="per round and side")
    parser.add_argument("--bar", type=float, default=1.03, help="the ratio below which the interval has to be")
    arguments = parser.parse_args()

    def work(stack: contextlib.ExitStack) -> bool:
        here, other = Side(stack, sys.executable), Side(stack, arguments.python)
        for side in (here, other):
            side.round(arguments.calls)  # to warm up
            side.cpu_ms.clear()
            side.p50_ms.clear()
        for number in range(arguments.rounds):
            for side in (here, other) if number % 2 == 0 else (other, here):
                side.round(arguments.calls)
            say(f"round {number + 1} of {arguments.rounds}: {here.cpu_ms[-1] / other.cpu_ms[-1]:.3f}")
        ratios = [one / two for one, two in zip(here.cpu_ms, other.cpu_ms, strict=True)]
        mean, low, high = interval(ratios)
        print(f"CPU of a call, ms: here {spread(here.cpu_ms)}, other {spread(other.cpu_ms)}")
        print(f"p50 of a call, ms: here {spread(here.p50_ms)}, other {spread(other.p50_ms)}")
        print(f"ratio of CPU, {len(ratios)} rounds: {mean:.3f} (95 %: {low:.3f}–{high:.3f}; {spread(ratios)})")
        print(f"{'ok' if high < arguments.bar else 'MISSED'}: the interval lies below {arguments.bar}")
        return True

    return carry_out(work)


if __name__ == "__main__":
    sys.exit(main())
