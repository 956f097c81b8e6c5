"""Runs that answer while they go on: what is on record before each part of their answers, and what happens without."""

import asyncio

import pytest
from harness import turns
from recording import CODE, RUN, Bench, FakeAnswer

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.run import Answer, Call, ErrorType, FinishedRun, Outcome, RunError, RunStatus
from codeactions.execution.executor import AnswerCut
from codeactions.execution.open_run import CLIENT_LEFT, OpenRun

AWAY = Error(ErrorCode.BUSY, "the database is away")
IN_PIECES = Answer(b"ab", 201, "text/plain", (), 2)
WHOLE = Answer(b"whole", 201, "text/plain")
FAILED = RunError(ErrorType.EXCEPTION, "no")


async def read(opened: OpenRun) -> bytes:
    async with asyncio.timeout(10):
        return b"".join([piece async for piece in opened.chunks()])


async def test_before_the_first_piece_the_row_is_on_disk_and_before_the_last_the_end() -> None:
    bench = Bench(FakeAnswer())
    opened = await bench.begin()
    (begun,) = bench.recorder.answered
    assert (begun.run.id, begun.run.status, begun.run.result, begun.added) == (RUN, RunStatus.STARTED, None, {})
    assert (opened.is_in_pieces, opened.head.status_code, bench.runs.running) == (True, 201, 1)
    reading = asyncio.create_task(read(opened))
    for piece in (b"a", b"b", None):
        bench.answer.pieces.put_nowait(piece)
    await turns()
    assert not reading.done(), "the end is not on record"
    bench.end(Outcome(answer=IN_PIECES))
    assert await reading == b"ab"
    (finished,) = bench.recorder.finished
    assert (finished.run.status, finished.run.result) == (RunStatus.COMPLETED, "ab")
    assert finished.added["result_bytes"] == 2
    assert bench.ended == [finished.outcome]
    assert bench.runs.running == 0


async def test_the_next_run_of_the_code_begins_on_disk_until_one_answers_at_its_end() -> None:
    bench = Bench(FakeAnswer())
    for _ in range(2):
        bench.answer = FakeAnswer()
        await bench.begin()
        bench.end(Outcome(answer=IN_PIECES))
        await turns()
    task = asyncio.create_task(bench.runs.run(CODE, Call()))
    await turns()
    bench.execution.answer()
    await task
    task = asyncio.create_task(bench.runs.run(CODE, Call()))
    await turns()
    bench.execution.answer()
    await task
    assert bench.recorder.durable == [False, True, True, False]
    assert len(bench.recorder.answered) == 1, "what is on disk already need not be written again"


async def test_a_whole_answer_is_on_record_before_it_goes_out_and_the_run_goes_on() -> None:
    bench = Bench(FakeAnswer(b"whole"))
    bench.answer.whole.set_result(WHOLE)
    opened = await bench.begin()
    assert (opened.body, opened.run.result, opened.run.status) == (b"whole", "whole", RunStatus.STARTED)
    (answered,) = bench.recorder.answered
    assert answered.run == opened.run
    assert answered.added["status_code"] == 201
    assert (bench.recorder.finished, bench.runs.running) == ([], 1)
    opened.leave()
    assert not bench.execution.end.done(), "work after the answer goes on"
    bench.end(Outcome(answer=WHOLE, error=FAILED))
    await bench.over()
    (finished,) = bench.recorder.finished
    assert (finished.run.status, finished.run.result) == (RunStatus.FAILED, "whole")
    assert finished.run.extra["error"]["message"] == "no"
    assert finished.run.extra["status_code"] == 201


async def test_an_answer_in_pieces_is_whole_when_it_is_on_record_and_the_work_goes_on() -> None:
    bench = Bench(FakeAnswer())
    opened = await bench.begin()
    for piece in (b"ab", None):
        bench.answer.pieces.put_nowait(piece)
    reading = asyncio.create_task(read(opened))
    await turns()
    assert not reading.done()
    bench.answer.whole.set_result(IN_PIECES)
    assert await reading == b"ab"
    assert bench.recorder.answered[-1].run.result == "ab"
    opened.leave()
    assert (bench.execution.end.done(), bench.recorder.finished) == (False, [])
    bench.end(Outcome(answer=IN_PIECES))
    await bench.over()
    assert bench.recorder.finished[0].run.status is RunStatus.COMPLETED


