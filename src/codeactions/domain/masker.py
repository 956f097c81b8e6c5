"""Masking of secret values in what is kept of a run."""

import re
from collections.abc import Container, Iterable, Sequence
from itertools import zip_longest
from threading import Lock

from cachetools import LRUCache

from codeactions.domain.folding import Unfolding, folded
from codeactions.domain.form_search import FormSearch, Span, joined
from codeactions.domain.line_blocks import LineBlocks
from codeactions.domain.masking import MASK
from codeactions.domain.run_values import RunValues
from codeactions.domain.secret_forms import LEAST_BYTES, forms, roots, usual_forms

_MASK = MASK.encode()
# What making a masker may cost: bytes of forms, each form counted as so many more. It is about a second and 100 MB, and
# enough for 20 private keys. Once it is spent, texts are looked for in fewer forms.
_MOST_WORK = 48 * 1024 * 1024
_FORM_WORK = 512
_LONE = re.compile(r"[\ud800-\udfff]+\Z")


class Masker:
    """Replaces secret values by ***, in every form of secret_forms.py. Values under `LEAST_BYTES` are left.

    The time that it takes is proportional to the text, whatever is in it: a text that has far too many matches, which
    only periodic values can bring about, is masked as a whole.
    """

    def __init__(self, values: Iterable[str]) -> None:
        values = sorted(values, key=len)  # so that large ones come too late, if any do
        # Each value's own text first, then the first line of each, and so on: one of very many lines harms no other.
        ranks = zip_longest(*map(roots, values))
        texts = dict.fromkeys(root for rank in ranks for root in rank if root is not None)
        kept, odd = set[bytes](), set[bytes]()
        self._escaped: set[bytes] = set()
        own, room = set(values), _MOST_WORK - _FORM_WORK * len(texts)
        for root in texts:
            found = _forms(root, room, is_value=root in own)
            room -= sum(map(len, found)) + _FORM_WORK * (len(found) - 1)
            for form in found:
                shape = folded(form)
                if len(shape) < LEAST_BYTES:  # nearly all backslashes, so it is compared as it is
                    if len(form) >= LEAST_BYTES:
                        odd |= {form, _in_json(form)}
                    continue
                kept.add(shape)
                if form.startswith(b"\\"):
                    self._escaped.add(shape[:LEAST_BYTES])
        self._folded, self._odd = FormSearch(kept), FormSearch(odd)
        self.size = 1024 + self._folded.size + self._odd.size
        self.memory = self.size + _FORM_WORK * (len(self._folded) + len(self._odd))
        self._blocks = LineBlocks([block for value in values if (block := self._block(value, texts))], MASK)

    def __repr__(self) -> str:
        return f"<Masker of {len(self._folded) + len(self._odd)} forms>"

    @property
    def has_values(self) -> bool:
        """Whether there is anything to mask."""
        return bool(self._folded or self._odd)

    def mask(self, text: str) -> str:
        """Return a text without the values."""
        data = text.encode("utf-8", "surrogatepass")
        masked = self.mask_bytes(data)
        return text if masked is data else masked.decode("utf-8", "surrogatepass")

    def mask_bytes(self, data: bytes) -> bytes:
        """Return bytes without the values, which are looked for as UTF-8; the same object if there are none."""
        if len(data) < LEAST_BYTES:
            return data
        text = folded(data)
        spans, odd = self._folded.spans(text), self._odd.spans(data)
        if not spans and not odd:
            return data
        return _without(data, joined(self._unfolded(data, text, spans) + odd))

    def lines_with_values(self, data: bytes) -> set[int]:
        """Return the numbers of the lines that have to be masked. That is quicker than to look into each."""
        numbers: set[int] = set()
        for search, text in ((self._folded, folded(data)), (self._odd, data)):
            number = place = 0
            for start, end in search.places(text):
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
        spans = self._folded.spans(text)
        if end and (start := self._folded.piece_at_end(text)) is not None:
            spans.append((start, len(text)))
        if beginning and (length := self._folded.piece_at_beginning(text)):
            spans.append((0, length))
        return _without(data, joined(self._unfolded(data, text, spans) + self._odd.spans(data)))

    @property
    def has_blocks(self) -> bool:
        """Whether a value has lines that are too short to be masked alone."""
        return bool(self._blocks)

    def mask_blocks(self, lines: Sequence[str]) -> dict[int, str]:
        """Return lines anew, by number, that are those of a whole value of several lines, short ones included.

        lines: are masked already, each for itself.
        """
        return self._blocks.masked([line.removesuffix("\r") for line in lines])

    def _block(self, value: str, texts: Container[str]) -> list[str] | None:
        """Return the lines of a value, each masked for itself; None if that alone masks all of it.

        texts: are masked whole, unless there are backslashes in them.
        """
        lines = value.strip("\r\n").split("\n") if len(value) >= LEAST_BYTES else []
        lines = [line.removesuffix("\r") for line in lines]
        each = {line: MASK if line in texts and "\\" not in line else self.mask(line) for line in set(lines)}
        masked = [each[line] for line in lines]
        return masked if len(masked) > 1 and any(line != MASK for line in masked) else None

    def _unfolded(self, data: bytes, text: bytes, spans: list[Span]) -> list[Span]:
        """Return where values are, of which `spans` says where they are in the folded text."""
        if spans and len(text) < len(data):
            unfolding = Unfolding(data)
            return [self._unfolded_span(span, text, unfolding) for span in spans]
        return spans

    def _unfolded_span(self, span: Span, text: bytes, unfolding: Unfolding) -> Span:
        """Return where a span was, with the backslash that escaped its first character."""
        start, end = unfolding.place(span[0]), unfolding.place(span[1] - 1) + 1
        if text[span[0] : span[0] + LEAST_BYTES] in self._escaped:
            start = unfolding.behind_backslashes(start)
        return start, end


