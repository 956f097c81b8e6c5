"""The check of a Python source: it is compiled, and nothing of it is kept or executed."""

from __future__ import annotations

import warnings

from codeactions.runtimes.invalid_source import InvalidSource
from codeactions.runtimes.python.source import FILE, format_exception


def build(source: bytes, _folder: str, _places: dict[str, str]) -> bytes:
    """Nothing, if the source can be compiled. Raises `InvalidSource`, `MemoryError` and `RecursionError`."""
    text = source.decode().removeprefix("\ufeff")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape is no mistake yet
            compile(text, FILE, "exec", dont_inherit=True)
    except SyntaxError as error:
        listing = format_exception(error, with_frames=False)
        raise InvalidSource(error.msg, line=error.lineno, column=error.offset, listing=listing) from None
    except ValueError as error:  # a NUL in the source
        raise InvalidSource(str(error)) from None
    return b""
