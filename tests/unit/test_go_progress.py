"""The estimate of how long Go's standard library still takes."""

import pytest

from codeactions.runtimes.go.progress import Progress


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


SIZES = {f"p{number}": 100_000 + 37_000 * (number % 7) for number in range(200)}
WORK = {name: size + 36_000 for name, size in SIZES.items()}


def compile_until(progress: Progress, clock: Clock, packages: list[str], pace: float) -> None:
    """Compile packages at so many bytes a second."""
    for name in packages:
        progress.compiling(name)
        clock.now += WORK[name] / pace


def test_before_anything_is_known_nothing_is_told() -> None:
    clock = Clock()
    progress = Progress(clock)
    assert (progress.fraction, progress.seconds_left) == (0.0, None)
    progress.begin(SIZES)
    assert (progress.fraction, progress.seconds_left) == (0.0, None)
    clock.now += 1
    progress.compiling("p0")
    assert (progress.fraction, progress.seconds_left) == (0.0, None)
    progress.compiling("p1")
    assert progress.seconds_left is None


@pytest.mark.parametrize("pace", [200_000.0, 5_000_000.0])
def test_at_an_even_pace_the_estimate_is_right_all_along(pace: float) -> None:
    clock = Clock()
    progress, names = Progress(clock), list(SIZES)
    progress.begin(SIZES)
    rest = sum(WORK.values()) + 1_000_000
    for number, name in enumerate(names):
        if number >= 10:
            assert progress.seconds_left == pytest.approx(rest / pace, rel=0.02, abs=1)
        compile_until(progress, clock, [name], pace)
        rest -= WORK[name]
    assert 0.95 < progress.fraction < 1


def test_a_machine_that_becomes_busy_is_noticed() -> None:
    clock = Clock()
    progress, names = Progress(clock), list(SIZES)
    progress.begin(SIZES)
    compile_until(progress, clock, names[:100], 4_000_000.0)
    at_first = progress.seconds_left
    compile_until(progress, clock, names[100:130], 100_000.0)
    rest = sum(WORK[name] for name in names[129:]) + 1_000_000
    assert at_first is not None
    assert progress.seconds_left == pytest.approx(rest / 100_000.0, rel=0.15)
    # Nothing at all happens: what is left grows with the time that passes.
    before = progress.seconds_left
    clock.now += 60
    assert progress.seconds_left is not None
    assert before is not None
    assert progress.seconds_left > before * 1.5


def test_what_was_compiled_earlier_is_not_counted_twice() -> None:
    clock = Clock()
    progress, names = Progress(clock), list(SIZES)
    progress.begin(SIZES, [*names[:150], "unknown"])
    assert progress.fraction == pytest.approx(0.75, abs=0.03)
    assert progress.seconds_left is None
    compile_until(progress, clock, names[148:170], 1_000_000.0)
    rest = sum(WORK[name] for name in names[169:]) + 1_000_000
    assert progress.seconds_left == pytest.approx(rest / 1_000_000.0, rel=0.15, abs=2)
    assert progress.fraction < 1
