"""The floor: a bare fork of a process as large as a zygote. A process of its own that needs the standard library alone.

Takes `{"forks": count}` per line of JSON and answers `{"p50_ms", "rss", "anonymous"}`.
"""

import gc
import json
import os
import sys
import time

from bench.smaps import rollup
from bench.stats import percentile


def _grow(anonymous: int) -> bytearray:
    """Own as much anonymous memory, which is what a fork copies the page tables of; written to, so that it is there."""
    missing = max(0, anonymous - rollup("self")["Anonymous"])
    ballast = bytearray(missing)
    for place in range(0, missing, 4096):
        ballast[place] = 1
    return ballast


def _fork() -> float:
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Serve until standard input ends. Argument: bytes of anonymous memory to have."""
    ballast = _grow(int(sys.argv[1]))
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        p50 = percentile([_fork() for _ in range(json.loads(line)["forks"])], 50)
        sizes = rollup("self")
        print(json.dumps({"p50_ms": p50, "rss": sizes["Rss"], "anonymous": sizes["Anonymous"]}), flush=True)
    del ballast


if __name__ == "__main__":
    main()
