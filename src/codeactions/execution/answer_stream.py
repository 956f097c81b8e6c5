"""The answer of one run, as its frames bring it, and on its way to the one reader that it has while the run goes on."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

from codeactions.domain.job import OutputLimits
from codeactions.domain.run import Answer, AnswerHead
from codeactions.execution.executor import AnswerCut, EarlyAnswer
from codeactions.execution.response_policy import read_answer
from codeactions.runtimes.protocol import META_LIMIT, Kind, Malformed, unpack_described

_MOST_HELD = 256 * 1024  # bytes that wait for the reader; then the run waits
_CHUNK_COST = 128  # bytes that a chunk counts for beside its own: a flood of small ones is work as well
# A flood of chunks would take the server's time from all others, however fast its reader is. So this many are read in
# this many seconds: it is a fifth of a core.
_MOST_CHUNKS, _SECONDS = 2000, 0.02


class AnswerStream:
    """Puts an answer together from its frames, in the order that the protocol has; anything else is malformed.

    read_on: called when the run that had to wait may be read again.
    """

    def __init__(self, limits: OutputLimits, read_on: Callable[[], None]) -> None:
        self._most = limits.result_bytes
        self._read_on = read_on
        self._loop = asyncio.get_running_loop()
        self._begun: Answer | None = None
        self._in_pieces = False
        self._is_whole = False
        self._is_over = False
        self._held = bytearray()  # what the reader has not taken yet
        self._kept = bytearray()  # the first bytes of what came in pieces, for the record
        self._size = 0
        self._cost = 0
        self._since, self._chunks, self._is_flood = 0.0, 0, False
        self._is_waiting = False  # the run, until it is read again
        self._news: asyncio.Future[None] | None = None  # what the reader waits for
        self._answered: asyncio.Future[Answer | None] = self._loop.create_future()
        self.early: asyncio.Future[EarlyAnswer | None] = self._loop.create_future()
        self._body: bytes | None = None

    def __repr__(self) -> str:
        return f"<AnswerStream of {self._size} bytes, {len(self._held)} wait, {'over' if self._is_over else 'open'}>"

    @property
    def head(self) -> AnswerHead:
        """The status, content type and headers, which are sent before the body."""
        assert self._begun is not None, "a reader has it only from then on"
        return self._begun.head

    @property
    def body(self) -> bytes | None:
        """The whole body of an answer that came as one; None of one in pieces."""
        return self._body

    def must_wait(self) -> bool:
        """Return whether the run has to wait; if so, `read_on` is called when that is over."""
        self._is_waiting = self._is_flood or self._cost >= _MOST_HELD
        return self._is_waiting

    @property
    def so_far(self) -> Answer | None:
        """The answer as the record has it; None if none has begun."""
        begun = self._begun
        if begun is None or not self._in_pieces:
            return begun
        return Answer(bytes(self._kept), begun.status_code, begun.content_type, begun.headers, self._size)

    def add(self, piece: bytes) -> None:
        """Take a CHUNK. Raises `Malformed`."""
        if not piece or not self._in_pieces or self._is_whole:
            raise Malformed("a piece of an answer out of its order")
        self._held += piece
        self._cost += len(piece) + _CHUNK_COST
        self._size += len(piece)
        if len(self._kept) < self._most:
            self._kept += piece[: self._most - len(self._kept)]
        self._count()
        self._tell()

    def _count(self) -> None:
        now = self._loop.time()
        if now - self._since > _SECONDS:
            self._since, self._chunks = now, 0
        self._chunks += 1
        if self._chunks >= _MOST_CHUNKS and not self._is_flood:
            self._is_flood = True
            self._loop.call_at(self._since + _SECONDS, self._end_flood)

    def _end_flood(self) -> None:
        self._is_flood, self._chunks, self._since = False, 0, self._loop.time()
        self._release()

    def _release(self) -> None:
        if self._is_waiting and not self.must_wait():
            self._loop.call_soon(self._read_on)

    def take(self, kind: Kind, payload: bytes) -> tuple[dict[str, Any], Answer | None]:
        """Take any other frame of an answer.

        Return its description, and the answer of a run that is over by this frame. Raises `Malformed`.
        """
        if kind == Kind.ANSWERED:
            if not self._in_pieces or self._is_whole:
                raise Malformed("an answer is whole that is not open")
            self._be_whole()
            return {}, None
        meta, body = unpack_described(payload, META_LIMIT)
        if kind == Kind.END:
            answer = self.so_far
            if answer is None or body:
                raise Malformed("an end without an answer, or with one of its own")
            self._is_whole = True
            return meta, answer
        if self._begun is not None:
            raise Malformed("a second answer")
        answer = read_answer(meta, body)
        if len(body) > self._most:
            raise Malformed("a result over the limit")
        goes_on = meta.get("goes_on") is True
        if kind == Kind.RESULT and not goes_on:
            return meta, answer
        self._begin(answer, in_pieces=kind == Kind.STREAM)
        return meta, None

    def _begin(self, answer: Answer, *, in_pieces: bool) -> None:
        if in_pieces and answer.body:
            raise Malformed("an answer in pieces that begins with a body")
        self._begun, self._in_pieces = answer, in_pieces
        if not in_pieces:
            self._body = answer.body
            self._be_whole()
        self.early.set_result(self)

    def _be_whole(self) -> None:
        self._is_whole = True
        self._answered.set_result(self.so_far)
        self._tell()

    def close(self) -> None:
        """Take nothing more: the run is over."""
        self._is_over = True
        if not self.early.done():
            self.early.set_result(None)
        if not self._answered.done():
            self._answered.set_result(None)
        self._tell()

    async def answered(self) -> Answer | None:
        """Wait for the whole answer of a run that then goes on; `executor.EarlyAnswer` says what it promises."""
        return await asyncio.shield(self._answered)

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Give the body as it comes; `executor.EarlyAnswer` says what it promises."""
        if self._body:
            yield self._body
        while True:
            if self._held:
                piece = bytes(self._held)  # many small chunks come as one
                self._held.clear()
                self._cost = 0
                self._release()
                yield piece
            elif self._is_whole:
                return
            elif self._is_over:
                raise AnswerCut
            else:
                self._news = self._loop.create_future()
                await self._news

    def _tell(self) -> None:
        """Wake the reader."""
        if self._news is not None:
            if not self._news.done():
                self._news.set_result(None)
            self._news = None
