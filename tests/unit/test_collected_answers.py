"""Answers in pieces that are collected to their end, which have the limit of a result."""

import asyncio

from harness import turns
from recording import CODE, Bench, FakeAnswer

from codeactions.domain.run import Answer, AnsweredRun, Call, ErrorType, FinishedRun, Outcome, RunStatus
from codeactions.execution.executor import AnswerCut

IN_PIECES = Answer(b"ab", 201, "text/plain", (), 2)
TOO_LONG = Answer(b"x" * 10, 201, "text/plain", (), 11)


async def test_a_collected_answer_has_the_limit_of_a_result() -> None:
    bench = Bench(FakeAnswer())
    task = asyncio.create_task(bench.runs.run_to_answer(CODE, Call()))
    await turns()
    bench.execution.begun.set_result(bench.answer)
    bench.answer.pieces.put_nowait(b"x" * 10)
    await turns()
    assert not bench.execution.end.done()
    bench.answer.pieces.put_nowait(b"x")
    bench.answer.pieces.put_nowait(AnswerCut)
    await turns()
    error = bench.execution.end.result().error
    assert error is not None
    assert (error.type, error.message) == (ErrorType.OUTPUT_LIMIT, "the result has more than 10 bytes")
    bench.end(Outcome())
    finished = await asyncio.wait_for(task, 10)
    assert isinstance(finished, FinishedRun)
    assert finished.outcome.error is error


async def test_a_collected_answer_over_the_limit_fails_even_if_it_was_whole_before_it_was_read() -> None:
    bench = Bench(FakeAnswer())
    task = asyncio.create_task(bench.runs.run_to_answer(CODE, Call()))
    await turns()
    bench.end(Outcome(answer=TOO_LONG))
    bench.execution.begun.set_result(bench.answer)
    bench.answer.pieces.put_nowait(b"x" * 11)
    bench.answer.pieces.put_nowait(None)
    finished = await asyncio.wait_for(task, 10)
    assert isinstance(finished, FinishedRun)
    assert finished.outcome.error is not None
    assert (finished.run.status, finished.outcome.error.type) == (RunStatus.FAILED, ErrorType.OUTPUT_LIMIT)
    assert (finished.added["result_bytes"], finished.added["result_cut"]) == (11, True)
    assert [one.run for one in bench.recorder.finished] == [finished.run]


async def test_work_after_a_collected_answer_over_the_limit_is_ended() -> None:
    bench = Bench(FakeAnswer())
    task = asyncio.create_task(bench.runs.run_to_answer(CODE, Call()))
    await turns()
    bench.answer.whole.set_result(TOO_LONG)
    bench.answer.pieces.put_nowait(None)
    bench.execution.begun.set_result(bench.answer)
    finished = await asyncio.wait_for(task, 10)
    assert isinstance(finished, FinishedRun)
    assert finished.outcome.error is not None
    assert finished.outcome.error.type is ErrorType.OUTPUT_LIMIT
    assert [one for one in bench.recorder.answered if one.added] == []


async def test_a_collected_answer_with_work_after_it_is_told_as_started() -> None:
    bench = Bench(FakeAnswer())
    task = asyncio.create_task(bench.runs.run_to_answer(CODE, Call()))
    await turns()
    bench.execution.begun.set_result(bench.answer)
    bench.answer.pieces.put_nowait(None)
    bench.answer.whole.set_result(IN_PIECES)
    told = await asyncio.wait_for(task, 10)
    assert isinstance(told, AnsweredRun)
    assert (told.run.status, told.run.result) == (RunStatus.STARTED, "ab")
    bench.end(Outcome(answer=IN_PIECES))
    await bench.over()
