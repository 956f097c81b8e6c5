"""How many sandboxes are kept ready, by how often calls find none."""

from codeactions.sandbox.server.warm_target import WarmTarget


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_begins_with_the_least() -> None:
    assert WarmTarget(3, 16, Clock()).target == 3


def test_each_miss_doubles_it_up_to_the_most() -> None:
    warm = WarmTarget(3, 16, Clock())
    found = []
    for _ in range(4):
        warm.missed()
        found.append(warm.target)
    assert found == [6, 12, 16, 16]


def test_without_misses_it_cools_down_to_the_least_again() -> None:
    clock = Clock()
    warm = WarmTarget(2, 16, clock)
    warm.missed()
    warm.missed()
    assert warm.target == 8
    clock.now += 9.9
    assert warm.target == 8
    clock.now += 0.2
    assert warm.target == 7
    clock.now += 20
    assert warm.target == 5
    clock.now += 1000
    assert warm.target == 2


def test_a_miss_begins_the_time_anew() -> None:
    clock = Clock()
    warm = WarmTarget(1, 4, clock)
    warm.missed()
    warm.missed()
    for _ in range(5):
        clock.now += 9
        warm.missed()
        assert warm.target == 4


def test_none_stays_none_and_the_most_is_never_under_the_least() -> None:
    none = WarmTarget(0, 16, Clock())
    none.missed()
    assert none.target == 0
    assert WarmTarget(8, 2, Clock()).target == 8
