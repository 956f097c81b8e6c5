"""The examples that are deployed to a new database. Each is small and shows one feature."""

import os
from dataclasses import dataclass
from importlib import resources
from uuid import UUID

PROJECT = "examples"


@dataclass(frozen=True, slots=True)
class Example:
    """A code to deploy. Its id is fixed, so that the commands in the README work unchanged.

    ending: of the file with the source; it tells the language.
    """

    id: UUID
    name: str
    type: str
    source: str
    ending: str


def _example(number: int, file: str, kind: str) -> Example:
    source = resources.files(__name__).joinpath(file).read_text()
    name, ending = os.path.splitext(file)
    return Example(UUID(f"00000000-0000-7000-8000-{number:012d}"), name, kind, source, ending)


def examples() -> list[Example]:
    """Return all examples."""
    return [
        _example(1, "hello.py", "endpoint"),
        _example(2, "sandbox.py", "endpoint"),
        _example(3, "totals.py", "flow"),
    ]
