"""The shape in which texts and the forms of secret values are compared: in capitals, without backslashes.

So hex digits of either case are the same, and so is what is escaped any number of times, or with needless escapes.
"""

from bisect import bisect_right

_BLOCK = 1024
_BACKSLASH = ord("\\")


def folded(data: bytes) -> bytes:
    """Return bytes in that shape."""
    data = data.upper()
    return data.replace(b"\\", b"") if b"\\" in data else data


class Unfolding:
    """Finds places of folded bytes in the bytes as they were."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._kept = [0]  # how many bytes of the folded ones are before each block
        for place in range(0, len(data), _BLOCK):
            size = min(_BLOCK, len(data) - place)
            self._kept.append(self._kept[-1] + size - data.count(b"\\", place, place + size))

    def place(self, folded_place: int) -> int:
        """Return where a byte was."""
        block = bisect_right(self._kept, folded_place) - 1
        start = block * _BLOCK
        number = folded_place - self._kept[block]
        place = number
        while (found := number + self._data.count(b"\\", start, start + place + 1)) != place:
            place = found
        return start + place

    def behind_backslashes(self, place: int) -> int:
        """Return where the backslashes before a place begin."""
        while place > 0 and self._data[place - 1] == _BACKSLASH:
            place -= 1
        return place
