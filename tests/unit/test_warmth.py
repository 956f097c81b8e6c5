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
    warmth = WarmTarget(3, 16, Clock())
    found = []
    for _ in range(4):
        warmth.missed()
        found.append(warmth.target)
    assert found == [6, 12, 16, 16]


def test_without_misses_it_cools_down_to_the_least_again() -> None:
    clock = Clock()
    warmth = WarmTarget(2, 16, clock)
    warmth.missed()
    warmth.missed()
    assert warmth.target == 8
    clock.now += 9.9
    assert warmth.target == 8
    clock.now += 0.2
    assert warmth.target == 7
    clock.now += 20
    assert warmth.target == 5
    clock.now += 1000
    assert warmth.target == 2


def test_a_miss_begins_the_time_anew() -> None:
    clock = Clock()
    warmth = WarmTarget(1, 4, clock)
    warmth.missed()
    warmth.missed()
    for _ in range(5):
        clock.now += 9
        warmth.missed()
        assert warmth.target == 4


def test_none_stays_none_and_the_most_is_never_under_the_least() -> None:
    none = WarmTarget(0, 16, Clock())
    none.missed()
    assert none.target == 0
    assert WarmTarget(8, 2, Clock()).target == 8
