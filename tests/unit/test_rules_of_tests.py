"""The house rules that can be read off the tests themselves: they wait for conditions, and assert no times."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("*.py"))
SLEEPS = {"time.sleep", "asyncio.sleep"}
# Whoever reads these wants to know how long something took. `time.time` tells the date, which tokens and records need.
STOPWATCHES = {"time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns", "time.process_time"}
DEADLINES = {"asyncio.wait_for", "asyncio.timeout"}
LEAST_DEADLINE = 10  # seconds; a deadline only keeps a broken test from hanging, and a busy machine takes its time
# The helpers that poll, and so everything else need not.
HELPERS = {"harness.py"}


def named(path: Path) -> str:
    """A file's path below the tests."""
    return str(path.relative_to(TESTS))


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """(dotted name, call) of every call of something that a module names in full. Programs in strings are not seen."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def literal(node: ast.AST | None) -> object:
    """The value of a literal; None for anything else."""
    return node.value if isinstance(node, ast.Constant) else None


def breaches(source: str) -> list[str]:
    """What a module does against the rules, each with its line."""
    found = []
    for name, call in calls(ast.parse(source)):
        last = literal(call.args[-1]) if call.args else None
        if name in SLEEPS and last != 0:  # 0 gives the other tasks a turn, and is no time
            found.append(f"line {call.lineno}: {name}")
        elif name in STOPWATCHES or name.endswith(("loop().time", "loop.time")):
            found.append(f"line {call.lineno}: {name}")
        elif name in DEADLINES and isinstance(last, int | float) and last < LEAST_DEADLINE:
            found.append(f"line {call.lineno}: {name} of {last} s")
    return found


@pytest.mark.parametrize("path", [path for path in FILES if named(path) not in HELPERS], ids=named)
def test_a_test_waits_for_a_condition_and_asserts_no_time(path: Path) -> None:
    assert breaches(path.read_text()) == []
