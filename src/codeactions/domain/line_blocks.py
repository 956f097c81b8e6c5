"""The search for values of several lines, some of which are too short to be masked alone, in the lines of a log."""

from collections.abc import Iterable, Sequence

from codeactions.domain.form_search import Span, joined

_OTHER = "\0"  # stands for a line that is in no block


class LineBlocks:
    """Finds blocks of two lines or more. mask: what is put in their place.

    A block may begin at the end of a line and may end at the beginning of one. The lines between stand alone. For the
    search each of them is one character, so that blocks of many equal lines take no longer than others.
    """

    def __init__(self, blocks: Iterable[Sequence[str]], mask: str) -> None:
        self._mask = mask
        self._signs: dict[str, str] = {}
        self._blocks: list[tuple[str, str, str]] = []
        for block in blocks:
            between = "".join(self._signs.setdefault(line, chr(len(self._signs) + 1)) for line in block[1:-1])
            self._blocks.append((block[0], between, block[-1]))

    def __len__(self) -> int:
        return len(self._blocks)

    def masked(self, lines: Sequence[str]) -> dict[int, str]:
        """Return the lines of blocks anew, by number."""
        text = "".join([self._signs.get(line, _OTHER) for line in lines])
        heads, tails, spans = dict[int, int](), dict[int, int](), list[Span]()
        for first, between, last in self._blocks:
            place = text.find(between, 1)
            while place != -1 and (end := place + len(between)) < len(lines):
                if lines[place - 1].endswith(first) and lines[end].startswith(last):
                    tails[place - 1] = max(len(first), tails.get(place - 1, 0))
                    heads[end] = max(len(last), heads.get(end, 0))
                    spans.append((place, end))
                place = text.find(between, place + 1)
        changed = {place: self._cut(lines[place], heads.get(place, 0), tails.get(place, 0)) for place in heads | tails}
        for start, end in joined(spans):
            changed |= dict.fromkeys(range(start, end), self._mask)
        return changed

    def _cut(self, line: str, head: int, tail: int) -> str:
        if head + tail >= len(line):
            return self._mask
        left = line[head : len(line) - tail]
        return (self._mask if head else "") + left + (self._mask if tail else "")
