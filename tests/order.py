"""Random order: `--shuffle=SEED` takes the modules, and the tests of each, in an order that the seed decides."""

import random
from itertools import groupby

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option. It comes alone, or with the seed that an earlier run has printed."""
    parser.addoption("--shuffle", nargs="?", const="", metavar="SEED", help="random order, of that seed or a new one")


def pytest_configure(config: pytest.Config) -> None:
    """Choose a seed. The workers of a parallel run get the options, and so the same order."""
    if config.option.shuffle == "":
        config.option.shuffle = str(random.SystemRandom().randrange(10**6))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say it, so that a failure can be had again."""
    if config.option.shuffle is not None:
        terminalreporter.write_line(f"random order: --shuffle={config.option.shuffle}")


def shuffled(items: list[pytest.Item], seed: str) -> list[pytest.Item]:
    """Return the same tests in the seed's order. Those of a module stay together, since they share its servers.

    Modules with slow tests come first, so that no worker of a parallel run is left with one of them at the end.
    """
    choose = random.Random(seed)
    modules = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    choose.shuffle(modules)
    modules.sort(key=lambda tests: all(test.get_closest_marker("slow") is None for test in tests))
    for tests in modules:
        choose.shuffle(tests)
    return [test for tests in modules for test in tests]


@pytest.hookimpl(tryfirst=True)  # pytest then brings the parameters of a module's fixtures together
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Shuffle in place."""
    if config.option.shuffle is not None:
        items[:] = shuffled(items, config.option.shuffle)
