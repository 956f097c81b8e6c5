"""The tables, columns, triggers and functions that migration files define, read off their statements.

It knows the plain forms of CREATE, ALTER and DROP. What it does not know it passes over: tests compare the result with
a real database for the files that are relied on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from codeactions.migrate.statements.split import pieces, words

# The words that begin an item of CREATE TABLE, or follow ADD and DROP, where no column is meant.
_NO_COLUMN = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "EXCLUDE", "LIKE"}
_TYPE_ENDS = {"NOT", "NULL", "DEFAULT", "COLLATE", "GENERATED", "REFERENCES", "USING", *_NO_COLUMN}


class Thing(NamedTuple):
    """One thing in a database's schema."""

    kind: str
    """`table`, `column`, `trigger` or `function`."""
    table: str
    """Its table, or itself; empty for a function."""
    name: str
    """Empty for a table."""
    type: str
    """Of a column, as the file spells it; else empty."""


@dataclass
class Definitions:
    """The state of a schema after the files so far."""

    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    """By table, the type of each column."""
    triggers: set[tuple[str, str]] = field(default_factory=set)
    """Table and name."""
    functions: set[str] = field(default_factory=set)

    def things(self) -> frozenset[Thing]:
        """Return everything."""
        found = [Thing("table", table, "", "") for table in self.columns]
        for table, columns in self.columns.items():
            found += [Thing("column", table, name, kind) for name, kind in columns.items()]
        found += [Thing("trigger", table, name, "") for table, name in self.triggers]
        return frozenset(found + [Thing("function", "", name, "") for name in self.functions])

    def run(self, text: bytes) -> set[str]:
        """Follow the statements of a file, and return the names of the tables that it alters."""
        altered: set[str] = set()
        for piece in pieces(text):
            statement = _Words(words(piece))
            if statement.take("ALTER", "TABLE"):
                altered.add(self._alter_table(statement))
            elif statement.take("CREATE"):
                self._create(statement)
            elif statement.take("DROP"):
                self._drop(statement)
        return altered

    def _create(self, words: "_Words") -> None:
        words.take("OR", "REPLACE")
        for extra in ("UNLOGGED", "CONSTRAINT"):
            words.take(extra)
        if words.take("TABLE"):
            words.take("IF", "NOT", "EXISTS")
            columns = self.columns.setdefault(words.name(), {})
            if words.take("("):
                for item in words.items(")"):
                    if item.peek() not in _NO_COLUMN:
                        name = item.name()
                        columns[name] = item.type()
        elif words.take("TRIGGER"):
            name = words.name()
            if words.skip_to("ON"):
                self.triggers.add((words.name(), name))
        elif words.take("FUNCTION") or words.take("PROCEDURE"):
            self.functions.add(words.name())

    def _drop(self, words: "_Words") -> None:
        if words.take("TABLE"):
            words.take("IF", "EXISTS")
            for item in words.items(";"):
                table = item.name()
                self.columns.pop(table, None)
                self.triggers = {found for found in self.triggers if found[0] != table}
        elif words.take("TRIGGER"):
            words.take("IF", "EXISTS")
            name = words.name()
            if words.take("ON"):
                self.triggers.discard((words.name(), name))
        elif words.take("FUNCTION") or words.take("PROCEDURE"):
            words.take("IF", "EXISTS")
            self.functions.discard(words.name())

    def _alter_table(self, words: "_Words") -> str:
        words.take("IF", "EXISTS")
        words.take("ONLY")
        table = words.name()
        columns = self.columns.setdefault(table, {})
        for action in words.items(";"):
            if action.take("ADD"):
                action.take("COLUMN")
                if action.peek() not in _NO_COLUMN:
                    action.take("IF", "NOT", "EXISTS")
                    name = action.name()
                    columns[name] = action.type()
            elif action.take("DROP"):
                action.take("COLUMN")
                if action.peek() not in _NO_COLUMN:
                    action.take("IF", "EXISTS")
                    columns.pop(action.name(), None)
            elif action.take("ALTER"):
                action.take("COLUMN")
                name = action.name()
                action.take("SET", "DATA")
                if action.take("TYPE"):
                    columns[name] = action.type()
            elif action.take("RENAME"):
                self._rename(table, action)
        return table

    def _rename(self, table: str, action: "_Words") -> None:
        if action.take("TO"):
            new = action.name()
            self.columns[new] = self.columns.pop(table)
            self.triggers = {(new if owner == table else owner, name) for owner, name in self.triggers}
        elif action.peek() != "CONSTRAINT":
            action.take("COLUMN")
            old = action.name()
            if action.take("TO"):
                self.columns[table][action.name()] = self.columns[table].pop(old)


class _Words:
    """A reader of tokens."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._at = 0

    def peek(self) -> str:
        return self._words[self._at].upper() if self._at < len(self._words) else ""

    def take(self, *wanted: str) -> bool:
        """Go past these words if they come next. Returns whether they did."""
        end = self._at + len(wanted)
        found = tuple(word.upper() for word in self._words[self._at : end]) == wanted
        self._at = end if found else self._at
        return found

    def skip_to(self, word: str) -> bool:
        """Go past the next such word. Returns whether there is one."""
        while self.peek():
            if self.take(word):
                return True
            self._at += 1
        return False

    def name(self) -> str:
        """Return the name that comes next, without its schema."""
        found = self._next()
        while self.take("."):
            found = self._next()
        # The server writes names without quotes in small letters. Ours have no capitals within quotes either.
        return found.lower()

    def type(self) -> str:
        found: list[str] = []
        while self.peek() and self.peek() not in _TYPE_ENDS:
            found.append(self._next())
        return " ".join(found)

    def items(self, end: str) -> list["_Words"]:
        """Return what stands between the commas up to `end`, which may be missing."""
        found: list[list[str]] = [[]]
        depth = 0
        while self.peek() and not (depth == 0 and self.peek() == end):
            word = self._next()
            depth += (word == "(") - (word == ")")
            if word == "," and depth == 0:
                found.append([])
            else:
                found[-1].append(word)
        return [_Words(item) for item in found]

    def _next(self) -> str:
        self._at += 1
        return self._words[self._at - 1] if self._at <= len(self._words) else ""
