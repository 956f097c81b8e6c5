"""Comparing what migration files define with what a database has."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from codeactions.migrate.database.connection import Connection
from codeactions.migrate.statements.definitions import Thing

_SHOWN = 3
# A missing table matters more than what is missing with it.
_ORDER = {"table": 0, "column": 1, "not null": 2, "trigger": 3, "function": 4}


class Difference(NamedTuple):
    """One thing that a database does not have as it should be."""

    kind: str
    """As of `Thing`, or `not null`: a column unknown to the files that must be given."""
    table: str
    name: str
    type: str
    found: str
    """The type of a column that has another one; else empty."""

    def __str__(self) -> str:
        match self.kind:
            case "table":
                return f"table {self.table} is missing"
            case "column" if self.found:
                return f"column {self.name} of table {self.table} is {self.found}, not {self.type.lower()}"
            case "not null":
                return f"table {self.table} has a column {self.name} that must be given and is not known here"
            case "trigger":
                return f"trigger {self.name} of table {self.table} is missing"
            case "function":
                return f"function {self.name} is missing"
        return f"table {self.table} has no column {self.name}"


def statement(things: str) -> str:
    """Return the query for `differences_of`. things: SQL for what `as_json` returns, a literal or a parameter."""
    return Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("{things}", things)


def as_json(things: Iterable[Thing]) -> str:
    """Return things as the query takes them."""
    return json.dumps(sorted(things))


def differences(connection: Connection, things: Iterable[Thing]) -> list[Difference]:
    """Return which of these things the database does not have as they should be."""
    wanted = connection.literal(as_json(things))
    return differences_of([tuple(value or "" for value in row) for row in connection.execute(statement(wanted))])


def differences_of(rows: Iterable[Sequence[str]]) -> list[Difference]:
    """Return the rows of `statement` as differences: tables first, and nothing more of those that are missing."""
    found = sorted((Difference(*row) for row in rows), key=lambda one: (_ORDER[one.kind], one))
    gone = {one.table for one in found if one.kind == "table"}
    return [one for one in found if one.kind == "table" or one.table not in gone]


def in_words(found: Sequence[object]) -> str:
    """Return differences for a message; of many only the first ones."""
    more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(map(str, found[:_SHOWN])) + more
