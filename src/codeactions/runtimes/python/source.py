"""From a user's source to its `Run`, and from an exception to what the history shows of it."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable

from codeactions.runtimes.invalid_source import InvalidSource

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any

MODULE = "action"
FILE = "action.py"
_NO_LINE_ENDS = dict.fromkeys(map(ord, "\v\f\x1c\x1d\x1e\x85\u2028\u2029"), " ")
_MOST_FRAMES = 50  # of a traceback, the innermost


class _Loader:
    """Gives tracebacks and `inspect` the user's lines, which are in no file. linecache asks for it by this method.

    linecache splits at characters that do not end a line for Python; the line numbers would not fit.
    """

    def __init__(self, source: str) -> None:
        self._source = source.translate(_NO_LINE_ENDS)

    def get_source(self, name: str) -> str:
        """Return the source of the one module there is."""
        return self._source


def library_path() -> list[str]:
    """Return where runs look for modules: in the standard library."""
    standard_library = os.path.dirname(os.__file__)
    return [path for path in sys.path if path.startswith(standard_library)]


def compiled(source: str) -> types.CodeType:
    """Compile a source. Raises `InvalidSource` that points at the mistake, and `MemoryError`."""
    try:
        return compile(source.removeprefix("\ufeff"), FILE, "exec", dont_inherit=True)
    except SyntaxError as error:
        listing = format_exception(error, with_frames=False)
        raise InvalidSource(error.msg, line=error.lineno, column=error.offset, listing=listing) from None
    except ValueError as error:  # a NUL in the source
        raise InvalidSource(str(error), listing=format_exception(error, with_frames=False)) from None
    except RecursionError:
        raise InvalidSource("the source is nested too deeply") from None


def load(source: str) -> Callable[..., Any]:
    """Execute a source as a module and return its `Run`.

    Raises `InvalidSource`, and whatever the source's own top level raises.
    """
    code = compiled(source)
    module = types.ModuleType(MODULE)
    module.__file__ = FILE
    module.__loader__ = _Loader(source.removeprefix("\ufeff"))  # type: ignore[assignment]
    sys.modules[MODULE] = module
    exec(code, module.__dict__)  # noqa: S102 - what this program is for, inside the walls
    function = module.__dict__.get("Run")
    if function is None:
        raise InvalidSource("the source defines no function Run(engine)")
    if not callable(function):
        raise InvalidSource(f"Run must be a function, not {type(function).__name__}")
    return function  # type: ignore[no-any-return]


def describe(error: BaseException) -> tuple[str, str]:
    """Return message and traceback of what the user's code raised, from its own first frame on."""
    try:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != FILE:
            trace = trace.tb_next
        message = str(error)
        text = format_exception(error.with_traceback(trace))
    except BaseException as second:  # an exception whose __str__ raises, perhaps on purpose
        return f"{type(error).__name__} (its text could not be made: {type(second).__name__})", ""
    return f"{type(error).__name__}: {message}" if message else type(error).__name__, text


def format_exception(error: BaseException, *, with_frames: bool = True) -> str:
    """Return the text that Python itself would print."""
    import traceback  # costs every fork half a megabyte, and only failing runs need it

    if not with_frames:
        return "".join(traceback.format_exception_only(error))
    return "".join(traceback.format_exception(error, limit=-_MOST_FRAMES))
