"""The examples that are deployed to a new database. Each is small and shows one feature."""

from dataclasses import dataclass
from importlib import resources
from uuid import UUID

PROJECT = "examples"


@dataclass(frozen=True, slots=True)
class Example:
    """A code to deploy. Its id is fixed, so that the commands in the README work unchanged."""

    id: UUID
    name: str
    type: str
    source: str


def _example(number: int, name: str, kind: str) -> Example:
    source = resources.files(__name__).joinpath(f"{name}.py").read_text()
    return Example(UUID(f"00000000-0000-7000-8000-{number:012d}"), name, kind, source)


def examples() -> list[Example]:
    """Return all examples."""
    return [_example(1, "hello", "endpoint"), _example(2, "sandbox", "endpoint"), _example(3, "totals", "flow")]
