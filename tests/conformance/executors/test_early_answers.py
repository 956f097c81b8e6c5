"""Answers that go out while their execution goes on, in every executor."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest
from conformance.executors.jobs import HELLO, error_of, outcome_of
from conformance.executors.sites import Site, job
from harness import until

from codeactions.domain.job import OutputLimits
from codeactions.domain.run import ErrorType, RunError
from codeactions.execution.executor import CANCELLED, AnswerCut, EarlyAnswer, Execution

STREAM = """
import time
def Run(engine):
    engine.result.head(201, "text/plain", {"X-A": "1"})
    for piece in "abc":
        yield piece
    engine.log.info("at the end")
"""
ENDLESS_STREAM = "import time\ndef Run(engine):\n    while True:\n        yield 'x' * 65536\n"
WORK = """
import time
def Run(engine):
    engine.background(work, engine)
    return "whole"
def work(engine):
    engine.log.info("working")
    while True: time.sleep(1)
"""


async def early(site: Site, source: str) -> tuple[Execution, EarlyAnswer]:
    execution = await site.executor.start(job(source))
    async with asyncio.timeout(60):
        answer = await execution.early_answer()
    assert answer is not None
    return execution, answer


async def whole(answer: EarlyAnswer) -> bytes:
    async with asyncio.timeout(60):
        return b"".join([piece async for piece in answer.chunks()])


async def test_an_answer_in_pieces(site: Site) -> None:
    execution, answer = await early(site, STREAM)
    assert (answer.head.status_code, answer.head.headers, answer.body) == (201, (("X-A", "1"),), None)
    assert await whole(answer) == b"abc"
    assert await answer.answered() is None
    outcome = await execution.outcome()
    assert outcome.answer is not None
    assert (outcome.error, outcome.answer.body, outcome.answer.size) == (None, b"abc", 3)
    assert [line.content for line in outcome.logs] == ["at the end"]
    await until(lambda: site.busy() == 0)


async def test_work_after_a_whole_answer(site: Site) -> None:
    execution, answer = await early(site, WORK)
    assert (answer.body, await whole(answer)) == (b"whole", b"whole")
    told = await answer.answered()
    assert told is not None
    assert (told.body, told.size) == (b"whole", None)
    assert (await anext(aiter(execution.events()))).content == "working"
    assert site.busy() == 1
    execution.cancel()
    outcome = await execution.outcome()
    assert (outcome.error, outcome.answer) == (CANCELLED, told)
    await until(lambda: site.busy() == 0)


async def test_an_answer_at_the_end_is_not_early(site: Site) -> None:
    execution = await site.executor.start(job(HELLO))
    async with asyncio.timeout(60):
        assert await execution.early_answer() is None
    assert (await execution.outcome()).error is None


async def test_an_execution_waits_while_its_answer_is_not_read(site: Site) -> None:
    source = "def Run(engine):\n    for n in range(200):\n        print(n)\n        yield 'x' * 65536\n"
    execution, answer = await early(site, source)
    chunks = answer.chunks()
    await anext(aiter(execution.events()))
    for _ in range(50):
        await asyncio.sleep(0)
    assert site.busy() == 1
    first = await anext(chunks)
    assert len(first) < 1_000_000
    rest = b"".join([piece async for piece in chunks])
    assert len(first) + len(rest) == 200 * 65536


async def test_an_answer_that_is_not_whole_is_cut(site: Site) -> None:
    execution, answer = await early(site, ENDLESS_STREAM)
    chunks = answer.chunks()
    assert set(await anext(chunks)) == {ord("x")}
    reason = RunError(ErrorType.CANCELLED, "enough")
    execution.cancel(reason)
    with pytest.raises(AnswerCut):
        await whole_of(chunks)
    outcome = await execution.outcome()
    assert outcome.error is reason
    assert outcome.answer is not None
    assert outcome.answer.size is not None
    await until(lambda: site.busy() == 0)


async def whole_of(chunks: AsyncIterator[bytes]) -> None:
    async for _ in chunks:
        pass


async def test_the_record_gets_the_beginning_of_a_long_answer(site: Site) -> None:
    execution = await site.executor.start(job(STREAM, output=OutputLimits(result_bytes=2)))
    answer = await execution.early_answer()
    assert answer is not None
    assert await whole(answer) == b"abc"
    kept = (await execution.outcome()).answer
    assert kept is not None
    assert (kept.body, kept.size) == (b"ab", 3)


async def test_an_answer_that_is_never_read_ends_with_the_executions_time(site: Site) -> None:
    error = (await outcome_of(site, ENDLESS_STREAM, timeout=1.0)).error
    assert error is not None
    assert error.type is ErrorType.TIMEOUT
    assert error_of(await outcome_of(site, "def Run(engine):\n    raise ValueError\n    yield\n"))


async def test_cancelling_the_wait_for_an_answer_cancels_the_execution(site: Site) -> None:
    execution = await site.executor.start(job("import time\ndef Run(engine):\n    time.sleep(60)\n"))
    waiting = asyncio.create_task(execution.early_answer())
    await asyncio.sleep(0)
    waiting.cancel()
    assert (await execution.outcome()).error is CANCELLED


async def test_a_dropped_execution_ends_whatever_it_is_about_to_answer(site: Site) -> None:
    execution, answer = await early(site, ENDLESS_STREAM)
    assert answer.head.status_code == 200
    del execution, answer
    gc.collect()
    await until(lambda: site.busy() == 0)
