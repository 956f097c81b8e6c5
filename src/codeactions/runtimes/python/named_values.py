"""Secrets and variables, as a Python code gets them. What shows a whole set of them shows the names alone."""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class NamedValues:
    """The secrets of a run, or its variables, by name. noun: the word for one of them."""

    __slots__ = ("_noun", "_values")

    def __init__(self, noun: str, values: dict[str, str]) -> None:
        self._noun = noun
        self._values = values

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of `name`, or `default`."""
        return self._values.get(name, default)

    def has(self, name: str) -> bool:
        """Return whether there is a value of this name."""
        return name in self._values

    def keys(self) -> list[str]:
        """Return every name, in order."""
        return list(self._values)

    def __getitem__(self, name: str) -> str:
        try:
            return self._values[name]
        except KeyError:
            raise KeyError(f"this code has no {self._noun} {name!r}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<{self._noun}s: {', '.join(self._values) or 'none'}>"
