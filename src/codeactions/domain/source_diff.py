"""The difference between two sources, in the unified format that `patch` and people read.

The work has a bound, whatever the sources are: where it is reached, all lines between the common beginning and the
common end are shown as replaced. That is right, if not the shortest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_CONTEXT = 3  # lines around a change
_MOST_STEPS = 1_000_000  # of the search: about half a second
_NO_LINE_FEED = "\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True)
class Change:
    """Lines `start` to `end` of the first text that became lines `new_start` to `new_end` of the second."""

    start: int
    end: int
    new_start: int
    new_end: int


def unified_diff(before: str, after: str, name: str, new_name: str, *, most_steps: int = _MOST_STEPS) -> str:
    """Return the difference; empty if there is none. A line ends at a line feed, and nowhere else."""
    old, new = _lines(before), _lines(after)
    found = changes(old, new, most_steps=most_steps)
    if not found:
        return ""
    parts = [f"--- {name}\n", f"+++ {new_name}\n"]
    for hunk in _hunks(found):
        parts += _hunk(old, new, hunk)
    return "".join(parts)


def changes(old: Sequence[str], new: Sequence[str], *, most_steps: int = _MOST_STEPS) -> list[Change]:
    """Return what has to be replaced in `old` to make it `new`, in order."""
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    tail = next((at for at in range(shorter - head) if old[-1 - at] != new[-1 - at]), shorter - head)
    first, second = old[head : len(old) - tail], new[head : len(new) - tail]
    found: list[Change] = []
    at, new_at = 0, 0
    for equal, new_equal, length in [*_equal_runs(first, second, most_steps), (len(first), len(second), 0)]:
        if equal > at or new_equal > new_at:
            found.append(Change(head + at, head + equal, head + new_at, head + new_equal))
        at, new_at = equal + length, new_equal + length
    return found


def _equal_runs(first: Sequence[str], second: Sequence[str], most_steps: int) -> list[tuple[int, int, int]]:
    """Return the runs of lines that a shortest edit keeps: the place in each text, and the length.

    The greedy algorithm of Myers ("An O(ND) Difference Algorithm", 1986). Empty when it would take too many steps.
    """
    n, m = len(first), len(second)
    numbers: dict[str, int] = {}
    a = [numbers.setdefault(line, len(numbers)) for line in first]
    b = [numbers.setdefault(line, len(numbers)) for line in second]
    reached = [0, 0, 0]  # by diagonal from -edits - 1 to edits + 1, how far in `a` this many edits get
    trace: list[list[int]] = []
    steps = 0
    for edits in range(n + m + 1):
        trace.append(reached)
        following = [0] * (2 * edits + 5)
        for diagonal in range(-edits, edits + 1, 2):
            at = diagonal + edits + 1  # in `reached`; in `following` it is one more
            down = diagonal == -edits or (diagonal != edits and reached[at - 1] < reached[at + 1])
            x = reached[at + 1] if down else reached[at - 1] + 1
            y = begun = x - diagonal
            while x < n and y < m and a[x] == b[y]:
                x += 1
                y += 1
            following[at + 1] = x
            if x >= n and y >= m:
                return _runs_of(trace, n, m)
            steps += 1 + y - begun
            if steps > most_steps:
                return []
        reached = following
    return []


def _runs_of(trace: list[list[int]], x: int, y: int) -> list[tuple[int, int, int]]:
    """Go back from the end along the trace, and return the runs that were equal."""
    found: list[tuple[int, int, int]] = []
    for edits in range(len(trace) - 1, -1, -1):
        reached, diagonal = trace[edits], x - y
        if edits == 0:
            before, before_y, begun = 0, 0, 0
        else:
            at = diagonal + edits + 1
            down = diagonal == -edits or (diagonal != edits and reached[at - 1] < reached[at + 1])
            before = reached[at + 1] if down else reached[at - 1]
            before_y = before - (diagonal + 1 if down else diagonal - 1)
            begun = before if down else before + 1
        if x > begun:
            found.append((begun, begun - diagonal, x - begun))
        x, y = before, before_y
    return found[::-1]


def _lines(text: str) -> list[str]:
    found = text.split("\n")
    lines = [line + "\n" for line in found[:-1]]
    return [*lines, found[-1]] if found[-1] else lines


def _hunks(found: list[Change]) -> Iterator[list[Change]]:
    """Put together the changes whose contexts touch."""
    hunk = [found[0]]
    for change in found[1:]:
        if change.start - hunk[-1].end > 2 * _CONTEXT:
            yield hunk
            hunk = []
        hunk.append(change)
    yield hunk


def _hunk(old: Sequence[str], new: Sequence[str], hunk: list[Change]) -> Iterator[str]:
    before = min(_CONTEXT, hunk[0].start)
    after = min(_CONTEXT, len(old) - hunk[-1].end)
    start, end = hunk[0].start - before, hunk[-1].end + after
    yield f"@@ -{_range(start, end)} +{_range(hunk[0].new_start - before, hunk[-1].new_end + after)} @@\n"
    at = start
    for change in hunk:
        yield from _marked(" ", old[at : change.start])
        yield from _marked("-", old[change.start : change.end])
        yield from _marked("+", new[change.new_start : change.new_end])
        at = change.end
    yield from _marked(" ", old[at:end])


def _range(start: int, end: int) -> str:
    length = end - start
    first = start + 1 if length else start
    return str(first) if length == 1 else f"{first},{length}"


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield mark + line
        if not line.endswith("\n"):
            yield "\n" + _NO_LINE_FEED
