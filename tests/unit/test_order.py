"""The random order of the tests."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from order import shuffled


@dataclass(frozen=True)
class Item:
    """As much of a test as the order looks at."""

    path: str
    number: int

    def get_closest_marker(self, name: str) -> object:
        """Return something for the tests of the modules that are slow."""
        return name if self.path.startswith("slow") else None


ITEMS: Any = [Item(path, number) for path in ("a", "slow b", "c", "d", "slow e", "f") for number in range(5)]


def paths(seed: str) -> list[str]:
    """Return the modules in a seed's order, each as often as its tests are taken up."""
    return [path for path, _ in groupby(str(item.path) for item in shuffled(ITEMS, seed))]


def test_a_seed_gives_the_same_order_again_and_each_its_own() -> None:
    orders = [shuffled(ITEMS, str(seed)) for seed in range(20)]
    assert orders == [shuffled(ITEMS, str(seed)) for seed in range(20)]
    assert len({tuple(order) for order in orders}) == 20
    assert all(sorted(order, key=ITEMS.index) == ITEMS for order in orders)


def test_modules_stay_together_and_the_slow_come_first() -> None:
    orders = [paths(str(seed)) for seed in range(20)]
    assert all(len(order) == 6 for order in orders)
    assert {frozenset(order[:2]) for order in orders} == {frozenset({"slow b", "slow e"})}
    assert len({tuple(order[2:]) for order in orders}) > 1


def test_the_tests_of_a_module_are_shuffled_too() -> None:
    numbers = {tuple(item.number for item in shuffled(ITEMS, str(seed)) if item.path == "a") for seed in range(20)}  # type: ignore[attr-defined]
    assert len(numbers) > 1
