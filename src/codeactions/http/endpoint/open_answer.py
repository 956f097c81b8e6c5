"""An endpoint's answer that goes out as it comes, while its run goes on."""

import asyncio
from contextlib import aclosing, suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from codeactions.domain.errors import Error
from codeactions.domain.run import ErrorType, RunError
from codeactions.execution.executor import AnswerCut
from codeactions.execution.open_run import OpenRun
from codeactions.http.endpoint.answer_headers import WITHOUT_BODY, answer_headers

# A client that takes nothing holds its run until the run's time is over, and this answer for so long after that. What
# the connection then still holds is the kernel's: `cli/serve.py` limits it.
_REST_SECONDS = 60.0
_LEAVING_SECONDS = 1.0  # in which the HTTP server says that a client left, from the moment it can send nothing more
_STOPPED = RunError(ErrorType.CANCELLED, "the server stopped")


class OpenAnswer(Response):
    """Sends the answer of a run in pieces. A client that leaves ends the run.

    An answer that is not whole, or whose end is not on record, is cut: the connection is closed without the last chunk.
    """

    def __init__(self, opened: OpenRun) -> None:
        super().__init__(status_code=opened.head.status_code)
        self._opened = opened
        self.raw_headers = answer_headers(opened.head, str(opened.run.id), length=None)
        # A proxy that gathers the pieces, or keeps them, would undo what they are for.
        self.raw_headers.append((b"x-accel-buffering", b"no"))
        if not any(name.lower() == "cache-control" for name, _ in opened.head.headers):
            self.raw_headers.append((b"cache-control", b"no-cache"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        has_body = scope["method"] != "HEAD" and self.status_code not in WITHOUT_BODY
        sending = asyncio.create_task(self._send(send, has_body=has_body))
        left = asyncio.create_task(_until_left(receive))
        ends = {sending, left, asyncio.create_task(self._until_stuck())}
        is_gone = False
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                self._opened.leave()
            elif sending.exception() is not None:  # nearly always its client leaves at this moment, which is no error
                await asyncio.wait({left}, timeout=_LEAVING_SECONDS)
            is_gone = left.done()
        except asyncio.CancelledError:  # by the HTTP server that stops, which would log it as an error of ours
            self._opened.leave(_STOPPED)
        finally:
            for task in ends:
                task.cancel()
            await asyncio.wait(ends)
        if not sending.cancelled() and (error := sending.exception()) is not None:
            self._opened.leave()
            if not is_gone:
                raise error

    async def _send(self, send: Send, *, has_body: bool) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async with aclosing(self._opened.chunks()) as chunks:
                async for chunk in chunks:
                    if has_body:
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except (AnswerCut, Error):  # the record tells the reason; the HTTP server closes what is not complete
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _until_stuck(self) -> None:
        """Wait until the run is over, and its client has had time enough to take the rest."""
        with suppress(Error):
            await self._opened.on_record()
        await asyncio.sleep(_REST_SECONDS)


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
