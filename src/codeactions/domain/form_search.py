"""The search for a great many forms of values in a text, in a time that is proportional to the text."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from ahocorasick_rs import BytesAhoCorasick

_LEAST_PIECE = 4  # bytes of a form that was cut off
_SEED = 64  # bytes by which a longer form is found; the rest is compared
_TOGETHER = 4096  # seeds in one automaton: while one is made, nothing else runs in this process
_SLICE = 1024  # bytes that are searched at once where something was found
_MOST_WORK = 16  # bytes compared for each byte of a text; a match counts as a seed
_FREE_WORK = 1024 * _SEED

Span = tuple[int, int]


class FormSearch:
    """Finds forms, of which `size` tells the bytes."""

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._forms = sorted(forms)
        self._longer: dict[bytes, list[bytes]] = {}
        for form in self._forms:
            if len(form) > _SEED:
                self._longer.setdefault(form[:_SEED], []).append(form)
        self._seeds = sorted({form[:_SEED] for form in self._forms})
        self._heads = {seed[:_LEAST_PIECE] for seed in self._seeds}
        self._longest = max(map(len, self._seeds), default=0)
        self._searches = [
            (number, BytesAhoCorasick(self._seeds[number : number + _TOGETHER]))
            for number in range(0, len(self._seeds), _TOGETHER)
        ]
        self.size = sum(map(len, self._seeds)) + sum(len(form) for form in self._forms if len(form) > _SEED)

    def __len__(self) -> int:
        return len(self._forms)

    def places(self, data: bytes) -> list[Span]:
        """Return, in order, where forms are in a text; of those that overlap not all, and of long ones a part."""
        found = [(start, end) for _, search in self._searches for _, start, end in search.find_matches_as_indexes(data)]
        return joined(found) if len(self._searches) > 1 else found

    def spans(self, data: bytes) -> list[Span]:
        """Return where forms are in a text, in order, those that overlap or touch as one.

        A text that has far too many of them, which only periodic ones can bring about, counts as one as a whole.
        """
        first = self.places(data)
        if not first:
            return []
        spans: list[Span] = []
        work, most = 0, _MOST_WORK * len(data) + _FREE_WORK
        # The search goes on behind each match. What it passes over by that begins or ends within a match.
        for start, end in self._windows(first, len(data)):
            for place in range(max(0, start), min(end, len(data)), _SLICE):
                part = data[place : min(end, place + _SLICE + self._longest)]
                for number, found, upto in self._overlapping(part):
                    work += _SEED
                    upto += place
                    longer = self._longer.get(self._seeds[number])
                    if longer is not None:
                        upto, compared = _longest_match(data, found + place, longer)
                        work += compared
                    spans.append((found + place, upto))
                    if work > most:
                        return [(0, len(data))]
        return joined(spans)

    def piece_at_end(self, data: bytes) -> int | None:
        """Return where the longest beginning of a form starts that a text ends with; None for none."""
        for start in range(max(0, len(data) - self._longest), len(data) - _LEAST_PIECE + 1):
            if data[start : start + _LEAST_PIECE] in self._heads:
                piece = data[start:]
                place = bisect_left(self._seeds, piece)
                if place < len(self._seeds) and self._seeds[place].startswith(piece):
                    return start
        return None

    def piece_at_beginning(self, data: bytes) -> int:
        """Return the length of the longest end of a form that a text begins with; 0 for none."""
        head, longest = data[:_LEAST_PIECE], 0
        if len(head) < _LEAST_PIECE:
            return 0
        for form in self._forms:
            place, tries = form.find(head, 1), 0
            while place != -1 and len(form) - place > longest:
                tries += 1
                rest = form[place:]
                if tries > _SEED or data.startswith(rest) or rest.startswith(data):
                    longest = min(len(rest), len(data))
                    break
                place = form.find(head, place + 1)
        return longest

    def _overlapping(self, data: bytes) -> Iterator[tuple[int, int, int]]:
        """Yield the number of a seed, and where it begins and ends, for all that are in a text."""
        for before, search in self._searches:
            for number, start, end in search.find_matches_as_indexes(data, overlapping=True):
                yield before + number, start, end

    def _windows(self, found: list[Span], size: int) -> list[Span]:
        """Return where more may be around what was found in so many bytes."""
        if size <= _SLICE:
            return [(0, size)]
        return joined([(start - self._longest, end + self._longest) for start, end in found])


def joined(spans: list[Span]) -> list[Span]:
    """Return spans in order, with those that overlap or touch as one."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            if end > result[-1][1]:
                result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


def _longest_match(data: bytes, start: int, longer: list[bytes]) -> tuple[int, int]:
    """Return where the longest beginning of any of these forms ends, and how many bytes were compared."""
    length, compared = _SEED, 0
    for form in longer:
        low, high = _SEED, min(len(form), len(data) - start)
        if data.startswith(form[:high], start):
            low = high
        compared += high
        while low < high - 1:
            middle = (low + high) // 2
            compared += middle - low
            if data.startswith(form[low:middle], start + low):
                low = middle
            else:
                high = middle
        length = max(length, low)
    return start + length, compared
