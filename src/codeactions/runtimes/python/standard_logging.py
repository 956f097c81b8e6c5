"""Python's own `logging` and `warnings`, led to the run's log: each record is one entry of its own level.

Only what would end up in the run's standard output or error is led there. So everything that configures logging means
what it means elsewhere: levels, formats, filters, several handlers or none. `logging` is not imported here but changed
when a run imports it: it would make every fork dearer, and few runs need it.
"""

from __future__ import annotations

import sys
import warnings  # the interpreter itself warns as well

from codeactions.runtimes.python import source
from codeactions.runtimes.python.output import Output, Printed
from codeactions.runtimes.python.when_imported import WhenImported

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any

_ERROR, _WARNING, _INFO = 40, 30, 20  # as in logging; levels between them count as the next lower one


def install(output: Output) -> None:
    """Lead both modules to the log: `warnings` now, `logging` when it is imported."""
    _lead_warnings(output)
    if "logging" in sys.modules:
        _lead_logging(sys.modules["logging"], output)
    else:
        WhenImported(("logging",), lambda module: _lead_logging(module, output)).watch()


def _lead_logging(logging: Any, output: Output) -> None:
    write, complain, show = logging.StreamHandler.emit, logging.Handler.handleError, logging._showwarning

    def emit(handler: Any, record: Any) -> None:
        """Write a record as one entry, if the handler's stream leads to the log; else as usual."""
        stream = handler.stream
        if not _leads_to_log(stream):
            write(handler, record)
            return
        try:
            text = _format(logging, handler, record)
            if not stream.closed:
                stream.flush()  # it may be one of the code's own, before ours
            output.line(_level(record.levelno), text.rstrip("\n"))
        except RecursionError:
            raise
        except Exception:  # of a formatter, an argument or a stream: as everywhere, no code fails by logging
            handler.handleError(record)

    def handle_error(handler: Any, record: Any) -> None:
        """Tell by one entry that a record could not be written, if that would be printed to the log; else as usual."""
        error = sys.exc_info()[1]
        if logging.raiseExceptions and error is not None and _leads_to_log(sys.stderr):
            output.line("error", _complaint(error, record))
        else:
            complain(handler, record)

    def show_captured(
        message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: str | None = None
    ) -> None:
        """Log a warning after `captureWarnings`, also where no handler takes it: there it would get lost."""
        if file is None and not logging.getLogger("py.warnings").hasHandlers():
            output.line("warning", warnings.formatwarning(message, category, filename, lineno, line).rstrip("\n"))
        else:
            show(message, category, filename, lineno, file, line)

    logging.StreamHandler.emit, logging.Handler.handleError, logging._showwarning = emit, handle_error, show_captured


def _lead_warnings(output: Output) -> None:
    show = warnings.showwarning

    def show_in_log(
        message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: str | None = None
    ) -> None:
        """Write a warning as one entry, if it would be printed on the run's own standard error; else as usual."""
        if _leads_to_log(sys.stderr if file is None else file):
            output.line("warning", warnings.formatwarning(message, category, filename, lineno, line).rstrip("\n"))
        else:
            show(message, category, filename, lineno, file, line)

    warnings.showwarning = show_in_log


def _format(logging: Any, handler: Any, record: Any) -> str:
    """Return the text of a record, in a format that the code has chosen: the usual one repeats the entry's level."""
    formatter = handler.formatter
    if type(formatter) is logging.Formatter and formatter._fmt == logging.BASIC_FORMAT:
        return str(logging._defaultFormatter.format(record))
    return str(handler.format(record))


def _complaint(error: BaseException, record: Any) -> str:
    """Return what `logging` says of a record that could not be written, without the frames that are not the code's."""
    message, trace = source.describe(error)
    try:
        about = (
            f'Logged by: File "{record.pathname}", line {record.lineno}, in {record.funcName}\n'
            f"Message: {record.msg!r}\nArguments: {record.args!r}"
        )
    except Exception:  # of the code's own objects, whose text cannot be made either
        about = "Its message and arguments cannot be shown"
    return f"--- Logging error ---\n{trace.rstrip() or message}\n{about}"


def _leads_to_log(stream: Any) -> bool:
    try:
        return isinstance(stream.buffer, Printed)
    except (AttributeError, ValueError):  # not a stream of text, or detached
        return False


def _level(number: int) -> str:
    return "error" if number >= _ERROR else "warning" if number >= _WARNING else "info" if number >= _INFO else "debug"