def _forms(root: str, room: int, *, is_value: bool) -> set[bytes]:
    """Return the forms of a text for which there is room: all; the usual ones of a value; the text as it is."""
    if room > 0:
        return forms(root)
    return usual_forms(root) if is_value else {root.encode("utf-8", "surrogatepass")}


def _in_json(form: bytes) -> bytes:
    """Return a form as JSON has it once more, for those that are not compared without backslashes."""
    return form.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _without(data: bytes, spans: list[Span]) -> bytes:
    parts: list[bytes] = []
    place = 0
    for start, end in spans:
        parts += (data[place:start], _MASK)
        place = end
        while place < min(end + 3, len(data)) and data[place] & 0xC0 == 0x80:  # the rest of a character
            place += 1
    return b"".join((*parts, data[place:]))


_CAPACITY = 128 * 1024 * 1024  # one that is larger is kept alone: it is far too slow to make for each run
_CACHE: "LRUCache[bytes, Masker]" = LRUCache(_CAPACITY, getsizeof=lambda kept: min(kept.memory, _CAPACITY))
_CACHE_LOCK = Lock()  # large maskers are made in threads


def masker_of(values: RunValues) -> Masker | None:
    """Return the masker of a run's secrets, made once; None if there is nothing to mask."""
    if not values.secrets:
        return None
    with _CACHE_LOCK:
        masker = _CACHE.get(values.secrets_digest)
    if masker is None:
        masker = Masker([value for _, value in values.secrets])
        with _CACHE_LOCK:
            _CACHE[values.secrets_digest] = masker
    return masker if masker.has_values else None


def masker_at_hand(values: RunValues) -> Masker | None:
    """Return what `masker_of` does, or None if the masker has to be made first."""
    with _CACHE_LOCK:
        masker = _CACHE.get(values.secrets_digest)
    return masker if masker is not None and masker.has_values else None
