"""The zygote of builds: a source goes in, and what its language makes of it, or why it is refused, comes out.

A build takes the same job and sends the same frames as a run, inside the same walls, because a compiler is a large
program that reads hostile input. Nothing of the source is executed.

The modules with the builds are imported by the launcher (`LauncherConfig.modules`), so nothing here names a language.
"""

from __future__ import annotations

import os
import tempfile

from codeactions.runtimes.builds import BUILDS
from codeactions.runtimes.invalid_source import InvalidSource
from codeactions.runtimes.job_input import receive
from codeactions.runtimes.protocol import FRAMES_FD, TEXT_LIMIT, Kind, pack_described

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import NoReturn

    from codeactions.sandbox.config import Limits

_MB = 1024 * 1024
_places: dict[str, str] = {}


def preload(_limits: Limits, places: dict[str, str]) -> None:
    """Keep the places. There is nothing to warm up: builds are few, and most start another program."""
    _places.update(places)


def run() -> NoReturn:
    """Be one build: take `{"language"}` and the source, send a RESULT with what was made, or a FAILURE."""
    job, source = receive()
    meta: dict[str, object]
    try:
        with tempfile.TemporaryDirectory(prefix="build-", ignore_cleanup_errors=True) as folder:
            made = BUILDS[job["language"]](source, folder, _places)
        limit = job["limits"]["result_bytes"]
        if len(made) > limit:
            raise InvalidSource(
                f"what is built of it is {len(made) // _MB} MB, more than the {limit // _MB} MB it may be"
            )
        meta = {"status_code": 200, "content_type": "application/octet-stream", "headers": []}
        _send(pack_described(Kind.RESULT, meta, made))
    except InvalidSource as error:
        message, trace = error.message[:TEXT_LIMIT], error.listing[:TEXT_LIMIT]
        meta = {"type": "invalid_source", "message": message, "traceback": trace}
        _send(pack_described(Kind.FAILURE, meta | {"line": error.line, "column": error.column}, b""))
    except (MemoryError, RecursionError):
        meta = {"type": "invalid_source", "message": "the source is nested too deeply", "traceback": ""}
        _send(pack_described(Kind.FAILURE, meta, b""))
    os._exit(0)


def _send(frame: bytes) -> None:
    view = memoryview(frame)
    while view:
        view = view[os.write(FRAMES_FD, view) :]
