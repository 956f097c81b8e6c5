"""The house rules that can be read off the tests: they wait for conditions, assert no times, and are in short files."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("*.py"))
# Everything else that is Python and no part of the package, whose own files test_layers.py looks at.
OTHERS = sorted(path for folder in ("bench", "docs") for path in (TESTS.parent / folder).rglob("*.py"))
MOST_LINES = 300
SLEEPS = {"time.sleep", "asyncio.sleep"}
# What tells how long something took. `time.time` tells the date, which tokens and records need.
STOPWATCHES = {"time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns", "time.process_time"}
DEADLINES = {"asyncio.wait_for", "asyncio.timeout"}
LEAST_DEADLINE = 10  # seconds; a deadline only keeps a broken test from hanging, and a busy machine takes its time
EXEMPT = {
    # Its helpers poll and wait, so that no other module has to.
    "harness.py",
    "integration/test_sandbox_pool.py",
}


def named(path: Path) -> str:
    """Return a file's path below the tests."""
    return str(path.relative_to(TESTS))


def literal(node: ast.AST | None) -> object:
    """Return the value of a literal; None for anything else."""
    return node.value if isinstance(node, ast.Constant) else None


def breaches(source: str) -> Iterator[str]:
    """Yield each place where a module breaks the rules. Programs that it has in strings are not looked into."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr == "elapsed":
            yield f"line {node.lineno}: {ast.unparse(node)}"
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        last = literal(node.args[-1]) if node.args else None
        sleeps = name in SLEEPS and last != 0  # 0 gives other tasks a turn, and is no time
        measures = name in STOPWATCHES or name.endswith(("loop().time", "loop.time"))
        hurries = name in DEADLINES and isinstance(last, int | float) and last < LEAST_DEADLINE
        if sleeps or measures or hurries:
            yield f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("path", [path for path in FILES if named(path) not in EXEMPT], ids=named)
def test_a_test_waits_for_a_condition_and_asserts_no_time(path: Path) -> None:
    assert list(breaches(path.read_text())) == []


@pytest.mark.parametrize("path", [*FILES, *OTHERS], ids=lambda path: str(path.relative_to(TESTS.parent)))
def test_a_file_stays_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("name", sorted(EXEMPT))
def test_what_is_exempt_still_needs_to_be(name: str) -> None:
    assert list(breaches((TESTS / name).read_text()))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time\ntime.sleep(0.1)", True),
        ("import asyncio\nasync def test():\n    await asyncio.sleep(seconds)", True),
        ("import asyncio\nasync def test():\n    await asyncio.sleep(0)", False),
        ("import asyncio\nasync def test():\n    await asyncio.wait_for(done, 2)", True),
        ("import asyncio\nasync def test():\n    await asyncio.wait_for(done, 20)", False),
        ("import time\nbegan = time.monotonic()", True),
        ("import asyncio\nbegan = asyncio.get_running_loop().time()", True),
        ("assert answer.elapsed.total_seconds() < 1", True),
        ("import time\nexpires = int(time.time()) + 60", False),
        ("SOURCE = 'time.sleep(60)'", False),
    ],
)
def test_the_rule_sees_what_it_is_for(source: str, found: bool) -> None:
    assert bool(list(breaches(source))) is found
