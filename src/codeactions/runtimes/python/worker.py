"""One Python run, inside the walls: take the job, execute the source, send logs and the end.

`preload` is called once in the zygote, `run` in each run. Everything here may be tampered with by the user's
code once that has begun, so nothing the server relies on is decided here; the server bounds what it reads.
"""

import io
import linecache
import os
import socket
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any, NoReturn

from codeactions.runtimes.frames import HEADER, LOG_LEVELS, META_LIMIT, Kind, pack, pack_described, unpack_described
from codeactions.runtimes.python.engine import Engine, Headers, Log, Params, Request

_JOB_FD = 3
_MODULE = "action"
_FILE = "action.py"
# What most codes import. Each module here makes every fork dearer, each one missing makes its first import
# cost milliseconds: measured in docs/performance.md.
_PRELOADED = (
    "base64",
    "collections",
    "datetime",
    "enum",
    "functools",
    "hashlib",
    "hmac",
    "json",
    "math",
    "random",
    "string",
    "time",
    "urllib.parse",
    "uuid",
)


class OutputLimitError(BaseException):
    """A limit on what a run may put out was crossed. Not an `Exception`: `except Exception` must not hide it."""


def preload() -> None:
    """Warm the zygote up and make it look like a plain interpreter to what runs in it."""
    for name in _PRELOADED:
        __import__(name)
    standard_library = os.path.dirname(os.__file__)
    sys.path[:] = [path for path in sys.path if path.startswith(standard_library)]
    sys.argv = [_FILE]


def run() -> NoReturn:
    """Be one run, from its job to its end."""
    connection = socket.socket(fileno=_JOB_FD)
    try:
        job, body = unpack_described(_receive_frame(connection))
    except EOFError:
        os._exit(0)  # a warm sandbox that is not needed any more
    output = _Output(connection, job["limits"])
    sys.stdout = output.stream("info")
    sys.stderr = output.stream("error")
    os.environ["CODEACTIONS_RUN_ID"] = job["run_id"]
    engine = _make_engine(job, body, output)
    try:
        end = _execute(job["source"], engine, job["limits"]["result_bytes"])
    except OutputLimitError as error:
        end = _failure("output_limit", str(error))
    for stream in (sys.stdout, sys.stderr):
        output.flush(stream)
    connection.sendall(end)
    os._exit(0)  # not sys.exit: threads, atexit hooks and __del__ have no say in when a run is over


def _receive_frame(connection: socket.socket) -> bytes:
    _, length = HEADER.unpack(_receive(connection, HEADER.size))
    return _receive(connection, length)


def _receive(connection: socket.socket, length: int) -> bytes:
    chunks, missing = [], length
    while missing:
        chunk = connection.recv(min(missing, 1 << 20))
        if not chunk:
            raise EOFError
        chunks.append(chunk)
        missing -= len(chunk)
    return b"".join(chunks)


def _make_engine(job: dict[str, Any], body: bytes, output: "_Output") -> Engine:
    request = Request(job["method"], job["path"], Params(job["params"]), Headers(job["headers"]), body)
    return Engine(request, Log(output.line))


def _execute(source: str, engine: Engine, result_bytes: int) -> bytes:
    """Run the source and return the frame that ends the run."""
    try:
        function = _load(source)
    except _InvalidSourceError as error:
        return _failure("invalid_source", str(error), error.trace)
    except MemoryError:
        return _failure("memory", "the code ran out of memory while it was loaded")
    except OutputLimitError:
        raise
    except BaseException as error:
        return _exception(error)
    try:
        value = function(engine)
        if hasattr(value, "__await__"):
            value = _await(value)
        if not engine.result.is_set and value is not None:
            engine.result.set(value)
        return _result(engine, result_bytes)
    except MemoryError:
        return _failure("memory", "the code ran out of memory")
    except OutputLimitError:
        raise
    except BaseException as error:
        return _exception(error)


class _InvalidSourceError(Exception):
    def __init__(self, message: str, trace: str = "") -> None:
        super().__init__(message)
        self.trace = trace


