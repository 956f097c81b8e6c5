"""`python -m bench.masking`: measure how fast secret values are masked, and by what they might be looked for instead.

A log of 1 MB is masked at once, line by line, and by the server's collector of lines, with ten secrets of each kind.
Each way gets the same bytes and the same forms. All ways are measured in turn, in interleaved rounds. The last lines
are what a run pays beside its log.
"""

import argparse
import asyncio
import base64
import random
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from bench.stats import Spread, spread
from codeactions.domain.folding import folded
from codeactions.domain.job import OutputLimits
from codeactions.domain.masker import Masker, masker_of
from codeactions.domain.run import Answer, Call
from codeactions.domain.run_values import RunValues
from codeactions.domain.secret_forms import forms, roots
from codeactions.execution.log_collector import LogCollector
from codeactions.execution.run_masking import RunMasking

_MEGABYTE = 1_000_000
_BAR = 50  # MB/s
_SLOW, _PART = ("re", "bytes.find"), 100  # these get a hundredth of the log
_RUNS = 1000  # in each round, of those that tell what a run pays
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_CALL = Call(
    params=tuple((f"name{number}", "a value of a parameter") for number in range(5)),
    headers=tuple((f"x-header-{number}", "a value of a header, of usual length") for number in range(12)),
    body=b'{"message": "hello", "amount": 12.5}' * 10,
)
_ANSWER = Answer(b'{"answer": "a result of usual length"}' * 10, 200, "application/json", (("x-a", "b"),))


def secrets(rng: random.Random) -> dict[str, list[str]]:
    """Return ten values of each kind."""

    def key() -> str:
        text = base64.b64encode(rng.randbytes(1200)).decode()
        lines = [text[place : place + 64] for place in range(0, len(text), 64)]
        return "\n".join(("-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""))

    return {
        "tokens of 40 letters": [rng.randbytes(20).hex() for _ in range(10)],
        "passwords with signs": [f"pä\"ss'<{rng.randbytes(6).hex()}>/&%+\\" for _ in range(10)],
        "private keys": [key() for _ in range(10)],
    }


def log_lines(rng: random.Random, values: list[str], every: int) -> list[bytes]:
    """Return 1 MB of lines; one of so many has a secret in it, none if `every` is 0."""
    lines, size = [], 0
    while size < _MEGABYTE:
        text = f"2026-11-30T12:00:00Z request {rng.randrange(10**9)} took {rng.randrange(900)} ms, status ok, user ana"
        if every and len(lines) % every == 0:
            text += f" with key {rng.choice(values).splitlines()[0]}"
        lines.append(text.encode())
        size += len(lines[-1]) + 1
    return lines


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _collected(lines: list[bytes], masker: Masker | None) -> None:
    log = LogCollector(OutputLimits(log_lines=len(lines)), lambda: _NOW, masker)
    for start in range(0, len(lines), 500):
        log.add_output("info", b"\n".join(lines[start : start + 500]) + b"\n")
    log.finish()


def ways(values: list[str], lines: list[bytes]) -> dict[str, Callable[[], object]]:
    """Return each way to look for the values in the lines."""
    masker = Masker(values)
    needles = sorted({folded(form) for value in values for root in roots(value) for form in forms(root)})
    pattern = re.compile(b"|".join(map(re.escape, needles)))
    text = b"\n".join(lines)
    part = text[: len(text) // _PART]
    return {
        "masker": lambda: masker.mask_bytes(text),
        "by line": lambda: [masker.mask_bytes(line) for line in lines],
        "the log with it": lambda: _collected(lines, masker),
        "the log without": lambda: _collected(lines, None),
        "re": lambda: pattern.findall(part),
        "bytes.find": lambda: [part.find(needle) for needle in needles],
    }


def _measured(values: list[str], lines: list[bytes], rounds: int) -> dict[str, Spread]:
    found: dict[str, list[float]] = {}
    measured = ways(values, lines)
    size = sum(map(len, lines)) / _MEGABYTE
    for _ in range(rounds):
        for name, work in measured.items():
            of = _PART if name in _SLOW else 1
            found.setdefault(name, []).append(size / of / _seconds(work))
    return {name: spread(speeds) for name, speeds in found.items()}


async def _of_a_run(values: RunValues, rounds: int) -> Spread:
    """Return the microseconds that a run pays for its call and its answer."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(_RUNS):
            masking = RunMasking(masker_of(values), with_result=True)
            await masking.call(_CALL)
            await masking._answer(_ANSWER)
        taken.append((time.perf_counter() - began) * 1_000_000 / _RUNS)
    return spread(taken)


def main() -> int:
    """Measure and print. Returns 1 if the log with ten secrets is masked slower than the bar, else 0."""
    parser = argparse.ArgumentParser("python -m bench.masking", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    rng = random.Random(12)  # the same values and lines in every run
    slowest = float("inf")
    print("MB/s, median (lowest–highest)")
    for kind, values in secrets(rng).items():
        print(f"\nten {kind}: {Masker(values)}, made in {1000 * _seconds(lambda v=values: Masker(v)):.1f} ms")
        for every, told in ((0, "no secret in it"), (10, "one in each tenth line")):
            measured = _measured(values, log_lines(rng, values, every), rounds)
            slowest = min(slowest, measured["masker"].median)
            print(f"  1 MB of log, {told}")
            for name, speed in measured.items():
                print(f"    {name:16}{speed}")
    print("\nmicroseconds for the call and the answer of a run")
    given = RunValues(tuple((f"S{number}", text) for number, text in enumerate(secrets(rng)["tokens of 40 letters"])))
    for name, values_of_run in (("no secret", RunValues()), ("ten secrets", given)):
        print(f"  {name}: {asyncio.run(_of_a_run(values_of_run, rounds))}")
    print(f"\nthe bar of {_BAR} MB/s: {'met' if slowest >= _BAR else 'missed'}, slowest {slowest:.0f} MB/s")
    return int(slowest < _BAR)


if __name__ == "__main__":
    sys.exit(main())
