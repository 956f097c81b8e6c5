"""Finds the lock on a file that is in the way of another process: what fcntl F_GETLK would tell that process."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

LOCK = struct.Struct("hhqqi")  # struct flock: type, whence, start, length, process
# Asks for a descriptor's own sake. With F_GETLK, the caller would ask for itself.
_F_OFD_GETLK = 36
_MOST_OWN = 10_000  # locks of the process's own that are looked behind


def in_the_way(file: int, asked: bytes, process: int) -> tuple[int, int, int, int] | None:
    """Return the type, start, length and process of a lock that keeps `process` from taking the one `asked` for.

    file: descriptor of the same open file. None: nothing keeps it. Raises `OSError`.

    The kernel names one lock, and that may be the process's own, which is not in its way. Another may be before it or
    behind it. Where the process may read, so may others, and that alone is not seen.
    """
    kind, whence, start, length, _ = LOCK.unpack(asked)
    stretches = [(whence, start, length)]
    for _ in range(_MOST_OWN):
        if not stretches:
            return None
        stretch = stretches.pop()
        found, _, first, count, holder = LOCK.unpack(fcntl.fcntl(file, _F_OFD_GETLK, LOCK.pack(kind, *stretch, 0)))
        if found == fcntl.F_UNLCK:
            continue
        if holder != process:
            return found, first, count, holder
        start, end = _from_the_beginning(file, *stretch)
        if start < first:
            stretches.append((os.SEEK_SET, start, first - start))
        behind = first + count
        if count and (end is None or behind < end):
            stretches.append((os.SEEK_SET, behind, 0 if end is None else end - behind))
    raise OSError(errno.ENOLCK, "too many locks")


def _from_the_beginning(file: int, whence: int, start: int, length: int) -> tuple[int, int | None]:
    """Return where a stretch starts and ends; None: it has no end."""
    if whence == os.SEEK_CUR:
        start += os.lseek(file, 0, os.SEEK_CUR)
    elif whence == os.SEEK_END:
        start += os.fstat(file).st_size
    if length < 0:
        return start + length, start
    return start, start + length if length else None