def _load(source: str) -> Callable[[Engine], Any]:
    source = source.removeprefix("\ufeff")
    lines = source.splitlines(keepends=True)
    linecache.cache[_FILE] = (len(source), None, lines, _FILE)  # so that tracebacks show the user's lines
    try:
        compiled = compile(source, _FILE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:  # ValueError: a NUL in the source
        raise _InvalidSourceError(str(error), "".join(traceback.format_exception_only(error))) from None
    except RecursionError:
        raise _InvalidSourceError("the source is nested too deeply") from None
    module = types.ModuleType(_MODULE)
    module.__file__ = _FILE
    sys.modules[_MODULE] = module
    exec(compiled, module.__dict__)  # noqa: S102 - what this program is for, behind the walls
    function = module.__dict__.get("Run")
    if function is None:
        raise _InvalidSourceError("the source defines no function Run(engine)")
    if not callable(function):
        raise _InvalidSourceError(f"Run must be a function, not {type(function).__name__}")
    return function  # type: ignore[no-any-return]


def _await(value: Any) -> Any:
    """Finish an async `Run`. Importing asyncio costs 35 ms; a coroutine that never really waits needs no loop."""
    if "asyncio" in sys.modules or not hasattr(value, "send"):
        return _in_loop(value)
    try:
        value.send(None)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("Run awaits something that needs an event loop of a library other than asyncio")


def _in_loop(value: Any) -> Any:
    import asyncio

    async def main() -> Any:
        return await value

    return asyncio.run(main())


def _result(engine: Engine, limit: int) -> bytes:
    result = engine.result
    if len(result.body) > limit:
        raise OutputLimitError(f"the result has {len(result.body)} bytes; the limit is {limit}")
    meta = {"status_code": result.status_code, "content_type": result.content_type, "headers": result.headers}
    frame = pack_described(Kind.RESULT, meta, result.body)
    if len(frame) - len(result.body) > META_LIMIT:
        raise OutputLimitError(f"the result's headers are over {META_LIMIT} bytes")
    return frame


def _exception(error: BaseException) -> bytes:
    """The frame for whatever the user's code raised, with the traceback from its own frames on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, trace, limit=-50))
        message = str(error)
    except BaseException as second:  # an exception whose __str__ raises, or which is hostile on purpose
        text, message = "", f"(its text could not be made: {type(second).__name__})"
    return _failure("exception", f"{type(error).__name__}: {message}" if message else type(error).__name__, text)


def _failure(kind: str, message: str, trace: str = "") -> bytes:
    # json turns each non-ASCII character into up to 12 bytes; the beginning and the end tell the most.
    room = META_LIMIT // 32
    if len(trace) > 2 * room:
        trace = f"{trace[:room]}\n… {len(trace) - 2 * room} characters left out …\n{trace[-room:]}"
    meta = {"type": kind, "message": message[:room], "traceback": trace}
    return pack_described(Kind.FAILURE, meta, b"")


class _Output:
    """Sends log lines, and stops sending at the limits."""

    def __init__(self, connection: socket.socket, limits: dict[str, int]) -> None:
        self._connection = connection
        self._lines_left = limits["log_lines"]
        self._characters = limits["log_characters"]
        self._bytes_left = limits["log_bytes"]

    def stream(self, level: str) -> io.TextIOWrapper:
        """A text stream whose lines go to the log; stands in for sys.stdout and sys.stderr."""
        raw = _LineWriter(lambda line: self.line(level, line.decode("utf-8", "backslashreplace")))
        return io.TextIOWrapper(
            io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
        )

    def flush(self, stream: Any) -> None:
        """Send what a stream still holds, a last line without its line feed included."""
        try:
            stream.flush()
            stream.buffer.raw.finish()
        except Exception:  # noqa: S110 - the user's code may have put anything in the stream's place
            pass

    def line(self, level: str, text: str) -> None:
        """Send one line. Raises `OutputLimitError` when the run has written far more than is kept."""
        self._bytes_left -= len(text) + 1
        if self._bytes_left < 0:
            raise OutputLimitError("the run wrote more to its log than may be read")
        # One more than is kept: how the server learns that lines were left out.
        if self._lines_left < 0:
            return
        self._lines_left -= 1
        content = text[: self._characters + 1].encode("utf-8", "backslashreplace")
        self._connection.sendall(pack(Kind.LOG, bytes([LOG_LEVELS.index(level)]), content))


class _LineWriter(io.RawIOBase):
    def __init__(self, emit: Callable[[bytes], None]) -> None:
        self._emit = emit
        self._partial = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        *lines, self._partial = (self._partial + bytes(data)).split(b"\n")
        for line in lines:
            self._emit(line)
        if len(self._partial) > 65536:
            self.finish()
        return len(data)

    def finish(self) -> None:
        if self._partial:
            self._emit(self._partial)
            self._partial = b""
