"""The server's own log: one structured line for each event, on standard error."""

import contextlib
import logging
import sys
from typing import TextIO, cast

import structlog

from codeactions.cli.wording import typed


class _StandardError:
    """Standard error for lines that may be lost: work goes on when the log's reader is gone or its disk is full."""

    def write(self, text: str) -> None:
        """Write a text, or nothing."""
        with contextlib.suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        """Write what is held back, or nothing."""
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def say(line: str) -> None:
    """Write one line for people to standard error. Its commands are written so that they can be typed."""
    say_as_it_is(typed(line))


def say_as_it_is(line: str) -> None:
    """Write one line for people to standard error, such as one about the environment and not about options."""
    print(line, file=cast(TextIO, _StandardError()), flush=True)


def configure(log_format: str) -> None:
    """Configure the log. log_format: `text`, `json`, or `auto`, which is text if standard error is a terminal."""
    text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if text
        else structlog.processors.JSONRenderer()
    )
    # Without local variables, whose values may be tokens.
    trace = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(trace) if not text else structlog.processors.StackInfoRenderer(),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _StandardError())),
        cache_logger_on_first_use=True,
    )
    # An answer was cut on purpose. The run's record tells the reason, and a code must not be able to fill the log.
    logging.getLogger("uvicorn.error").addFilter(lambda record: "without completing response" not in str(record.msg))
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(name)s: %(message)s")
