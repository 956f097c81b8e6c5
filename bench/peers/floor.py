"""The floor: a bare fork of a process as large as a zygote. It runs as a process that uses only the standard library.

It reads `{"forks": count}` a line, as JSON, and answers `{"p50_ms", "rss", "anonymous"}`.
"""

import gc
import json
import os
import sys
import time

from bench.smaps import rollup
from bench.stats import percentile


def _grow(anonymous: int) -> bytearray:
    """Grow this process to a number of bytes of anonymous memory, whose page tables a fork copies.

    Each page is written to, because the kernel maps it only then.
    """
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
    """Serve until standard input ends. The argument is the bytes of anonymous memory to grow to."""
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
