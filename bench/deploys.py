"""`python -m bench.deploys`: what deploys and rollbacks cost the calls that come meanwhile.

Some callers call one endpoint without a pause: first alone, then while its code is deployed and rolled back, and alone
again. Every answer must be right, and of the version that its run names.
"""

import argparse
import contextlib
import http.client
import itertools
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from bench.command import carry_out, say
from bench.server import Server
from bench.stats import percentile

Answer = tuple[int, str, str, float]
"""Status, text, the run's id, and milliseconds."""


def main() -> int:
    """Measure and print. Return the exit code: 1 if an answer was wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.deploys", description=__doc__)
    parser.add_argument("--changes", type=int, default=50, help="deploys and rollbacks")
    parser.add_argument("--calls", type=int, default=1000, help="calls at least, in each part")
    parser.add_argument("--callers", type=int, default=4)
    arguments = parser.parse_args()

    def work(stack: contextlib.ExitStack) -> bool:
        server = Server(stack, languages="python")
        code_id = server.deploy(_source(0))
        texts = {1: "answer 0"}
        answers: dict[str, list[Answer]] = {}
        for part in ("alone", "with changes", "alone again"):
            say(part)
            changes = arguments.changes if part == "with changes" else 0
            answers[part] = _measure(server, code_id, texts, arguments.calls, arguments.callers, changes)
        for part, found in answers.items():
            taken = [one[3] for one in found]
            p50, p99 = percentile(taken, 50), percentile(taken, 99)
            print(f"{part:13} {len(found):6} calls, p50 {p50:6.2f} ms, p99 {p99:6.2f} ms")
        wrong = _wrong(server, code_id, texts, [one for found in answers.values() for one in found])
        print(f"{wrong} answers were wrong; {len(texts)} versions, {arguments.changes} changes")
        return wrong == 0

    return carry_out(work)


def _measure(
    server: Server, code_id: str, texts: dict[int, str], calls: int, callers: int, changes: int
) -> list[Answer]:
    """Call until there were that many calls and all changes are made."""
    over, counted = threading.Event(), itertools.count(1)

    def call(_: int) -> list[Answer]:
        found, connection = [], http.client.HTTPConnection(server.host, server.port, timeout=60)
        while next(counted) <= calls or not over.is_set():
            began = time.perf_counter()
            connection.request("GET", f"/endpoint/{code_id}")
            answer = connection.getresponse()
            text = answer.read().decode()
            taken = (time.perf_counter() - began) * 1000
            found.append((answer.status, text, answer.getheader("X-Run-Id", ""), taken))
        connection.close()
        return found

    with ThreadPoolExecutor(callers) as pool:
        calling = [pool.submit(call, number) for number in range(callers)]
        try:
            for number in range(changes):
                _change(server, code_id, texts, number)
        finally:
            over.set()
        return [one for future in calling for one in future.result()]


def _change(server: Server, code_id: str, texts: dict[int, str], number: int) -> None:
    """Deploy a new source, or every third time return to the version before the last one."""
    if number % 3 == 2:
        server.post(f"/code/{code_id}/rollback", {"version": max(texts) - 1})
        return
    version = max(texts) + 1
    found = server.patch(f"/code/{code_id}", {"source": _source(version)})
    texts[int(found["version"])] = f"answer {version}"


def _wrong(server: Server, code_id: str, texts: dict[int, str], answers: list[Answer]) -> int:
    """Count the answers that failed, or are not of the version that their run names."""
    versions: dict[str, int] = {}
    for page in itertools.count(1):
        found = server.get(f"/coderun?code_id={code_id}&page={page}")
        versions |= {run["id"]: run["extra"]["version"] for run in found["data"]}
        if page >= found["last_page"]:
            break
    return sum(status != 200 or texts.get(versions.get(run_id, 0)) != text for status, text, run_id, _ in answers)


def _source(number: int) -> str:
    return f"def Run(engine):\n    return 'answer {number}'\n"


if __name__ == "__main__":
    sys.exit(main())
