"""Answers that go out while their run goes on, with the test at the other end of the run's pipes."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from harness import turns, until
from recording import NOW

from codeactions.domain.job import OutputLimits
from codeactions.domain.run import ErrorType, Outcome, RunError
from codeactions.execution.executor import AnswerCut, EarlyAnswer
from codeactions.execution.sandbox_run import SandboxRun
from codeactions.runtimes.protocol import CHUNK_BYTES, Kind, pack, pack_described
from codeactions.sandbox.server.sandbox import Ended, Sandbox

HEAD = {"status_code": 201, "content_type": "text/plain", "headers": [["X-A", "1"]]}
STREAM = pack_described(Kind.STREAM, HEAD, b"")
WHOLE = pack_described(Kind.RESULT, {**HEAD, "goes_on": True}, b"whole")
RESULT = pack_described(Kind.RESULT, HEAD, b"result")
ANSWERED = pack(Kind.ANSWERED)
END = pack_described(Kind.END, {"held_back": 2}, b"")
FAILURE = pack_described(Kind.FAILURE, {"type": "exception", "message": "no", "traceback": ""}, b"")
LOG = pack(Kind.LOG, b"\1line")


def chunk(data: bytes) -> bytes:
    return pack(Kind.CHUNK, data)


class Pipes:
    """A run whose process is the test. `write` is what it sends, as far as the pipe takes it."""

    def __init__(self, **limits: int) -> None:
        self.sandbox = Sandbox(1, 1, "none", lambda: None)
        self.run = SandboxRun(self.sandbox, OutputLimits(**limits), lambda: NOW)
        self.run.begin(b"", 60)
        self._end = self.sandbox.run_ends[3]
        os.set_blocking(self._end, False)

    def write(self, data: bytes) -> int:
        """Send what the pipe takes, and return how much that was."""
        try:
            return os.write(self._end, data)
        except BlockingIOError:
            return 0

    async def write_all(self, data: bytes) -> None:
        """Send all of it, as long as the server reads."""
        while data:
            sent = self.write(data)
            data = data[sent:]
            if not sent:
                await asyncio.sleep(0)

    async def early(self) -> EarlyAnswer:
        async with asyncio.timeout(10):
            early = await self.run.early_answer()
        assert early is not None
        return early

    async def outcome(self) -> Outcome:
        async with asyncio.timeout(10):
            return await self.run.outcome()


@pytest.fixture
async def pipes() -> AsyncIterator[Pipes]:
    made = Pipes()
    yield made
    made.run.end(RunError(ErrorType.CANCELLED, "over"))
    made.sandbox.close_run_ends()


async def whole(early: EarlyAnswer) -> bytes:
    async with asyncio.timeout(10):
        return b"".join([piece async for piece in early.chunks()])


async def take(early: EarlyAnswer, received: bytearray) -> None:
    """Take an answer to its end. Raises when it is cut."""
    async for piece in early.chunks():
        received += piece


async def test_an_answer_in_pieces(pipes: Pipes) -> None:
    pipes.write(LOG + STREAM)
    early = await pipes.early()
    assert (early.head.status_code, early.head.headers, early.body) == (201, (("X-A", "1"),), None)
    reading = asyncio.create_task(whole(early))
    for piece in (chunk(b"a"), chunk(b"b")[:3], chunk(b"b")[3:], LOG):
        pipes.write(piece)
        await turns()
    assert not reading.done()
    pipes.write(END)
    assert await reading == b"ab"
    outcome = await pipes.outcome()
    assert outcome.error is None
    assert outcome.answer is not None
    assert (outcome.answer.body, outcome.answer.size, outcome.answer.status_code) == (b"ab", 2, 201)
    assert ([line.content for line in outcome.logs], outcome.logs_dropped) == (["line", "line"], 2)
    assert await early.answered() is None


async def test_a_piece_is_there_while_the_run_goes_on(pipes: Pipes) -> None:
    pipes.write(STREAM + chunk(b"first"))
    chunks = (await pipes.early()).chunks()
    assert await anext(chunks) == b"first"
    pipes.write(chunk(b"second"))
    assert await anext(chunks) == b"second"
    assert "running" in repr(pipes.run)


async def test_work_after_an_answer_in_pieces(pipes: Pipes) -> None:
    pipes.write(STREAM + chunk(b"a") + ANSWERED)
    early = await pipes.early()
    assert await whole(early) == b"a"
    answer = await early.answered()
    assert answer is not None
    assert (answer.body, answer.size) == (b"a", 1)
    pipes.write(LOG + FAILURE)
    outcome = await pipes.outcome()
    assert (outcome.answer, outcome.error and outcome.error.message) == (answer, "no")
    assert outcome.status == "failed"


async def test_work_after_a_whole_answer(pipes: Pipes) -> None:
    pipes.write(WHOLE)
    early = await pipes.early()
    assert early.body == b"whole"
    assert await whole(early) == b"whole"
    answer = await early.answered()
    assert answer is not None
    assert (answer.body, answer.size) == (b"whole", None)
    pipes.write(LOG + END)
    outcome = await pipes.outcome()
    assert (outcome.answer, outcome.error, outcome.status) == (answer, None, "completed")


@pytest.mark.parametrize("end", [RESULT, FAILURE, LOG + b"\xff" * 5])
async def test_a_run_that_answers_at_its_end_has_no_early_answer(pipes: Pipes, end: bytes) -> None:
    pipes.write(end)
    async with asyncio.timeout(10):
        assert await pipes.run.early_answer() is None


@pytest.mark.parametrize("end", [FAILURE, b"\xff" * 5])
async def test_an_answer_whose_run_fails_is_cut_after_all_that_came(pipes: Pipes, end: bytes) -> None:
    pipes.write(STREAM + chunk(b"a") + chunk(b"b") + end)
    early = await pipes.early()
    received = bytearray()
    with pytest.raises(AnswerCut):
        await take(early, received)
    assert received == b"ab"
    outcome = await pipes.outcome()
    assert outcome.error is not None
    assert outcome.answer is not None
    assert (outcome.answer.body, outcome.status) == (b"ab", "failed")


OUT_OF_ORDER = {
    "a piece before a head": chunk(b"a"),
    "an end before an answer": END,
    "a whole answer before a head": ANSWERED,
    "two heads": STREAM + STREAM,
    "a head after a whole answer": WHOLE + STREAM,
    "a result after a head": STREAM + RESULT,
    "a result after a whole answer": WHOLE + RESULT,
    "a second whole answer": WHOLE + WHOLE,
    "a piece of a whole answer": WHOLE + chunk(b"a"),
    "a piece after the last": STREAM + ANSWERED + chunk(b"a"),
    "whole twice": STREAM + ANSWERED + ANSWERED,
    "a whole answer that is whole again": WHOLE + ANSWERED,
    "an empty piece": STREAM + chunk(b""),
    "a piece over its bound": STREAM + chunk(b"a" * (CHUNK_BYTES + 1))[:5],
    "a head with a body": pack_described(Kind.STREAM, HEAD, b"x"),
    "an end with a body": STREAM + pack_described(Kind.END, {}, b"x"),
    "an answered with a body": STREAM + pack(Kind.ANSWERED, b"x"),
    "a head without a status": pack_described(Kind.STREAM, {**HEAD, "status_code": None}, b""),
    "a head of another status": pack_described(Kind.STREAM, {**HEAD, "status_code": 100}, b""),
    "a split header": pack_described(Kind.STREAM, {**HEAD, "headers": [["X", "a\r\nY: b"]]}, b""),
    "a head over its bound": pack(Kind.STREAM, b"x" * 65537)[:5],
}


@pytest.mark.parametrize("frames", OUT_OF_ORDER.values(), ids=OUT_OF_ORDER)
async def test_frames_out_of_their_order_end_the_run(pipes: Pipes, frames: bytes) -> None:
    pipes.write(LOG + frames)
    outcome = await pipes.outcome()
    assert outcome.error is not None
    assert outcome.error.type is ErrorType.KILLED
    assert "broke its protocol" in outcome.error.message


async def test_goes_on_is_only_what_says_so(pipes: Pipes) -> None:
    pipes.write(pack_described(Kind.RESULT, {**HEAD, "goes_on": 1}, b"x"))
    assert (await pipes.outcome()).error is None
    assert await pipes.run.early_answer() is None


async def test_the_run_waits_while_its_answer_is_not_taken(pipes: Pipes) -> None:
    piece = chunk(b"x" * CHUNK_BYTES)
    pipes.write(STREAM)
    early = await pipes.early()
    sent = 0
    stuck = 0
    while stuck < 100:  # turns in which the pipe took nothing
        now = pipes.write((piece * 2)[sent % len(piece) :])
        sent += now
        stuck = 0 if now else stuck + 1
        await asyncio.sleep(0)
    assert sent < 1_000_000, "the pipe, the buffer, and one read"
    chunks = early.chunks()
    first = await anext(chunks)
    assert len(first) < 512 * 1024
    assert await until(lambda: pipes.write(piece[sent % len(piece) :]), 10), "there is room again"


async def test_small_pieces_count_for_what_they_cost(pipes: Pipes) -> None:
    pipes.write(STREAM)
    early = await pipes.early()
    flood = chunk(b"x") * 100_000
    sent = 0
    stuck = 0
    while stuck < 100:
        now = pipes.write(flood[sent : sent + 60_000])
        sent += now
        stuck = 0 if now else stuck + 1
        await asyncio.sleep(0)
    chunks = early.chunks()
    received = await anext(chunks)
    assert len(received) < 5000, "no more than the server reads at a time without a pause"
    while len(received) < sent // len(chunk(b"x")):  # after each pause the next ones come
        received += await anext(chunks)
    assert received == b"x" * len(received)


async def test_what_was_left_unread_is_taken_when_the_process_has_ended() -> None:
    pipes = Pipes()
    piece = chunk(b"x" * 10_000)
    await pipes.write_all(STREAM + piece * 30 + END)
    pipes.sandbox.close_run_ends()
    pipes.sandbox.ended.set_result(Ended(status=0))
    assert await whole(await pipes.early()) == b"x" * 300_000
    assert (await pipes.outcome()).error is None


async def test_a_run_over_its_time_keeps_what_it_has_answered(pipes: Pipes) -> None:
    pipes.write(STREAM + chunk(b"a"))
    early = await pipes.early()
    late = RunError(ErrorType.TIMEOUT, "late")
    pipes.write(chunk(b"b") + LOG)
    pipes.run.end(late)
    with pytest.raises(AnswerCut):
        await whole(early)
    outcome = await pipes.outcome()
    assert outcome.answer is not None
    assert (outcome.error, outcome.answer.body) == (late, b"ab")
    assert [line.content for line in outcome.logs] == ["line"]


async def test_the_record_keeps_the_beginning_of_a_long_answer() -> None:
    pipes = Pipes(result_bytes=5)
    pipes.write(STREAM + chunk(b"abc") + chunk(b"def") + chunk(b"ghi") + END)
    assert await whole(await pipes.early()) == b"abcdefghi"
    answer = (await pipes.outcome()).answer
    assert answer is not None
    assert (answer.body, answer.size) == (b"abcde", 9)
    pipes.sandbox.close_run_ends()
