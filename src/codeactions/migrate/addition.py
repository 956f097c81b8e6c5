"""Additions to a takeover: work on rows of a program's own, in the same transaction as the migrations."""

from dataclasses import dataclass
from typing import Protocol

from codeactions.migrate.database.results import Row


class Queries(Protocol):
    """The connection of a takeover, as an addition gets it."""

    def execute(self, text: str) -> list[Row]:
        """Run statements and return the rows of the last one that selects, as text."""

    def literal(self, value: str | None) -> str:
        """Return a value as a constant for SQL text."""


@dataclass(frozen=True)
class Added:
    """The consequences of an addition."""

    lines: tuple[str, ...] = ()
    """In words."""
    changes: bool = False
    """Whether there is anything to do."""
    tables: tuple[str, ...] = ()
    """The tables of other programs that it reads."""


class Addition(Protocol):
    """The work on rows of a program's own, in the transaction of a takeover and after the migrations."""

    def plan(self, connection: Queries) -> Added:
        """Return what `run` would do. The migrations may not be applied yet."""

    def run(self, connection: Queries) -> None:
        """Do it. An error that is raised undoes the whole takeover."""


class NoAddition:
    """Nothing more than the migrations."""

    def plan(self, _connection: Queries) -> Added:
        """Return that there is nothing."""
        return Added()

    def run(self, _connection: Queries) -> None:
        """Do nothing."""
