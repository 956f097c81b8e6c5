"""Masking of secret values in what is kept of a run."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from threading import Lock

from ahocorasick_rs import BytesAhoCorasick
from cachetools import LRUCache

from codeactions.domain.folding import Unfolding, folded
from codeactions.domain.run_values import RunValues
from codeactions.domain.secret_forms import LEAST_BYTES, forms, roots

MASK = "***"
_MASK = MASK.encode()
_LEAST_PIECE = 4  # bytes of a form that was cut off
_SEED = 64  # bytes by which a longer form is found; the rest is compared
_MOST_ROOTS = 2000  # texts that are looked for in every form; any further line only as it is
_SLICE = 1024  # bytes that are searched at once where something was found
_MOST_WORK = 16  # bytes compared for each byte of a text; a match counts as a seed
_FREE_WORK = 1024 * _SEED
_LONE = re.compile(r"[\ud800-\udfff]+\Z")

Span = tuple[int, int]


class Masker:
    """Replaces secret values by ***, in every form of secret_forms.py. Values under `LEAST_BYTES` are left.

    The time that it takes is proportional to the text, whatever is in it: a text that has far too many matches, which
    only periodic values can bring about, is masked as a whole.
    """

    def __init__(self, values: Iterable[str]) -> None:
        values = list(values)
        # Each value's own text first, then the first line of each, and so on: one of very many lines harms no other.
        ranks = zip_longest(*map(roots, values))
        texts = dict.fromkeys(root for rank in ranks for root in rank if root is not None)
        found: set[bytes] = set()
        for number, root in enumerate(texts):
            found |= forms(root) if number < _MOST_ROOTS else {root.encode("utf-8", "surrogatepass")}
        # A form that is nearly all backslashes is compared as it is.
        self._odd = [form for form in found if len(folded(form)) < LEAST_BYTES]
        self._escaped = {folded(form)[:LEAST_BYTES] for form in found if form.startswith(b"\\")}
        self._forms = sorted({form for form in map(folded, found) if len(form) >= LEAST_BYTES})
        self._longer: dict[bytes, list[bytes]] = {}
        for form in self._forms:
            if len(form) > _SEED:
                self._longer.setdefault(form[:_SEED], []).append(form)
        self._seeds = sorted({form[:_SEED] for form in self._forms})
        self._heads = {seed[:_LEAST_PIECE] for seed in self._seeds}
        self._longest = max(map(len, self._seeds), default=0)
        self._search = BytesAhoCorasick(self._seeds)
        self._blocks = [block for value in values if (block := self._block(value))]
        self.size = 1024 + sum(map(len, self._seeds)) + sum(len(form) for form in self._forms if len(form) > _SEED)

    def __repr__(self) -> str:
        return f"<Masker of {len(self._forms)} forms>"

    @property
    def has_values(self) -> bool:
        """Whether there is anything to mask."""
        return bool(self._forms or self._odd)

    def mask(self, text: str) -> str:
        """Return a text without the values."""
        data = text.encode("utf-8", "surrogatepass")
        masked = self.mask_bytes(data)
        return text if masked is data else masked.decode("utf-8", "surrogatepass")

    def mask_bytes(self, data: bytes) -> bytes:
        """Return bytes without the values, which are looked for as UTF-8; the same object if there are none."""
        text = folded(data)
        first = self._search.find_matches_as_indexes(text)
        if not first and not self._odd:
            return data
        return _without(data, self._unfolded(data, text, self._found(text, first)))

    def lines_with_values(self, data: bytes) -> set[int]:
        """Return the numbers of the lines that have to be masked. That is quicker than to look into each."""
        text = folded(data)
        if self._odd:
            return set(range(text.count(b"\n") + 1))
        numbers: set[int] = set()
        number = place = 0
        for _, start, end in self._search.find_matches_as_indexes(text):
            number += text.count(b"\n", place, start)
            last = number + text.count(b"\n", start, end)
            numbers.update(range(number, last + 1))
            number, place = last, end
        return numbers

    def mask_cut(self, text: str, *, beginning: bool = False, end: bool = True) -> str:
        """Return a text that was cut off at the end, at the beginning or at both, without the values.

        A piece of a value that is left at a cut is masked as well, from 4 bytes on.
        """
        if end:  # half of a character would hide what is before it
            text = _LONE.sub("", text)
        data = text.encode("utf-8", "surrogatepass")
        return self.mask_cut_bytes(data, beginning=beginning, end=end).decode("utf-8", "surrogatepass")

    def mask_cut_bytes(self, data: bytes, *, beginning: bool = False, end: bool = True) -> bytes:
        """Do what `mask_cut` does with bytes."""
        text = folded(data)
        spans = self._found(text, self._search.find_matches_as_indexes(text))
        if end and (start := self._piece_at_end(text)) is not None:
            spans.append((start, len(text)))
        if beginning and (length := self._piece_at_beginning(text)):
            spans.append((0, length))
        return _without(data, self._unfolded(data, text, spans))

    @property
    def has_blocks(self) -> bool:
        """Whether a value has lines that are too short to be masked alone."""
        return bool(self._blocks)

    def mask_blocks(self, lines: Sequence[str]) -> dict[int, str]:
        """Return lines anew, by number, that are those of a whole value of several lines, short ones included.

        lines: are masked already, each for itself.
        """
        changed: dict[int, str] = {}
        lines = [line.removesuffix("\r") for line in lines]
        for block in self._blocks:
            last = len(block) - 1
            for start in range(len(lines) - last):
                if (
                    lines[start].endswith(block[0])
                    and lines[start + last].startswith(block[last])
                    and all(lines[start + place] == block[place] for place in range(1, last))
                ):
                    changed[start] = lines[start].removesuffix(block[0]) + MASK
                    changed |= {start + place: MASK for place in range(1, last)}
                    changed[start + last] = MASK + lines[start + last].removeprefix(block[last])
        return changed

    def _block(self, value: str) -> list[str] | None:
        """Return the lines of a value, each masked for itself; None if that alone masks all of it."""
        lines = value.strip("\r\n").split("\n") if len(value) >= LEAST_BYTES else []
        masked = [self.mask(line.removesuffix("\r")) for line in lines]
        return masked if len(masked) > 1 and any(line != MASK for line in masked) else None

    def _unfolded(self, data: bytes, text: bytes, spans: list[Span]) -> list[Span]:
        """Return where values are, of which `spans` says where they are in the folded text."""
        if spans and len(text) < len(data):
            unfolding = Unfolding(data)
            spans = [self._unfolded_span(span, text, unfolding) for span in spans]
        for form in self._odd:
            spans += [found.span() for found in re.finditer(re.escape(form), data)]
        return _joined(spans)

    def _unfolded_span(self, span: Span, text: bytes, unfolding: Unfolding) -> Span:
        """Return where a span was, with the backslash that escaped its first character."""
        start, end = unfolding.place(span[0]), unfolding.place(span[1] - 1) + 1
        if text[span[0] : span[0] + LEAST_BYTES] in self._escaped:
            start = unfolding.behind_backslashes(start)
        return start, end

    def _piece_at_end(self, data: bytes) -> int | None:
        """Return where the longest beginning of a form starts that the text ends with."""
        for start in range(max(0, len(data) - self._longest), len(data) - _LEAST_PIECE + 1):
            if data[start : start + _LEAST_PIECE] in self._heads:
                piece = data[start:]
                place = bisect_left(self._seeds, piece)
                if place < len(self._seeds) and self._seeds[place].startswith(piece):
                    return start
        return None

    def _piece_at_beginning(self, data: bytes) -> int:
        """Return the length of the longest end of a form that the text begins with; 0 for none."""
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

    def _windows(self, found: list[tuple[int, int, int]], size: int) -> list[Span]:
        """Return where more may be around what was found in so many bytes."""
        if size <= _SLICE:
            return [(0, size)]
        return _joined([(start - self._longest, end + self._longest) for _, start, end in found])

    def _found(self, data: bytes, first: list[tuple[int, int, int]]) -> list[Span]:
        """Return where values are in a folded text. first: what a search found."""
        if not first:
            return []
        spans: list[Span] = []
        work, most = 0, _MOST_WORK * len(data) + _FREE_WORK
        # The search goes on behind each match. What it passes over by that begins or ends within a match.
        for start, end in self._windows(first, len(data)):
            for place in range(max(0, start), min(end, len(data)), _SLICE):
                part = data[place : min(end, place + _SLICE + self._longest)]
                for number, found, upto in self._search.find_matches_as_indexes(part, overlapping=True):
                    work += _SEED
                    upto += place
                    longer = self._longer.get(self._seeds[number])
                    if longer is not None:
                        upto, compared = _longest_match(data, found + place, longer)
                        work += compared
                    spans.append((found + place, upto))
                    if work > most:
                        return [(0, len(data))]
        return _joined(spans)


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


def _joined(spans: list[Span]) -> list[Span]:
    """Return spans in order, with those that overlap or touch as one."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            if end > result[-1][1]:
                result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


