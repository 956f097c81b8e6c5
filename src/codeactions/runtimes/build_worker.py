"""The zygote of builds: a source goes in, and what its language makes of it comes out, or why it is none.

It takes the same job and sends the same frames as a run, behind the same walls: a compiler is a large program that
reads what a stranger wrote. Nothing of the source is executed.
"""

from __future__ import annotations

import os
import tempfile

from codeactions.runtimes.go import build as go
from codeactions.runtimes.invalid_source import InvalidSource
from codeactions.runtimes.javascript import build as javascript
from codeactions.runtimes.job_input import FRAMES_FD, receive
from codeactions.runtimes.protocol import META_LIMIT, Kind, pack_described
from codeactions.runtimes.python import build as python

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import NoReturn

    from codeactions.sandbox.config import Limits

_BUILDS = {"python": python.build, "javascript": javascript.build, "go": go.build}
_ROOM = META_LIMIT // 40  # json turns each character into up to 12 bytes
_places: dict[str, str] = {}


def preload(_limits: Limits, places: dict[str, str]) -> None:
    """Nothing to warm up: builds are few, and what they start is another program."""
    _places.update(places)


def run() -> NoReturn:
    """Be one build: `{"language"}` and the source in, a RESULT with what was made out, or a FAILURE."""
    job, source = receive()
    meta: dict[str, object]
    try:
        with tempfile.TemporaryDirectory(prefix="build-", ignore_cleanup_errors=True) as folder:
            made = _BUILDS[job["language"]](source, folder, _places)
        if len(made) > job["limits"]["result_bytes"]:
            most = job["limits"]["result_bytes"] // (1024 * 1024)
            raise InvalidSource(
                f"what is built of it is {len(made) // (1024 * 1024)} MB, more than the {most} MB it may be"
            )
        meta = {"status_code": 200, "content_type": "application/octet-stream", "headers": []}
        _send(pack_described(Kind.RESULT, meta, made))
    except InvalidSource as error:
        message, trace = error.message[:_ROOM], error.listing[:_ROOM]
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
