"""The difference between two sources: right for every pair, as short as can be, and bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeactions.domain.source_diff import changes, unified_diff

_LINES = st.lists(st.sampled_from(["a", "b", "c", "", "a\r", "\x0c", "\u2028"]), max_size=30).map("\n".join)


def applied(before: str, diff: str) -> str:
    """What a reader of the format makes of it, who trusts nothing."""
    old = [line + "\n" for line in before.split("\n")[:-1]] + [before.split("\n")[-1]]
    made, at = [], 0
    lines = [line + "\n" for line in diff.split("\n")[:-1]]
    for number, line in enumerate(lines[2:], 2):
        cut = number + 1 < len(lines) and lines[number + 1].startswith("\\")
        text = line[1:-1] if cut else line[1:]
        if line.startswith("@@"):
            start, _, length = line.split()[1][1:].partition(",")
            begin = int(start) - 1 if length != "0" else int(start)
            made += old[at:begin]
            at = begin
        elif line[0] in " -":
            assert old[at] == text
            at += 1
        if line[0] in " +":
            made.append(text)
    return "".join(made + old[at:])


@given(_LINES, _LINES)
def test_it_makes_of_the_one_the_other(before: str, after: str) -> None:
    diff = unified_diff(before, after, "a", "b")
    assert (diff == "") == (before == after)
    assert applied(before, diff) == after


@given(_LINES, _LINES)
def test_it_is_right_where_the_search_is_given_up(before: str, after: str) -> None:
    assert applied(before, unified_diff(before, after, "a", "b", most_steps=3)) == after


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_it_is_the_shortest(old: list[str], new: list[str]) -> None:
    found = changes(old, new)
    common = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, one in enumerate(old):
        for j, other in enumerate(new):
            common[i + 1][j + 1] = common[i][j] + 1 if one == other else max(common[i][j + 1], common[i + 1][j])
    removed = sum(change.end - change.start for change in found)
    added = sum(change.new_end - change.new_start for change in found)
    assert removed + added == len(old) + len(new) - 2 * common[-1][-1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "a\n"),
        ("a\n", ""),
        ("a", "a\n"),
        ("a\nb\nc\n", "a\nB\nc"),
        ("".join(f"{n}\n" for n in range(50)), "".join(f"{n * (n % 20 > 0)}\n" for n in range(50))),
    ],
)
def test_ends_and_gaps(before: str, after: str) -> None:
    diff = unified_diff(before, after, "a", "b")
    assert applied(before, diff) == after
    assert len(diff) < len(before) + len(after) + 200


def test_it_reads_as_people_know_it() -> None:
    before, after = "one\ntwo\nthree\nfour\nfive\nsix\n", "one\ntwo\nthree\nfour\n5\nsix"
    assert unified_diff(before, after, "version 1", "version 2") == (
        "--- version 1\n+++ version 2\n@@ -2,5 +2,5 @@\n two\n three\n four\n-five\n-six\n+5\n+six\n"
        "\\ No newline at end of file\n"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["a\n", "b\n"] * 100_000, ["b\n", "b\n", "a\n"] * 66_000),
        ([f"{n}\n" for n in range(100_000)], [f"{n}\n" for n in range(100_000, 0, -1)]),
        (["\n"] * 500_000, ["x\n"] + ["\n"] * 499_000 + ["x\n"]),
    ],
    ids=["alternating", "reversed", "of one line"],
)
def test_hostile_sources_take_no_more_steps_than_there_are(old: list[str], new: list[str]) -> None:
    """Without the bound, the first two would take days."""
    found = changes(old, new, most_steps=10_000)
    made, at = [], 0
    for change in found:
        made += old[at : change.start] + new[change.new_start : change.new_end]
        at = change.end
    assert made + old[at:] == new