async def test_nothing_goes_out_while_the_row_cannot_be_written() -> None:
    bench = Bench(FakeAnswer())
    bench.recorder.refuses_answer = AWAY
    task = asyncio.create_task(bench.begin())
    await turns(60)
    error = bench.execution.end.result().error
    assert error is not None
    assert error.type is ErrorType.INTERNAL
    bench.end(Outcome())
    with pytest.raises(Error, match="away"):
        await task
    await bench.over()
    assert bench.recorder.finished[0].run.status is RunStatus.FAILED


async def test_a_whole_answer_that_cannot_be_written_does_not_go_out_and_its_work_ends() -> None:
    bench = Bench(FakeAnswer(b"whole"))
    bench.answer.whole.set_result(WHOLE)
    bench.recorder.refuses_answer = AWAY
    with pytest.raises(Error, match="away"):
        await bench.begin()
    assert bench.execution.end.done()
    await bench.over()


async def test_a_begin_that_fails_is_abandoned() -> None:
    bench = Bench(FakeAnswer())
    bench.recorder.refuses_begin = AWAY
    task = asyncio.create_task(bench.begin())
    await turns(60)
    bench.end(Outcome())
    with pytest.raises(Error, match="away"):
        await task
    await bench.over()
    assert (bench.recorder.abandoned, bench.recorder.finished) == ([RUN], [])


async def test_an_answer_whose_end_cannot_be_recorded_is_cut() -> None:
    bench = Bench(FakeAnswer())
    opened = await bench.begin()
    bench.recorder.refuses_finish = AWAY
    for piece in (b"ab", None):
        bench.answer.pieces.put_nowait(piece)
    bench.end(Outcome(answer=IN_PIECES))
    with pytest.raises(Error, match="away"):
        await read(opened)


async def test_an_answer_of_a_run_that_was_taken_for_lost_is_cut() -> None:
    bench = Bench(FakeAnswer())
    opened = await bench.begin()
    bench.recorder.taken_for_lost = True
    bench.answer.pieces.put_nowait(None)
    bench.end(Outcome(answer=IN_PIECES))
    with pytest.raises(AnswerCut):
        await read(opened)


async def test_a_whole_answer_of_a_run_that_was_taken_for_lost_does_not_go_out() -> None:
    bench = Bench(FakeAnswer(b"whole"))
    bench.answer.whole.set_result(WHOLE)
    bench.recorder.taken_for_lost = True
    finished = await bench.begin()
    assert isinstance(finished, FinishedRun)
    assert finished.outcome.error is not None
    assert finished.outcome.error.type is ErrorType.LOST


async def test_an_answer_of_a_run_that_fails_is_cut() -> None:
    bench = Bench(FakeAnswer())
    opened = await bench.begin()
    bench.answer.pieces.put_nowait(b"ab")
    bench.answer.pieces.put_nowait(AnswerCut)
    bench.end(Outcome(answer=IN_PIECES, error=FAILED))
    with pytest.raises(AnswerCut):
        await read(opened)
    await bench.over()
    assert bench.recorder.finished[0].run.result == "ab"


async def test_a_client_that_leaves_ends_the_run_and_the_record_has_what_went_out() -> None:
    bench = Bench(FakeAnswer())
    opened = await bench.begin()
    bench.answer.pieces.put_nowait(b"a")
    chunks = opened.chunks()
    assert await anext(chunks) == b"a"
    opened.leave()
    await chunks.aclose()
    assert bench.execution.end.result().error is CLIENT_LEFT
    bench.execution.end.result().answer = IN_PIECES  # as the server has it: one byte never went out
    bench.end(Outcome())
    await bench.over()
    (finished,) = bench.recorder.finished
    assert (finished.run.status, finished.run.result) == (RunStatus.FAILED, "a")
    assert finished.added["result_bytes"] == 1
    assert finished.added["error"]["type"] == "cancelled"


async def test_an_answer_that_is_not_collected_has_any_length() -> None:
    bench = Bench(FakeAnswer())
    opened = await bench.begin()
    bench.answer.pieces.put_nowait(b"x" * 11)
    bench.answer.pieces.put_nowait(None)
    bench.end(Outcome(answer=Answer(b"x" * 10, 201, "text/plain", (), 11)))
    assert await read(opened) == b"x" * 11
    (finished,) = bench.recorder.finished
    assert finished.run.status is RunStatus.COMPLETED


async def test_a_server_that_stops_waits_for_work_and_then_ends_it() -> None:
    bench = Bench(FakeAnswer(b"whole"))
    bench.answer.whole.set_result(WHOLE)
    await bench.begin()
    await bench.runs.close(0)
    error = bench.execution.end.result().error
    assert error is not None
    assert (error.type, error.message) == (ErrorType.CANCELLED, "the server stopped")
    assert len(bench.recorder.finished) == 1
