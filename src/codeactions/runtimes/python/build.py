"""The check of a Python source: it is compiled and its imports are looked up; nothing of it is kept or executed."""

from __future__ import annotations

import warnings

from codeactions.runtimes.builds import build_of
from codeactions.runtimes.python.imports import refuse_missing
from codeactions.runtimes.python.source import compiled


@build_of("python")
def build(source: bytes, _folder: str, _places: dict[str, str]) -> bytes:
    """Return nothing if the source can be compiled and loaded. Raises `InvalidSource` and `MemoryError`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an invalid escape is no mistake yet
        compiled(source.decode())
        refuse_missing(source.decode())
    return b""
