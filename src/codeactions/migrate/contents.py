"""The tables, columns, triggers and functions of each migration in a folder."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from codeactions.migrate.files.directory import Migrations
from codeactions.migrate.statements.definitions import Definitions, Thing
from codeactions.migrate.versions import NIL_VERSION


@dataclass(frozen=True)
class Defined:
    """The share of one migration in the schema."""

    version: int
    after: frozenset[Thing]
    """Everything that is there once the migration and all before it are applied."""
    made: frozenset[Thing]
    """What of `after` was not there before."""
    altered: frozenset[str]
    """The tables that it alters."""


class Contents:
    """The shares of all migrations."""

    def __init__(self, migrations: Migrations) -> None:
        """Read the files. Raises `MigrationError` (internal) if one cannot be read."""
        self.items: list[Defined] = []
        definitions, before = Definitions(), frozenset[Thing]()
        for item in migrations.items:
            altered = definitions.run(item.up.read()) if item.up else set[str]()
            after = definitions.things()
            self.items.append(Defined(item.version, after, after - before, frozenset(altered)))
            before = after

    def at(self, version: int) -> frozenset[Thing]:
        """Return what a database at a version has; the version need not have a file."""
        known = [item.after for item in self.items if item.version <= version]
        return known[-1] if known and version != NIL_VERSION else frozenset()

    @cached_property
    def latest(self) -> frozenset[Thing]:
        """Everything that is there at the latest version."""
        return self.items[-1].after if self.items else frozenset()


def tables_of(things: Iterable[Thing]) -> set[str]:
    """Return the names of the tables among things."""
    return {thing.table for thing in things if thing.kind == "table"}
