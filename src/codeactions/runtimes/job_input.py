"""Taking the one job that a run gets, for the runs that are Python."""

from __future__ import annotations

import os

from codeactions.runtimes.protocol import HEADER, unpack_described

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any

JOB_FD = 3
FRAMES_FD = 4


def receive() -> tuple[dict[str, Any], bytes]:
    """Wait for the job: its description and its body. Ends the process if none comes any more."""
    try:
        _, length = HEADER.unpack(_receive(HEADER.size))
        return unpack_described(_receive(length))
    except EOFError:
        os._exit(0)  # a warm sandbox that is not needed any more


def _receive(length: int) -> bytes:
    chunks, missing = [], length
    while missing:
        chunk = os.read(JOB_FD, min(missing, 1 << 20))
        if not chunk:
            raise EOFError
        chunks.append(chunk)
        missing -= len(chunk)
    return b"".join(chunks)
