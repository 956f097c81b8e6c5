"""Ends of executions, in every executor: cancelled, refused, over their time, or closed."""

import asyncio
from pathlib import Path
from typing import cast

import pytest
from conformance.executors.jobs import BEGUN, ENDLESS, HELLO, at_work, error_of, outcome_of
from conformance.executors.sites import SLOTS, Site, job
from harness import until

from codeactions.domain.errors import Error
from codeactions.domain.job import OutputLimits
from codeactions.domain.log import LogLine
from codeactions.domain.run import Call, ErrorType, RunError

SILENT_PROGRAM = Path("/bin/true").read_bytes()


async def test_a_cancelled_execution_ends_as_cancelled_and_gives_its_slot_back(site: Site) -> None:
    execution = await at_work(site)
    execution.cancel()
    assert error_of(await execution.outcome()).type is ErrorType.CANCELLED
    await until(lambda: site.busy() == 0)


async def test_an_execution_is_ended_with_the_error_that_is_given_and_only_once(site: Site) -> None:
    execution = await at_work(site)
    execution.cancel(RunError(ErrorType.INTERNAL, "first"))
    execution.cancel(RunError(ErrorType.INTERNAL, "second"))
    assert error_of(await execution.outcome()).message == "first"
    done = await site.executor.start(job(HELLO))
    answer = await done.outcome()
    done.cancel()
    assert (await done.outcome()) == answer


async def test_an_execution_ends_with_the_cancelled_wait_for_its_outcome(site: Site) -> None:
    execution = await at_work(site)
    waiting = asyncio.create_task(execution.outcome())
    await asyncio.sleep(0)  # the task has to begin, or nothing is cancelled in it
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await until(lambda: site.busy() == 0)


async def test_a_line_without_its_end_is_told_when_the_execution_ends(site: Site) -> None:
    execution = await at_work(site, BEGUN)
    told = []
    async for event in execution.events():
        told.append(cast("LogLine", event).content)
        if told[-1] == "at work":
            execution.cancel()
    assert told == ["step 1 done", "at work", "step 2 ... "]
    assert [line.content for line in (await execution.outcome()).logs] == told


async def test_a_closed_executor_starts_nothing_and_lets_go_on_what_runs(site: Site) -> None:
    running = [await at_work(site) for _ in range(SLOTS)]
    waiting = asyncio.create_task(site.executor.start(job(HELLO)))
    await until(lambda: site.waiting() == 1)
    site.executor.close()
    assert site.busy() == SLOTS
    running[0].cancel()
    for start in (waiting, asyncio.create_task(site.executor.start(job(HELLO)))):
        with pytest.raises(Error, match="the server is stopping"):
            await start
    assert site.busy() >= 1


async def test_a_job_over_its_time_ends_as_timeout(site: Site) -> None:
    error = error_of(await outcome_of(site, ENDLESS, timeout=0.5))
    assert (error.type, error.message) == (ErrorType.TIMEOUT, "the run took longer than its 0.5 s")
    await until(lambda: site.busy() == 0)


async def test_output_has_the_jobs_own_limits(site: Site) -> None:
    limits = OutputLimits(result_bytes=10, log_lines=2, log_characters=5)
    source = "def Run(engine):\n    for n in range(5):\n        print('line', n)\n    return 'x' * int(engine.body)\n"
    outcome = await outcome_of(site, source, output=limits, call=Call(body=b"10"))
    assert outcome.answer is not None, outcome.error
    assert [line.content for line in outcome.logs] == ["line…", "line…"]
    assert outcome.logs_dropped == 3
    error = error_of(await outcome_of(site, source, output=limits, call=Call(body=b"11")))
    assert error.type is ErrorType.OUTPUT_LIMIT
