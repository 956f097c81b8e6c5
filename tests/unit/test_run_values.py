"""The values of a run: what is kept by them is found by their content."""

import pytest

from codeactions.domain.run_values import NO_VALUES, RunValues

GIVEN = RunValues((("A", "1"), ("B", "2")), (("C", "3"),))


def test_values_of_the_same_content_are_the_same_key() -> None:
    assert {GIVEN: "kept"}[RunValues((("A", "1"), ("B", "2")), (("C", "3"),))] == "kept"
    assert RunValues() == NO_VALUES


@pytest.mark.parametrize(
    "other",
    [
        RunValues((("A", "1"), ("B", "3")), (("C", "3"),)),
        RunValues((("A", "1"), ("BB", "2")), (("C", "3"),)),
        RunValues((("A", "1"),), (("B", "2"), ("C", "3"))),
        RunValues((("A", "1'), ('B"), ("", "2")), (("C", "3"),)),
        RunValues((("A", "1"), ("B", "2"))),
        NO_VALUES,
        "GIVEN",
    ],
)
def test_values_of_another_content_are_another(other: object) -> None:
    assert other != GIVEN
    assert other not in {GIVEN}


def test_values_that_are_no_unicode_have_a_key_too() -> None:
    assert RunValues((("A", "\ud800"),)) != RunValues((("A", "\udc00"),))


def test_neither_text_nor_error_shows_a_value() -> None:
    assert repr(GIVEN) == "<RunValues 2 secrets, 1 variables>"
    with pytest.raises(KeyError) as caught:
        {}[GIVEN]
    assert str(caught.value) == repr(GIVEN)
