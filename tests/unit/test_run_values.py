"""The values of a run: digests stand for them, so that what is kept by them is found by their content."""

import pytest

from codeactions.domain.run_values import NO_VALUES, RunValues

GIVEN = RunValues((("A", "1"), ("B", "2")), (("C", "3"),))


def test_values_of_the_same_content_have_the_same_digests() -> None:
    same = RunValues((("A", "1"), ("B", "2")), (("C", "3"),))
    assert (same, same.secrets_digest, same.digest) == (GIVEN, GIVEN.secrets_digest, GIVEN.digest)


@pytest.mark.parametrize(
    "other",
    [
        RunValues((("A", "1"), ("B", "3")), (("C", "3"),)),
        RunValues((("A", "1"), ("BB", "2")), (("C", "3"),)),
        RunValues((("A", "1"),), (("B", "2"), ("C", "3"))),
        RunValues((("A", "1'), ('B"), ("", "2")), (("C", "3"),)),
        NO_VALUES,
    ],
)
def test_values_of_another_content_have_others(other: RunValues) -> None:
    assert other.secrets_digest != GIVEN.secrets_digest
    assert other.digest != GIVEN.digest


def test_variables_are_no_part_of_the_digest_of_secrets() -> None:
    other = RunValues(GIVEN.secrets, (("C", "4"),))
    assert other.secrets_digest == GIVEN.secrets_digest
    assert other.digest != GIVEN.digest


def test_values_that_are_no_unicode_have_digests_too() -> None:
    assert RunValues((("A", "\ud800"),)).digest != RunValues((("A", "\udc00"),)).digest


def test_its_text_shows_no_value() -> None:
    assert repr(GIVEN) == "<RunValues 2 secrets, 1 variables>"
