"""Pages of a list."""

from dataclasses import dataclass
from typing import Generic, TypeVar

PAGE_SIZE = 20
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[_Item]):
    """One page of a list. Pages are counted from 1."""

    data: list[_Item]
    total: int
    page: int

    @property
    def last_page(self) -> int:
        """The number of the last page; 1 for an empty list."""
        return max(1, -(-self.total // PAGE_SIZE))
