"""How a Python run answers: with a whole result at its end, or while it goes on.

Imported in the zygote and used inside runs. The order of the frames is that of runtimes/protocol.py.
"""

from __future__ import annotations

from codeactions.runtimes.protocol import META_LIMIT, Kind, pack, pack_described
from codeactions.runtimes.python import awaitable, leftovers
from codeactions.runtimes.python.background import Background
from codeactions.runtimes.python.output import Output, OutputLimitError
from codeactions.runtimes.python.result import Result
from codeactions.runtimes.python.source import describe

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any


class Answering:
    """The answer of one run, and the work after it. `tasks` counts those that its event loop has left."""

    def __init__(self, output: Output, limit: int) -> None:
        """limit: of a whole result, in bytes."""
        self._output = output
        self._limit = limit
        self.result = Result(output, lambda result: self._described(Kind.STREAM, result))
        self.background = Background()
        self.tasks = 0

    def finish(self, value: Any) -> bytes:
        """Take what `Run` has returned, do all that is left, and return the frame that ends the run.

        Raises what an iterator raises, and the first error of the work after the answer.
        """
        if awaitable.is_awaitable(value):
            awaitable.finish(value, self._take_in_loop)
        else:
            self.result.finish(value)
        result = self.result
        if result.source is not None and not result.is_over:
            if hasattr(result.source, "__next__"):
                result.send_pieces()
            else:
                awaitable.finish(result.send_pieces_as_they_come(), self._count_tasks)
        if self.background:
            self._send_answer()
            self.background.finish(self._count_tasks)
        with self._output.lock:  # a thread that is left may write at this moment
            is_whole = result.source is None and not result.is_open and not result.is_over
            result.close()
        if is_whole:
            return self._described(Kind.RESULT, result)
        self._raise_first_error()
        return pack_described(Kind.END, {"held_back": self._output.held_back}, b"")

    def _take_in_loop(self, value: Any) -> Coroutine[Any, Any, None] | None:
        """Take what an async `Run` has returned, in its event loop. Return what else has to be done in that loop."""
        self.result.finish(value)
        if self.background or self.result.source is not None:
            return self._go_on_in_loop()
        self._count_tasks()
        return None

    async def _go_on_in_loop(self) -> None:
        result = self.result
        if result.source is not None:
            if hasattr(result.source, "__next__"):
                result.send_pieces()
            else:
                await result.send_pieces_as_they_come()
        if self.background:
            self._send_answer()
            await self.background.finish_in_loop()
        elif result.source is not None:
            result.close()
        self._count_tasks()

    def _send_answer(self) -> None:
        """Let the whole answer go out."""
        result = self.result
        with self._output.lock:  # a thread may write at this moment
            if result.is_over:
                return
            if result.is_open or result.source is not None:
                result.close()
                self._output.send(pack(Kind.ANSWERED))
            else:
                self._output.send(self._described(Kind.RESULT, result, goes_on=True))
                result.close()

    def _described(self, kind: Kind, result: Result, **more: Any) -> bytes:
        """Return the frame of a result, or of the head of one in pieces. Raises `OutputLimitError`."""
        body = result.body
        if len(body) > self._limit:
            raise OutputLimitError(f"the result has {len(body)} bytes; the limit is {self._limit}")
        meta = {
            "status_code": result.status_code,
            "content_type": _bytes_of(result.content_type),
            "headers": [(name, _bytes_of(value)) for name, value in result.headers],
            "held_back": self._output.held_back,
            **more,
        }
        frame = pack_described(kind, meta, body)
        if len(frame) - len(body) > META_LIMIT:
            raise OutputLimitError(f"the result's headers are over {META_LIMIT} bytes")
        return frame

    def _raise_first_error(self) -> None:
        errors = self.background.errors
        for error in errors[1:]:
            message, trace = describe(error)
            self._output.line("error", f"work after the answer failed: {trace or message}")
        if errors:
            raise errors[0]

    def _count_tasks(self, _: Any = None) -> None:
        self.tasks = leftovers.tasks_in_loop()


def _bytes_of(value: str) -> str:
    """Return a header's value with a character for each of its bytes, as the protocol has it."""
    return value if value.isascii() else value.encode().decode("latin-1")
