"""One Python run, inside the walls: take the job, execute the source, send logs and the end.

`preload` is called once in the zygote, `run` in each run. Once the user's code has begun, it may tamper with everything
here. So nothing that the server relies on is decided here; the server bounds what it reads.
"""

from __future__ import annotations

import os
import select
import sys
import time

from codeactions.runtimes.invalid_source import InvalidSource
from codeactions.runtimes.job_input import receive
from codeactions.runtimes.protocol import (
    FRAMES_FD,
    HEADER,
    JOB_FD,
    TEXT_LIMIT,
    Kind,
    pack_described,
    unpack_described,
)
from codeactions.runtimes.python import form, leftovers, network, source, standard_logging
from codeactions.runtimes.python.answering import Answering
from codeactions.runtimes.python.engine import Engine, Log, Request
from codeactions.runtimes.python.output import Output, OutputLimitError, flush

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from codeactions.sandbox.config import Limits

# What most codes import. Each module here makes every fork dearer, each one missing makes its first import
# cost milliseconds: docs/performance.md has the measurements.
_PRELOADED = ("base64", "collections", "datetime", "enum", "functools", "json", "math", "re", "string", "time", "uuid")
_REHEARSALS = 20  # more than CPython 3.11 needs to specialise a function's bytecode
_REHEARSED = """
def Run(engine):
    print("rehearsal")
    engine.log.info("rehearsal %s", engine.header.get("X"))
    engine.result.set({"hello": engine.params.get("name")}, headers={"A": "b"})
"""

_output = Output(FRAMES_FD)


def preload(_limits: Limits, places: dict[str, str]) -> None:
    """Warm the zygote up, and make it look like a plain interpreter to the code that runs in it."""
    form.keep_places(places)
    for name in _PRELOADED:
        __import__(name)
    sys.path[:] = source.library_path()
    sys.argv = [source.FILE]
    network.tell_of_none()
    # Some codes put the second ones back in the place of the first.
    sys.stdout = sys.__stdout__ = _output.stream("info")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _output.stream("error")  # type: ignore[misc]
    # The interpreter adapts to code that runs often, and writes its findings into the functions; done here, the
    # pages they are on stay shared in every run.
    _rehearse(_REHEARSALS)
    standard_logging.install(_output)
    leftovers.watch_coroutines()
    _output.expect_threads()


def _rehearse(times: int) -> None:
    """Go through a whole run some times, with its output thrown away."""
    global _output
    real, nowhere = _output, os.open("/dev/null", os.O_WRONLY)
    streams = sys.stdout, sys.stderr
    _output = Output(nowhere)
    sys.stdout, sys.stderr = _output.stream("info"), _output.stream("error")
    limits = {"result_bytes": 1000, "log_lines": 9, "log_characters": 99, "log_bytes": 9999}
    job: dict[str, Any] = {"source": _REHEARSED, "method": "GET", "path": "/", "limits": limits}
    job |= {"raw_path": "/", "raw_query": "name=x"}
    job |= {"params": [["name", "x"]], "headers": [["x", "y"]]}
    for turn in range(times):
        # New texts each time: of those that the C library has kept, it makes no copy.
        given = {f"REHEARSED_{number}": "x" * (60 - turn * 3 + number % 3) for number in range(12)}
        job |= {"secrets": given, "variables": {}, "environment": given}
        _output.send(_perform(*unpack_described(pack_described(Kind.JOB, job, b"")[HEADER.size :])))
    _output, (sys.stdout, sys.stderr) = real, streams
    for name in given:
        del os.environ[name]
    del sys.modules[source.MODULE]
    os.close(nowhere)


def run() -> NoReturn:
    """Be one run, from its job to its end."""
    if not select.select([JOB_FD], [], [], 0)[0]:
        # A warm sandbox has time. The pages that a run is the first to write to in this process are copied now, before
        # a caller waits for them. It takes half a millisecond out of a call.
        _rehearse(1)
    _output.send(_perform(*receive()))
    os._exit(0)  # not sys.exit: threads, atexit hooks and __del__ have no say in when a run is over


def _perform(job: dict[str, Any], body: bytes) -> bytes:
    """Execute a job and return the frame that ends the run."""
    limits = job["limits"]
    if "timezone" in job:  # else it is UTC, as in the zygote
        os.environ["TZ"] = job["timezone"]
        time.tzset()
    _output.set_limits(lines=limits["log_lines"], characters=limits["log_characters"], size=limits["log_bytes"])
    if "environment" in job:
        for name, value in job["environment"].items():  # `update` would look at what a mapping is first
            os.environ[name] = value
    answering = Answering(_output, limits["result_bytes"])
    values = job.get("secrets"), job.get("variables")
    engine = Engine(Request(job, body), Log(_output.line), answering.result, answering.background, *values)
    try:
        end = _execute(job["source"], engine, answering)
        if left := leftovers.warning(answering.tasks):
            _output.line("warning", left)
        flush(sys.stdout)  # a code may have put a stream of its own before ours
        flush(sys.stderr)
        _output.finish()
        return end
    except OutputLimitError as error:
        return _failure("output_limit", str(error))


def _execute(text: str, engine: Engine, answering: Answering) -> bytes:
    try:
        function = source.load(text)
        return answering.finish(function(engine))
    except InvalidSource as error:
        return _failure("invalid_source", error.message, error.listing, line=error.line, column=error.column)
    except MemoryError:
        return _failure("memory", "the code ran out of memory")
    except OutputLimitError:
        raise
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: to a run they are failures
        return _failure("exception", *source.describe(error))


def _failure(kind: str, message: str, trace: str = "", **place: int | None) -> bytes:
    # Of a long traceback, the beginning and the end tell the most.
    if len(trace) > 2 * TEXT_LIMIT:
        left_out = len(trace) - 2 * TEXT_LIMIT
        trace = f"{trace[:TEXT_LIMIT]}\n… {left_out} characters left out …\n{trace[-TEXT_LIMIT:]}"
    meta = {"type": kind, "message": message[:TEXT_LIMIT], "traceback": trace, "held_back": _output.held_back}
    return pack_described(Kind.FAILURE, meta | place, b"")
