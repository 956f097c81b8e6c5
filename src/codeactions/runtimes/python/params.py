"""Names with values, as a Python code gets them: query parameters, headers, the fields of a form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any


class Params:
    """Query parameters, in order. Of a repeated one the first value counts; `all()` returns every value."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = [(key, value) for key, value in pairs]
        self._first: dict[str, str] = {}
        for key, value in self._pairs:
            self._first.setdefault(self._fold(key), value)

    @staticmethod
    def _fold(key: str) -> str:
        return key

    def get(self, key: str, default: Any = None) -> Any:
        """Return the first value of `key`, or `default`."""
        return self._first.get(self._fold(key), default)

    def all(self, key: str) -> list[str]:
        """Return every value of `key`, in order."""
        return [value for name, value in self._pairs if self._fold(name) == self._fold(key)]

    def items(self) -> list[tuple[str, str]]:
        """Return (name, first value) of every parameter."""
        return list(self._first.items())

    def keys(self) -> list[str]:
        """Return every name, once."""
        return list(self._first)

    def values(self) -> list[str]:
        """Return the first value of every name."""
        return list(self._first.values())

    def __getitem__(self, key: str) -> str:
        return self._first[self._fold(key)]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._fold(key) in self._first

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._first!r})"


class Headers(Params):
    """Request headers. Names are looked up in any case; an absent header is the empty string."""

    @staticmethod
    def _fold(key: str) -> str:
        return key.lower()

    def get(self, key: str, default: Any = "") -> Any:
        """Return the first value of the header, or `default`."""
        return super().get(key, default)
