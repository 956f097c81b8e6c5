"""Pages."""

import pytest

from codeactions.domain.page import PAGE_SIZE, Page


@pytest.mark.parametrize(
    ("total", "last"), [(0, 1), (1, 1), (19, 1), (20, 1), (21, 2), (40, 2), (41, 3), (1_000_001, 50_001)]
)
def test_the_last_page_holds_the_last_item(total: int, last: int) -> None:
    assert Page([], total, 1).last_page == last


def test_a_page_has_20_items() -> None:
    assert PAGE_SIZE == 20
