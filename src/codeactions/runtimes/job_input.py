"""How a run that is Python takes its one job."""

from __future__ import annotations

import os

from codeactions.runtimes.protocol import HEADER, JOB_FD, unpack_described

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any


def receive() -> tuple[dict[str, Any], bytes]:
    """Wait for the job and return its description and its body. Ends the process if no job comes any more."""
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
