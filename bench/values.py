"""`python -m bench.values`: the cost of secrets: a run with ten of them next to one without any.

Both codes are on one server and called in turn on one connection, in many short rounds, so that other load
on the machine affects both. The code reads one secret and one environment variable.
"""

import contextlib
import http.client
import secrets
import statistics
import sys
import time

from bench.command import carry_out, parser_of, say
from bench.processes import BenchError
from bench.server import Server
from bench.stats import number, percentile, spread

_SECRETS = 10
_BAR_MS = 0.1
_SOURCE = """
import os
def Run(engine):
    return [engine.secrets.get("KEY_1") == os.environ.get("KEY_1"), len(engine.secrets)]
"""


class _Side:
    """An endpoint, and how long its calls took."""

    def __init__(self, server: Server, connection: http.client.HTTPConnection, number_of_secrets: int) -> None:
        project = f"bench-{number_of_secrets}"
        for one in range(number_of_secrets):
            fields = {"project_uuid": project, "name": f"KEY_{one}", "value": secrets.token_urlsafe(30)}
            server.post("/secret", fields)
        self._path = f"/endpoint/{server.deploy(_SOURCE, project=project)}"
        self._expected = f"[true, {number_of_secrets}]".encode()
        self._connection = connection
        self.p50_ms: list[float] = []

    def round(self, calls: int) -> None:
        """Call the endpoint and store the median. Raises `BenchError` for a wrong answer."""
        taken = []
        for _ in range(calls):
            began = time.perf_counter()
            self._connection.request("GET", self._path)
            answer = self._connection.getresponse()
            content = answer.read()
            taken.append((time.perf_counter() - began) * 1000)
            if content != self._expected:
                raise BenchError(f"answered {answer.status}: {content[:200]!r}")
        self.p50_ms.append(percentile(taken, 50))


def main() -> int:
    """Measure and print. Returns the exit code: 0 if it could be measured, whatever the verdict."""
    parser = parser_of("python -m bench.values", __doc__, 100, "few rounds")
    arguments = parser.parse_args()
    rounds = arguments.rounds or (6 if arguments.quick else 100)

    def work(stack: contextlib.ExitStack) -> bool:
        server = Server(stack, languages="python")
        connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
        without, with_ten = _Side(server, connection, 0), _Side(server, connection, _SECRETS)
        for side in (without, with_ten):
            side.round(50)  # to warm up
            side.p50_ms.clear()
        for turn in range(rounds):
            for side in (without, with_ten) if turn % 2 == 0 else (with_ten, without):
                side.round(50)
            say(f"round {turn + 1} of {rounds}: {with_ten.p50_ms[-1] - without.p50_ms[-1]:+.3f} ms")
        added = [one - other for one, other in zip(with_ten.p50_ms, without.p50_ms, strict=True)]
        print(f"p50 of a call, ms: without secrets {spread(without.p50_ms)}, with ten {spread(with_ten.p50_ms)}")
        quarters = statistics.quantiles(added, n=4)
        median = statistics.median(added)
        print(f"ten secrets add {median:.3f} ms (quartiles {quarters[0]:.3f} and {quarters[2]:.3f}, {rounds} rounds)")
        print(f"{'ok' if median <= _BAR_MS else 'MISSED'}: at most {number(_BAR_MS)} ms")
        return True

    return carry_out(work)


if __name__ == "__main__":
    sys.exit(main())
