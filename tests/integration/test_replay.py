"""Our `migrate` does what golang-migrate was seen to do, but for what tests/replay/differences.py lists."""

import difflib
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
from replay import cluster
from replay.cases import Case, Outcome, Replay, masked, recorded, replayed
from replay.differences import DIFFERENCES, NOT_REPLAYED, Difference

pytestmark = pytest.mark.timeout(300)
FIELDS = ("exit_code", "rows_after", "stdout", "stderr")


@pytest.fixture(scope="module", params=["18", "debian"])
def replay(request: pytest.FixtureRequest) -> Iterator[Replay]:
    """Replays on PostgreSQL 18, the wheel's, and on Debian's where it is installed."""
    programs = cluster.embedded() if request.param == "18" else cluster.debian()
    if programs is None:
        pytest.skip("no PostgreSQL of Debian's is installed below /usr/lib/postgresql")
    server = cluster.Cluster(programs).start()
    try:
        with closing(Replay(server)) as replay:
            yield replay
    finally:
        server.stop()


@dataclass(frozen=True)
class Expected:
    """What a case has to do here."""

    exit_code: int
    rows_after: str | None
    stdout: str
    stderr: str
    stderr_more: str

    def complaints(self, outcome: Outcome) -> list[str]:
        """What is otherwise, for people; empty if nothing is."""
        found = []
        for name in ("exit_code", "rows_after"):
            expected, got = getattr(self, name), getattr(outcome, name)
            if expected is not None and got != expected:
                found.append(f"{name}: expected {expected!r}, got {got!r}")
        found += _difference("stdout", self.stdout, outcome.stdout)
        if self.stderr_more:
            begin, more = outcome.stderr[: len(self.stderr)], outcome.stderr[len(self.stderr) :]
            if begin != self.stderr or not re.fullmatch(self.stderr_more, more):
                found += _difference("stderr", f"{self.stderr}(then: {self.stderr_more})", outcome.stderr)
        else:
            found += _difference("stderr", self.stderr, outcome.stderr)
        return found


def _difference(name: str, expected: str, got: str) -> list[str]:
    """A diff of two texts, with what cannot be seen made visible."""
    if expected == got:
        return []
    one, other = ([ascii(line) for line in text.splitlines(keepends=True)] for text in (expected, got))
    return list(difflib.unified_diff(one, other, f"{name} expected", f"{name} got", lineterm="", n=1000))


def _expected(case: Case) -> Expected:
    """As recorded, but for what we do otherwise on purpose."""
    ours = DIFFERENCES.get(case.number, Difference(""))
    values = {name: _ours(ours, case, name) for name in FIELDS}
    return Expected(**values, stderr_more=ours.stderr_more)  # type: ignore[arg-type]


def _ours(ours: Difference, case: Case, name: str) -> object:
    """One field of what is expected, masked as the outcome is."""
    value = getattr(ours, name)
    value = getattr(case, name) if value is None else value
    return masked(value) if name in ("stdout", "stderr") else value


@pytest.mark.parametrize("case", replayed(), ids=lambda case: str(case.number))
def test_case(replay: Replay, case: Case) -> None:
    complaints = _expected(case).complaints(replay.outcome(case.number))
    if complaints:
        reason = DIFFERENCES[case.number].reason if case.number in DIFFERENCES else "none, as recorded"
        head = [f"case {case.number}: {case.title}", f"$ {case.command}", f"difference: {reason}"]
        pytest.fail("\n".join([*head, *complaints]), pytrace=False)


def test_every_case_is_replayed_or_has_a_reason_not_to_be() -> None:
    assert set(NOT_REPLAYED) <= set(recorded())
    assert {case.number for case in replayed()} | set(NOT_REPLAYED) == set(recorded())
    assert set(DIFFERENCES) <= {case.number for case in replayed()}
    assert all({**NOT_REPLAYED, **{number: ours.reason for number, ours in DIFFERENCES.items()}}.values())


@pytest.mark.parametrize("number", sorted(DIFFERENCES))
def test_a_difference_differs_from_the_recording(number: int) -> None:
    """What it says is what happens: `test_case` holds it to that."""
    ours, case = DIFFERENCES[number], recorded()[number]
    said = [name for name in FIELDS if getattr(ours, name) is not None]
    assert said or ours.stderr_more, "it says nothing"
    stale = [name for name in said if _ours(ours, case, name) == _ours(Difference(""), case, name)]
    assert stale == [], "this is what was recorded"
    assert not ours.stderr_more or not re.fullmatch(ours.stderr_more, ""), "it may be the same"


def test_counts(replay: Replay) -> None:
    """Prints how many cases are how; pytest shows it with -rA."""
    right = [case.number for case in replayed() if not _expected(case).complaints(replay.outcome(case.number))]
    equal, differ = len(set(right) - set(DIFFERENCES)), len(set(right) & set(DIFFERENCES))
    wrong = len(replayed()) - len(right)
    print(
        f"PostgreSQL {replay.cluster.version}: {equal} equal, {differ} differ on purpose, "
        f"{len(NOT_REPLAYED)} not replayed, {wrong} wrong"
    )
    assert equal + differ + wrong + len(NOT_REPLAYED) == len(recorded())