def _without(data: bytes, spans: list[Span]) -> bytes:
    parts: list[bytes] = []
    place = 0
    for start, end in spans:
        parts += (data[place:start], _MASK)
        place = end
        while place < min(end + 3, len(data)) and data[place] & 0xC0 == 0x80:  # the rest of a character
            place += 1
    return b"".join((*parts, data[place:]))


_CACHE: "LRUCache[tuple[tuple[str, str], ...], Masker]" = LRUCache(64 * 1024 * 1024, getsizeof=lambda kept: kept.size)
_CACHE_LOCK = Lock()  # large maskers are made in threads


def masker_of(values: RunValues) -> Masker | None:
    """Return the masker of a run's secrets, made once; None if there is nothing to mask."""
    if not values.secrets:
        return None
    masker = _kept(values)
    if masker is None:
        masker = Masker([value for _, value in values.secrets])
        if masker.size < _CACHE.maxsize:
            with _CACHE_LOCK:
                _CACHE[values.secrets] = masker
    return masker if masker.has_values else None


def is_at_hand(values: RunValues) -> bool:
    """Return whether `masker_of` need not make the masker of these values."""
    return not values.secrets or _kept(values) is not None


def _kept(values: RunValues) -> Masker | None:
    with _CACHE_LOCK:
        return _CACHE.get(values.secrets)  # never by an exception: that of a missing key would name the values
